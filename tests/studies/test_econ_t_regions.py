"""What weights of a region gain, by distances that are given."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from netwright.run import Silent
from netwright.studies import Context
from netwright.studies import econ_t_regions as study


def test_the_smallest_gain_of_the_regions_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wafers of the three regions by turns; own weights of a region do nothing for the others."""
    places = np.tile([0, 1, 2], 10)
    mean = {"mover-inner": 0.9, "mover-middle": 1.02, "mover-outer": 0.95, "for-inner": 1.1}

    def distances(context: Context, name: str, make: Any) -> Any:
        del context, make
        return np.full((2, len(places)), mean.get(name, 1.0))

    monkeypatch.setattr(study, "network_distances", distances)
    monkeypatch.setattr(study, "table", lambda context: tmp_path)
    split = {"test": SimpleNamespace(region=places)}
    monkeypatch.setattr(study, "wafers", lambda path: split)
    found = study.regions(Context("full", tmp_path, Silent()))
    assert found.ours.value == pytest.approx(-2.0)
    assert found.remark == (
        "inner +10.00 %, middle -2.00 %, outer +5.00 %; trained for the telescope loss: "
        "inner -10.00 %, middle +0.00 %, outer +0.00 %"
    )


def test_all_sets_take_as_many_steps() -> None:
    assert study.EPOCHS % 3 == study.MOVER_EPOCHS % 3 == 0
