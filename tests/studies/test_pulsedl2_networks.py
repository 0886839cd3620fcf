from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netwright import tasks, train
from netwright.run import Silent
from netwright.studies import Context
from netwright.studies import pulsedl2_networks as networks


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    small = tasks.pulses(train_rows=300, validation_rows=50, test_rows=50)
    monkeypatch.setattr(networks, "task_of", lambda condition: small)
    for name in ("FLOAT", "MIXED", "TUNED"):
        monkeypatch.setattr(networks, name, train.Recipe(epochs=1, batch_size=100))
    return Context("full", tmp_path, Silent())


def test_trainings_are_kept_and_read_back(context, monkeypatch):
    first = networks.tuned(context, (8, 16, 16), seeds=(1,))[1]
    rows = tasks.draw(tasks.pulse_law(), 50, seed=1)
    late = networks.late_ps(first, rows)
    assert late.shape == (50,)
    calls = []
    monkeypatch.setattr(
        "netwright.train.seeds._train", lambda job: calls.append(job)
    )  # nothing is trained again
    again = networks.tuned(context, (8, 16, 16), seeds=(1,))[1]
    assert np.array_equal(networks.late_ps(again, rows), late)
    assert not calls


def test_networks_of_mixed_pulses_go_on_from_the_others(context):
    plain = networks.floats(context, "white", (1,))[1]
    mixed = networks.floats(context, "mixed", (1,))[1]
    rows = tasks.draw(tasks.pulse_law(), 20, seed=1)
    assert not np.array_equal(networks.late_ps(plain, rows), networks.late_ps(mixed, rows))
    assert {path.name for path in context.folder.iterdir()} == {"float-white", "float-mixed"}


def test_methods_are_corrected_at_their_snr(monkeypatch):
    monkeypatch.setattr(networks, "TEST_ROWS", 2000)
    rows = tasks.draw(tasks.pulse_law(snr_db=40.0), 2000, seed=5)
    late = networks.method_late_ps("template fit", rows)
    bound = tasks.averaged_bound(rows.law).time_ps
    assert np.sqrt(np.mean(late**2)) == pytest.approx(bound, rel=0.1)
