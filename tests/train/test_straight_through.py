from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from netwright.backends.rtl.adders.digits import signed_digits
from netwright.formats import Rounding, round_real
from netwright.train.straight_through import limit_digits, on_grid, round_tensor

MODES = tuple(Rounding)
TIES = [s * v for s in (1.0, -1.0) for v in (0.0, 0.5, 1.5, 2.5, 0.49999999999999994, 3.2)]


@pytest.mark.parametrize("mode", MODES)
def test_round_tensor_at_ties(mode: Rounding) -> None:
    rounded = round_tensor(torch.tensor(TIES, dtype=torch.float64), mode)
    np.testing.assert_array_equal(rounded.numpy(), round_real(np.array(TIES), mode))


@pytest.mark.parametrize("mode", MODES)
@given(values=st.lists(st.floats(-(2.0**52), 2.0**52), min_size=1, max_size=20))
def test_round_tensor_equals_the_graphs_rounding(mode: Rounding, values: list[float]) -> None:
    rounded = round_tensor(torch.tensor(values, dtype=torch.float64), mode)
    np.testing.assert_array_equal(rounded.numpy(), round_real(np.array(values), mode))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("scale", [0.125, 2.0])
def test_on_grid_equals_the_graphs_rounding(mode: Rounding, scale: float) -> None:
    """Also where float32 values lie far from the grid, as with ceil of a tiny number."""
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(size=500) * 4 * scale, np.array(TIES) * scale, [1e-9]])
    values = values.astype(np.float32)
    rounded = on_grid(torch.from_numpy(values), scale, low=-8, high=7, rounding=mode)
    wanted = np.clip(round_real(values / np.float32(scale), mode), -8, 7) * scale
    np.testing.assert_array_equal(rounded.numpy(), wanted)


@pytest.mark.parametrize("mode", MODES)
def test_gradients_pass_inside_the_range_only(mode: Rounding) -> None:
    values = torch.linspace(-6.0, 6.0, 1201, dtype=torch.float64, requires_grad=True)
    upstream = torch.arange(1201, dtype=torch.float64)
    on_grid(values, 0.5, low=-8, high=7, rounding=mode).backward(upstream)
    inside = (values > -8.5 * 0.5) & (values < 7.5 * 0.5)
    assert torch.equal(values.grad, torch.where(inside, upstream, 0.0))


def test_gradients_with_a_scale_for_each_channel() -> None:
    scale = torch.tensor([[0.5], [2.0]])
    values = torch.tensor([[3.0, 3.8, -1.0], [3.0, 16.0, -17.5]], requires_grad=True)
    rounded = on_grid(values, scale, low=-8, high=7, rounding=Rounding.HALF_EVEN)
    assert rounded.tolist() == [[3.0, 3.5, -1.0], [4.0, 14.0, -16.0]]
    rounded.sum().backward()
    assert values.grad.tolist() == [[1.0, 0.0, 1.0], [1.0, 0.0, 0.0]]


def test_values_are_not_changed() -> None:
    values = torch.tensor([0.3, 0.7])
    on_grid(values, 0.5, low=0, high=3, rounding=Rounding.FLOOR)
    assert values.tolist() == pytest.approx([0.3, 0.7])


def test_limited_codes_are_sums_of_few_powers_of_two() -> None:
    codes = torch.arange(-16, 16).float()
    for most in range(4):
        found = limit_digits(codes, torch.full_like(codes, most), 15)
        assert all(len(signed_digits(int(code))) <= most for code in found)
        assert found.abs().max() <= 16
    assert torch.equal(limit_digits(codes, torch.full_like(codes, 3), 15), codes)
    one = limit_digits(codes, torch.ones_like(codes), 15)
    assert one.max() == 8
    assert torch.equal(one[codes.abs() == 5].abs(), torch.tensor([4.0, 4.0]))
