from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from netwright.errors import NumericsError
from netwright.formats import Int, Rounding, round_real
from netwright.train import Quantizer, QuantSpec

MODES = tuple(Rounding)
SHAPES: dict[str, Callable[[torch.Generator], Tensor]] = {
    "normal": lambda g: torch.randn(500, generator=g),
    "uniform": lambda g: torch.rand(500, generator=g) * 3 - 1,
    "heavy tail": lambda g: torch.randn(500, generator=g) ** 5,
    "one outlier": lambda g: torch.cat([torch.randn(500, generator=g), torch.tensor([60.0])]),
    "tiny": lambda g: torch.randn(500, generator=g) * 1e-7,
}


def error(values: Tensor, scale: float, dtype: Int) -> float:
    codes = (values.double() / scale).round().clamp(dtype.min, dtype.max)
    return float((codes * scale - values.double()).square().sum())


@pytest.mark.parametrize("bits", [2, 3, 4, 8, 16])
@pytest.mark.parametrize("make", SHAPES.values(), ids=SHAPES)
def test_power_of_two_calibration_is_optimal(make: Callable[..., Tensor], bits: int) -> None:
    """Brute force over all powers of two that could matter."""
    values = make(torch.Generator().manual_seed(bits))
    quantizer = Quantizer(QuantSpec(Int(bits)))
    quantizer.calibrate(values)
    best = min(error(values, 2.0**k, Int(bits)) for k in range(-60, 20))
    assert error(values, float(quantizer.scale), Int(bits)) == best


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_float_calibration_is_close_to_optimal(bits: int) -> None:
    values = torch.randn(500, generator=torch.Generator().manual_seed(0))
    quantizer = Quantizer(QuantSpec(Int(bits), power_of_two=False))
    quantizer.calibrate(values)
    largest = float(values.abs().max()) / Int(bits).max
    best = min(error(values, float(s), Int(bits)) for s in np.linspace(0.05, 1.1, 500) * largest)
    assert error(values, float(quantizer.scale), Int(bits)) <= 1.05 * best
    power = Quantizer(QuantSpec(Int(bits)))
    power.calibrate(values)
    assert error(values, float(quantizer.scale), Int(bits)) <= 1.05 * error(
        values, float(power.scale), Int(bits)
    )


def test_channels_are_calibrated_alone() -> None:
    values = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0))
    values *= torch.tensor([1.0, 10.0, 0.1]).reshape(3, 1, 1)
    together = Quantizer(QuantSpec(Int(4), channels=3))
    together.calibrate(values)
    for channel in range(3):
        alone = Quantizer(QuantSpec(Int(4)))
        alone.calibrate(values[channel])
        assert together.scale[channel] == alone.scale


@pytest.mark.parametrize("power_of_two", [True, False])
def test_dead_channels_keep_the_scales_together(power_of_two: bool) -> None:
    values = torch.tensor([[1.0, -0.7], [0.0, 0.0], [1e-30, 0.0]])
    quantizer = Quantizer(QuantSpec(Int(4), power_of_two, channels=3))
    quantizer.calibrate(values)
    assert float(quantizer.scale.max() / quantizer.scale.min()) <= 2.0**24
    assert quantizer.codes(values)[1:].abs().max() == 0


def test_nothing_but_zeros_gives_an_ordinary_scale() -> None:
    quantizer = Quantizer(QuantSpec(Int(4, signed=False)))
    quantizer.calibrate(torch.zeros(10))
    assert 2.0**-20 < float(quantizer.scale) <= 1.0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", [Int(4), Int(4, narrow=True), Int(3, signed=False)])
def test_codes_equal_the_graphs_rounding(mode: Rounding, dtype: Int) -> None:
    quantizer = Quantizer(QuantSpec(dtype, power_of_two=False, rounding=mode))
    quantizer.set_scale(torch.tensor(0.3))
    values = np.random.default_rng(0).normal(size=500) * 2
    wanted = np.clip(round_real(values / float(quantizer.scale), mode), dtype.min, dtype.max)
    np.testing.assert_array_equal(quantizer.codes(torch.from_numpy(values)).numpy(), wanted)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("channels", [None, 3])
