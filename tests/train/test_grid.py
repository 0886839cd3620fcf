from __future__ import annotations

import pytest
import torch

from netwright.errors import NumericsError
from netwright.train.grid import Grid


def grid(*scale: float, axis: int | None = 1) -> Grid:
    return Grid(torch.tensor(scale, dtype=torch.float64), axis, -8, 7)


def test_width_holds_the_largest_magnitude_and_its_sign() -> None:
    assert (grid(1.0).peak, grid(1.0).bits) == (8, 5)
    assert grid(1.0).within(0, 7).bits == 4


def test_limits_beyond_float64_are_refused() -> None:
    assert grid(1.0).within(0, (1 << 52) - 1).bits == 53
    with pytest.raises(NumericsError, match="accumulators need more than 53 bits"):
        grid(1.0).within(0, 1 << 52)


def test_scales_follow_a_flattened_and_a_turned_tensor() -> None:
    found = grid(1.0, 2.0).moved((1, 2, 3), lambda values: values.flatten(1))
    assert (found.axis, found.steps()) == (1, (1.0, 1.0, 1.0, 2.0, 2.0, 2.0))
    turned = grid(1.0, 2.0).moved((1, 2, 3), lambda values: values.permute(0, 2, 1))
    assert (turned.axis, turned.steps()) == (2, (1.0, 2.0))


def test_one_scale_stays_whatever_moves() -> None:
    one = Grid(torch.tensor(0.5, dtype=torch.float64), None, 0, 1)
    assert one.moved((1, 2, 3), lambda values: values.flatten(1)) is one


def test_scales_that_lie_along_no_axis_any_more_are_refused() -> None:
    with pytest.raises(NumericsError) as caught:
        grid(1.0, 2.0, 3.0).moved((1, 3, 4), lambda values: values.reshape(1, 2, 6))
    assert str(caught.value) == (
        "scales of channels do not lie along one axis behind a change of shape\n"
        "hint: use one scale for each tensor"
    )
