"""Sums of tensors and products with constants, exact on the finer of the grids involved."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from netwright.errors import NumericsError
from netwright.formats import Int
from netwright.ir import AttrValue
from netwright.train.emission import Emission
from netwright.train.grid import Grid, along
from netwright.train.operations import Operation
from netwright.train.quantizer import Quantizer, QuantSpec


class Sum(Operation):
    """Adds two tensors on the finer of their grids, exactly.

    Args:
        one_scale: Bring them to one scale for all channels, as where one is repeated.
    """

    def __init__(self, *, one_scale: bool = False) -> None:
        super().__init__()
        self.one_scale = one_scale

    def _aligned(self, sources: Sequence[Grid]) -> tuple[Tensor, int | None, list[Tensor]]:
        """The common scale, its axis, and the integers that bring each tensor to it."""
        first, second = sources
        axes = {grid.axis for grid in sources if grid.axis is not None}
        if len(axes) > 1 or self.one_scale:
            axis, scale = None, torch.minimum(first.scale.min(), second.scale.min())
        else:
            axis = next(iter(axes), None)
            scale = torch.minimum(first.scale, second.scale)
        factors = [grid.scale / scale for grid in sources]
        if any(bool((factor != factor.round()).any()) for factor in factors):
            raise NumericsError("the terms of a sum lie on grids that no integers bring together")
        return scale, axis, factors

    def grid(self, *sources: Grid) -> Grid:
        """The common grid."""
        scale, axis, factors = self._aligned(sources)
        low = sum(_scaled(grid, factor)[0] for grid, factor in zip(sources, factors, strict=True))
        high = sum(_scaled(grid, factor)[1] for grid, factor in zip(sources, factors, strict=True))
        return Grid(scale, axis, low, high).within(low, high)

    def simulate(self, *values: Tensor) -> Tensor:
        """The sum."""
        return values[0] + values[1]

    def codes(self, sources: Sequence[Grid], *codes: Tensor) -> Tensor:
        """The sum on the common grid."""
        _, axis, factors = self._aligned(sources)
        left, right = (
            code * along(factor, axis if grid.axis is None else grid.axis, code.ndim)
            for code, factor, grid in zip(codes, factors, sources, strict=True)
        )
        return left + right

    def emit(self, at: Emission) -> None:
        """An ``Add``, behind what brings its terms to the common grid."""
        scale, axis, factors = self._aligned(at.sources)
        terms = []
        for place, (name, grid, factor) in enumerate(
            zip(at.inputs, at.sources, factors, strict=True)
        ):
            if bool((factor == 1).all()):
                terms.append(name)
                continue
            low, high = _scaled(grid, factor)
            own = axis if grid.axis is None else grid.axis
            along_axis = None if factor.ndim == 0 else own
            terms.append(
                at.helper(
                    ("left", "right")[place], "Requantize", (name,),
                    Grid(scale, axis, low, high), multiplication(factor, low, high, along_axis),
                )
            )  # fmt: skip
        at.node("Add", {}, inputs=tuple(terms))


def _scaled(grid: Grid, factor: Tensor) -> tuple[int, int]:
    """Limits of codes times positive integers."""
    largest = int(factor.max())
    smallest = int(factor.min())
    return (
        grid.low * (largest if grid.low < 0 else smallest),
        grid.high * (largest if grid.high > 0 else smallest),
    )


def multiplication(
    factor: Tensor, low: int, high: int, axis: int | None, offset: tuple[int, ...] = (0,)
) -> dict[str, AttrValue]:
    """The attributes of a ``Requantize`` that multiplies with integers and adds some."""
    return {
        "multiplier": tuple(int(v) for v in factor.reshape(-1)),
        "offset": offset,
        "shift": 0,
        "rounding": "half-even",
        "low": low,
        "high": high,
        "axis": axis,
    }


GAIN_BITS = 12
"""Width of the constants that values are multiplied with."""


class Affine(Operation):
    """Multiplies with constants and adds some: products, sums, normalizations that stay.

    Args:
        gain: Factors: one, or one for each index along `axis`.
        bias: Addends, likewise; ``None`` for none. They are trained, factors are not.
        axis: The axis, ``None`` for one factor.
        bias_bits: Width of the addends.
    """

    factors: Tensor

    def __init__(
        self, gain: Tensor, bias: Tensor | None, axis: int | None, *, bias_bits: int = 32
    ) -> None:
        super().__init__()
        exponent = 0
        gain = gain.double()
        while exponent < 62 and not _is_fine(gain * 2.0**exponent):
            exponent += 1
        self.shift = exponent
        self.axis = axis
        self.register_buffer("factors", (gain * 2.0**exponent).round())
        self.bias = None if bias is None else nn.Parameter(bias.float())
        spec = QuantSpec(
            Int(bias_bits), power_of_two=False, channels=None if axis is None else bias.numel()
        ) if bias is not None else None  # fmt: skip
        self.bias_quantizer = None if spec is None else Quantizer(spec)

    def _common(self, source: Grid) -> int | None:
        if source.axis is not None and self.axis not in (None, source.axis):
            raise NumericsError("factors and scales must lie along one axis")
        return self.axis if source.axis is None else source.axis

    def _offsets(self) -> Tensor:
        if self.bias_quantizer is None or self.bias is None:
            return torch.zeros((), dtype=torch.float64)
        return self.bias_quantizer.codes(self.bias)

    def grid(self, *sources: Grid) -> Grid:
        """A finer grid."""
        (source,) = sources
        self._common(source)
        ends = torch.stack(
            [self.factors * end + self._offsets() for end in (source.low, source.high)]
        )
        scale = source.scale * 2.0**-self.shift
        return Grid(scale, source.axis, 0, 0).within(int(ends.min()), int(ends.max()))

    def simulate(self, *values: Tensor) -> Tensor:
        """Products and sums."""
        (found,) = values
        gain = (self.factors * 2.0**-self.shift).to(found.dtype)
        found = found * along(gain, self.axis, found.ndim)
        if self.bias is not None and self.bias_quantizer is not None:
            found = found + along(self.bias_quantizer(self.bias), self.axis, found.ndim)
        return found

    def calibrate(self, sources: Sequence[Grid], *values: Tensor, weights: bool) -> None:
        """Put the addends on the grid of the products."""
        if self.bias_quantizer is not None:
            self.bias_quantizer.set_scale(sources[0].scale * 2.0**-self.shift)

    def codes(self, sources: Sequence[Grid], *codes: Tensor) -> Tensor:
        """Integer products and sums."""
        rank = codes[0].ndim
        products = codes[0] * along(self.factors, self.axis, rank)
        return products + along(self._offsets(), self._common(sources[0]), rank)

    def emit(self, at: Emission) -> None:
        """A ``Requantize`` without rounding; nothing where only the scale changes."""
        offsets = self._offsets()
        if bool((self.factors == 1).all()) and not bool(offsets.any()):
            at.rescale()
            return
        axis = self._common(at.sources[0])
        if self.factors.ndim == offsets.ndim == 0:
            axis = None
        at.node(
            "Requantize",
            multiplication(
                self.factors, at.grid.low, at.grid.high, axis,
                tuple(int(v) for v in offsets.reshape(-1)),
            ),
        )  # fmt: skip


def _is_fine(values: Tensor) -> bool:
    """Whether rounding to integers loses nothing, or less than the last of the gain's bits."""
    return bool((values == values.round()).all()) or float(values.abs().max()) >= 1 << GAIN_BITS