def test_forward_is_codes_times_scale(mode: Rounding, channels: int | None) -> None:
    quantizer = Quantizer(QuantSpec(Int(4), channels=channels, rounding=mode))
    scale = torch.tensor([0.25, 0.5, 2.0]) if channels else torch.tensor(0.25)
    quantizer.set_scale(scale)
    values = torch.randn(3, 50, generator=torch.Generator().manual_seed(0)) * 3
    wanted = quantizer.codes(values) * quantizer.scale_like(values)
    assert torch.equal(quantizer(values).double(), wanted)


@pytest.mark.parametrize("mode", [Rounding.FLOOR, Rounding.CEIL, Rounding.AWAY_FROM_ZERO])
def test_saturated_values_get_the_largest_code_with_any_scale(mode: Rounding) -> None:
    quantizer = Quantizer(QuantSpec(Int(8), power_of_two=False, rounding=mode))
    for scale in (0.1, 0.3, 0.7, 1.3):
        quantizer.set_scale(torch.tensor(scale))
        values = torch.tensor([1e6, -1e6])
        assert quantizer(values).tolist() == pytest.approx([127 * scale, -128 * scale], rel=1e-6)
        assert quantizer.codes(values).tolist() == [127, -128]


def test_a_loaded_scale_is_used_everywhere() -> None:
    first, second = Quantizer(QuantSpec(Int(4))), Quantizer(QuantSpec(Int(4)))
    first.set_scale(torch.tensor(0.25))
    before = second.revision
    second.load_state_dict(first.state_dict())
    values = torch.tensor([0.3, 1.0])
    assert torch.equal(second(values), first(values))
    assert second.revision > before


def test_a_copy_is_independent() -> None:
    first = Quantizer(QuantSpec(Int(4)))
    first.set_scale(torch.tensor(0.25))
    second = copy.deepcopy(first)
    second.set_scale(torch.tensor(4.0))
    assert first(torch.tensor([0.3])).item() == 0.25
    assert second(torch.tensor([3.0])).item() == 4.0


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf")])
def test_impossible_scales_are_refused(bad: float) -> None:
    quantizer = Quantizer(QuantSpec(Int(4)))
    with pytest.raises(NumericsError) as caught:
        quantizer.set_scale(torch.tensor(bad))
    assert str(caught.value) == "quantizer scales must be positive and finite"
    assert float(quantizer.scale) == 1.0


def test_weights_that_are_not_finite_are_refused() -> None:
    with pytest.raises(NumericsError, match=r"finite values, not on nan at \(1,\)"):
        Quantizer(QuantSpec(Int(4))).calibrate(torch.tensor([1.0, float("nan")]))


def test_a_format_without_positive_codes_is_refused() -> None:
    with pytest.raises(NumericsError) as caught:
        QuantSpec(Int(1))
    assert str(caught.value) == (
        "a quantizer's format must hold a positive code, which int1 does not\n"
        "hint: use 2 bits or more, or an unsigned format"
    )
    assert QuantSpec(Int(1, signed=False)).dtype.max == 1


@pytest.mark.parametrize("shape", [(8192, 64), (4096, 8, 32), (2048, 4, 8, 8)])
def test_a_scale_is_chosen_on_every_place_of_a_row(shape: tuple[int, ...]) -> None:
    """Every 8th or 16th value of rows of 64 or 256 would always be one of the same few."""
    values = torch.zeros(shape)
    values.flatten(1)[:, 7] = 3.0
    quantizer = Quantizer(QuantSpec(Int(16), power_of_two=True))
    quantizer.calibrate(values, norm=0.5)
    assert torch.equal(quantizer(values), values)


def test_the_largest_value_is_looked_at_though_it_is_rare() -> None:
    values = torch.full((400_000,), 0.25)
    values[-1] = 1000.0
    quantizer = Quantizer(QuantSpec(Int(16), power_of_two=True))
    quantizer.calibrate(values, norm=0.5)
    assert float(quantizer(values)[0]) == 0.25
    assert float(quantizer(values)[-1]) == 1000.0
