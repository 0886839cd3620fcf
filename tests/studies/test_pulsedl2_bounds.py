from __future__ import annotations

from pathlib import Path

import pytest

from netwright import studies, tasks
from netwright.run import Silent
from netwright.studies import pulsedl2_bounds as bounds


def test_claims_of_the_law_are_what_was_derived_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = tasks.draw(tasks.pulse_law(), 3000, seed=1)
    monkeypatch.setattr(bounds, "drawn", lambda condition, snr_db: few)
    context = studies.Context("smoke", tmp_path, Silent())
    assert bounds.snr_definitions(context).ours.value == pytest.approx(7.0, abs=0.05)
    assert bounds.bound_time(context).ours.value == pytest.approx(41.3, abs=0.1)
    assert bounds.bound_amplitude(context).ours.value == pytest.approx(0.156, abs=1e-3)
    assert bounds.template_reaches_bound(context).ours.value == pytest.approx(1.0, abs=0.03)
    assert bounds.macs(context).ours.value == 23_616
