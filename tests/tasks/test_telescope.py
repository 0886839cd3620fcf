"""The telescope error: its weights, and a wafer worked out by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from netwright.errors import ConfigError
from netwright.tasks import telescope
from netwright.tasks.calorimeter_geometry import membership, windows


def test_consistent_weights_count_every_cell_alike() -> None:
    weights = telescope.window_weights("consistent")
    assert weights.sum() == pytest.approx(12.0)
    numbers = membership(windows()).sum(axis=1)
    by_hand = [sum(1 / numbers[cell] for cell in window) / 4 for window in windows()]
    assert weights.tolist() == pytest.approx(by_hand)


def test_published_weights_break_the_rule_in_six_windows() -> None:
    published = telescope.window_weights("published")
    consistent = telescope.window_weights("consistent")
    assert published.sum() == pytest.approx(12.5625)
    different = np.flatnonzero(np.abs(published - consistent) > 1e-9)
    assert [tuple(windows()[i]) for i in different] == [
        (2, 3, 6, 7), (18, 19, 22, 23), (34, 35, 38, 39),
        (2, 3, 19, 23), (3, 7, 34, 35), (18, 19, 39, 35),
    ]  # fmt: skip
    assert published[different].tolist() == pytest.approx([1 / 3] * 3 + [5 / 12] * 3)
    assert consistent[different].tolist() == pytest.approx([13 / 48] * 3 + [7 / 24] * 3)


def test_error_of_one_cell_by_hand() -> None:
    true, found = np.zeros((1, 48)), np.zeros((1, 48))
    true[0, 12], found[0, 12] = 1.0, 0.5  # an outer corner: one window, of weight 9/16
    error = 0.25 * 1.0
    wanted = 4 * error / 48 + 2 * (9 / 16) * error / 36 + error / 3
    assert telescope.telescope_error(true, found)[0] == pytest.approx(wanted)
    assert telescope.telescope_error(found, true)[0] == pytest.approx(wanted)
    assert telescope.telescope_error(true, true)[0] == 0.0


def test_charge_that_stays_near_costs_less() -> None:
    true = np.zeros((3, 48))
    true[:, 5] = 1.0
    found = np.zeros((3, 48))
    found[0, 6], found[1, 11], found[2, 40] = 1.0, 1.0, 1.0
    errors = telescope.telescope_error(true, found)
    assert all(near < far for near, far in pairwise(errors))


def test_other_weights_are_refused() -> None:
    with pytest.raises(ConfigError, match='weights must be published or consistent, not "mine"'):
        telescope.window_weights("mine")  # type: ignore[arg-type]
