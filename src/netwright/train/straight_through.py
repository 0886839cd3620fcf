"""Rounding to a grid in the forward pass, the identity inside the range in the backward pass.

The gradient of a value passes where its code before clamping lies in the format (Bengio et al.
2013); values that are clipped get none. Rounding is written with in-place tensor operations:
torch's own ``fake_quantize`` kernels compute one value at a time and are several times slower.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from netwright.formats import Rounding


def round_tensor(values: Tensor, mode: Rounding) -> Tensor:
    """Round to integers; the torch twin of :func:`netwright.ir.round_real`."""
    match mode:
        case Rounding.FLOOR:
            return values.floor()
        case Rounding.CEIL:
            return values.ceil()
        case Rounding.TOWARD_ZERO:
            return values.trunc()
        case Rounding.AWAY_FROM_ZERO:
            return values.abs().ceil().copysign(values)
        case Rounding.HALF_EVEN:
            return values.round()
        case Rounding.HALF_UP:
            below = values.floor()
            return below.add_((values - below).ge_(0.5))
        case Rounding.HALF_DOWN:
            above = values.ceil()
            return above.sub_((above - values).ge_(0.5))
        case Rounding.HALF_AWAY:
            return round_tensor(values.abs(), Rounding.HALF_UP).copysign(values)
        case Rounding.HALF_TOWARD_ZERO:
            return round_tensor(values.abs(), Rounding.HALF_DOWN).copysign(values)


def on_grid(
    values: Tensor, scale: float | Tensor, *, low: int, high: int, rounding: Rounding
) -> Tensor:
    """``clamp(round(values / scale), low, high) * scale``, with straight-through gradients.

    Args:
        values: Real values.
        scale: One step, or steps that broadcast against the values.
        low: Smallest code.
        high: Largest code.
        rounding: Rounding mode.
    """
    return _OnGrid.apply(values, scale, low, high, rounding)  # type: ignore[no-untyped-call]


class _OnGrid(Function):
    @staticmethod
    def forward(
        ctx: Any, values: Tensor, scale: float | Tensor, low: int, high: int, rounding: Rounding
    ) -> Tensor:
        ctx.save_for_backward(values)
        ctx.limits = scale, low - 0.5, high + 0.5
        return rounded(values, scale, low, high, rounding)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:
        (values,) = ctx.saved_tensors
        scale, low, high = ctx.limits
        if isinstance(scale, Tensor):
            passed = gradient_inside(gradient, values / scale, low, high)
        else:
            passed = gradient_inside(gradient, values, low * scale, high * scale)
        return passed, None, None, None, None


def rounded(
    values: Tensor, scale: float | Tensor, low: int, high: int, rounding: Rounding
) -> Tensor:
    """The values of :func:`on_grid`, without gradients."""
    codes = values / scale
    codes = codes.round_() if rounding is Rounding.HALF_EVEN else round_tensor(codes, rounding)
    return codes.clamp_(low, high).mul_(scale)


MOST_DIGITS = 3
"""Signed digits of a code that :func:`limit_digits` looks at."""


def limit_digits(codes: Tensor, digits: Tensor, largest: Tensor | int) -> Tensor:
    """The codes as sums of at most so many signed powers of two, the nearest one first.

    Args:
        codes: Integers in floating point.
        digits: How many powers each code may have, 0 to :data:`MOST_DIGITS`.
        largest: Largest code of the format; a single power must not exceed it.
    """
    powers = torch.exp2(torch.as_tensor(largest, dtype=codes.dtype).log2().floor())
    rest, kept = codes, torch.zeros_like(codes)
    for number in range(MOST_DIGITS):
        power = torch.exp2(rest.abs().clamp_min(1.0).log2().round())
        if number == 0:
            power = torch.where(digits == 1, torch.minimum(power, powers), power)
        power = torch.where(rest == 0, rest, power.copysign(rest))
        kept = kept + torch.where(digits > number, power, torch.zeros_like(power))
        rest = rest - power
    return kept


def gradient_inside(gradient: Tensor, values: Tensor, low: float, high: float) -> Tensor:
    """The gradient where ``low < values < high``, zero elsewhere, in one kernel."""
    return torch.ops.aten.hardtanh_backward.default(gradient, values, low, high)
