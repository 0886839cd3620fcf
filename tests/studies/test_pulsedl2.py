from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netwright import studies, tasks
from netwright.run import Silent
from netwright.studies import pulsedl2
from netwright.tasks import CONDITIONS, Pulses


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> studies.Context:
    """Two seeds whose networks are off by known times."""
    late: dict[object, tuple[float, float]] = {(8, 16, 16): (60.0, 70.0), (8, 8, 8): (120.0, 140.0)}

    def networks(_: object, widths: object, *__: object, **___: object) -> dict[int, object]:
        return dict(enumerate(late[widths]))

    def errors(rms: float, pulses: Pulses) -> np.ndarray:
        return np.where(np.arange(len(pulses)) % 2, rms, -rms)

    few = {name: tasks.draw(tasks.pulse_law().under(name), 300, seed=1) for name in CONDITIONS}
    monkeypatch.setattr(pulsedl2, "drawn", lambda condition, snr_db: few[condition])
    monkeypatch.setattr(
        pulsedl2, "method_late_ps", lambda name, pulses: errors(pulses.times_ns[0], pulses)
    )
    monkeypatch.setattr(pulsedl2, "tuned", networks)
    monkeypatch.setattr(pulsedl2, "floats", lambda _: {0: 60.0, 1: 70.0})
    monkeypatch.setattr(pulsedl2, "late_ps", errors)
    return studies.Context("full", tmp_path, Silent())


def test_ratios_are_those_of_equal_seeds(context):
    found = pulsedl2.activation_bits(context)
    assert found.ours.value == pytest.approx(2.0)
    assert found.ours.deviation == pytest.approx(0.0)
    assert pulsedl2.weight_bits(context).ours.value == pytest.approx(1.0)


def test_errors_stand_over_the_averaged_bound(context):
    found = pulsedl2.time_resolution(context)
    assert found.ours.value == pytest.approx(65.0 / 53.58, rel=1e-3)
    assert found.ours.deviation == pytest.approx(10 / 2**0.5 / 53.58, rel=1e-2)
    assert "SNR_peak 47.4 dB (SNR_pow 40.4 dB)" in found.ours.source


def test_the_curve_counts_up_to_the_published_snr(context):
    found = pulsedl2.low_noise_curve(context)
    assert found.ours.value == pytest.approx(65.0 / 53.58, rel=1e-3)  # the bound is least there
    assert "60 dB 65.0 ps" in found.remark


def test_the_network_stands_beside_the_template(context):
    for condition, claim in (
        ("stretched", pulsedl2.out_of_model_stretched),
        ("pile-up", pulsedl2.out_of_model_pile_up),
    ):
        fit = pulsedl2.drawn(condition, 47.4).times_ns[0]
        assert claim(context).ours.value == pytest.approx(65 / fit)
    learned = pulsedl2.learned_shapes(context)
    assert learned.ours.value == pytest.approx(65 / pulsedl2.drawn("stretched", 47.4).times_ns[0])
    assert "but white 65 ps" in learned.remark


def test_claims_of_the_first_profile_hold_without_training():
    study = studies.find_study("pulsedl2")
    smoke = [claim.id for claim in study.claims if claim.profile == "smoke"]
    assert len(smoke) == 7
