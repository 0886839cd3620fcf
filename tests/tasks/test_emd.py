"""The energy mover's distance: its axioms, hand-computed cases, and the plain solver."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.errors import DataError, MissingExtra
from netwright.tasks import emd
from netwright.tasks.calorimeter_geometry import distances

ot = pytest.importorskip("ot", reason="needs POT (extra data)")
COST = distances()


def one(true: np.ndarray, found: np.ndarray) -> float:
    return float(emd.energy_movers_distance(true[None], found[None], COST)[0])


def wafer(**cells: float) -> np.ndarray:
    values = np.zeros(48)
    for name, charge in cells.items():
        values[int(name[1:])] = charge
    return values


def test_one_cell_moved_by_one_pitch_costs_two() -> None:
    assert one(wafer(c0=1.0), wafer(c1=3.0)) == pytest.approx(2.0)
    assert one(wafer(c0=1.0, c40=1.0), wafer(c1=1.0, c40=1.0)) == pytest.approx(1.0)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_distance_is_a_metric_and_that_of_the_plain_solver(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second, third = rng.exponential(1.0, (3, 48)) * (rng.random((3, 48)) < 0.4) + 1e-3
    there, back = one(first, second), one(second, first)
    assert there == pytest.approx(back, abs=1e-12)
    assert one(first, first * 7.0) == pytest.approx(0.0, abs=1e-12)
    assert one(first, third) <= there + one(second, third) + 1e-9
    plain = ot.emd2(first / first.sum(), second / second.sum(), COST)
    assert there == pytest.approx(float(plain), abs=1e-9)


def test_rows_without_charge_are_marked_and_left_out_of_the_mean() -> None:
    true = np.stack([wafer(), wafer(c0=1.0), wafer(c0=1.0), wafer()])
    found = np.stack([wafer(c0=1.0), wafer(), wafer(c1=1.0), wafer()])
    distance = emd.energy_movers_distance(true, found, COST)
    assert distance[[0, 1, 3]].tolist() == [-1.0, -0.5, -1.0]
    mean = emd.mean_distance(distance)
    assert (mean.mean, mean.excluded) == (pytest.approx(2.0), 0.75)
    assert np.isnan(emd.mean_distance(np.array([-1.0])).mean)


def test_means_by_occupancy_keep_rows_apart() -> None:
    distances = np.array([1.0, 3.0, 10.0, -0.5, 7.0])
    found = emd.by_occupancy(distances, np.array([0, 3, 4, 5, 40]), (0, 4, 20))
    assert [part.mean for part in found] == [2.0, 10.0, 7.0]
    assert [part.excluded for part in found] == [0.0, 0.5, 0.0]


def test_negative_outputs_count_as_nothing() -> None:
    assert one(wafer(c0=1.0), wafer(c0=1.0, c5=-3.0)) == 0.0


@pytest.mark.parametrize(
    ("true", "found", "expected"),
    [
        (np.ones((2, 48)), np.ones((3, 48)), "found charges must have shape (2, 48), not (3, 48)"),
        (np.ones((2, 40)), np.ones((2, 48)), "true charges must have shape (2, 48), not (2, 40)"),
        (
            np.ones((1, 48)),
            np.full((1, 48), np.nan),
            "found charge at row 0, cell 0 must be finite",
        ),
        (
            np.full((1, 48), -1.0),
            np.ones((1, 48)),
            "true charge at row 0, cell 0 must not be negative",
        ),
    ],
)
def test_rows_that_are_no_charges_are_refused(
    true: np.ndarray, found: np.ndarray, expected: str
) -> None:
    with pytest.raises(DataError) as caught:
        emd.energy_movers_distance(true, found, COST)
    assert str(caught.value) == expected


def test_missing_solver_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ot", None)
    with pytest.raises((MissingExtra, ImportError)):
        one(wafer(c0=1.0), wafer(c1=1.0))
