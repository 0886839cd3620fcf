"""What quantized networks do between their layers, in real values and in exact codes.

Every operation has two meanings that belong together: ``simulate`` computes real values on grids
for training, ``codes`` computes the integers that the hardware does, in float64. ``emit`` writes
the second one as nodes of the integer graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.errors import NumericsError
from netwright.formats import Overflow
from netwright.ir import dyadic
from netwright.train.emission import Emission
from netwright.train.grid import EXACT_BITS, Grid, along
from netwright.train.quantizer import Quantizer
from netwright.train.straight_through import round_tensor

ACTIVATION_NORM = 0.5
"""Exponent of the error that activation scales minimize. On the jets task, whose inputs reach 150
standard deviations, 0.5 comes within one octave of the input scale that is best after fine-tuning
(4, 6 and 8 bits); the usual 2 is two, four and five octaves too coarse."""


class Operation(nn.Module):
    """One step of a quantized network.

    Attributes:
        is_observed_otherwise: Whether scales behind it are chosen on other values than those that
            go on.
    """

    is_observed_otherwise = False

    def grid(self, *sources: Grid) -> Grid:
        """Where the codes lie that come out, given where those lie that go in."""
        raise NotImplementedError

    def simulate(self, *values: Tensor) -> Tensor:
        """Real values on grids, with gradients."""
        raise NotImplementedError

    def observe(self, *values: Tensor) -> Tensor:
        """What the scale of a quantizer behind this is chosen on."""
        return self.simulate(*values)

    def codes(self, sources: Sequence[Grid], *codes: Tensor) -> Tensor:
        """Exact integers, float64."""
        raise NotImplementedError

    def calibrate(self, sources: Sequence[Grid], *values: Tensor, weights: bool) -> None:
        """Choose the scales on real values that come in."""

    def emit(self, at: Emission) -> None:
        """Append the nodes that do the same to the integer graph."""
        raise NotImplementedError

    def forward(self, *values: Tensor) -> Tensor:
        """The simulation; codes need the grids of what is read, see ``codes``."""
        return self.simulate(*values)


class Quantizing(Operation):
    """An operation that ends with a quantizer; several may share one.

    Args:
        quantizer: Of what comes out.
    """

    def __init__(self, quantizer: Quantizer) -> None:
        super().__init__()
        self.quantizer = quantizer

    def unquantized(self, *values: Tensor) -> Tensor:
        """What is quantized."""
        return values[0]

    def calibrate(self, sources: Sequence[Grid], *values: Tensor, weights: bool) -> None:
        """Choose the scale."""
        self.quantizer.calibrate(self.unquantized(*values), norm=ACTIVATION_NORM)


class QuantInput(Quantizing):
    """Quantizes an input of the network; on hardware this happens before the firmware."""

    def grid(self, *sources: Grid) -> Grid:
        """The quantizer's own."""
        return grid_of(self.quantizer)

    def simulate(self, *values: Tensor) -> Tensor:
        """Real values on the input grid."""
        return self.quantizer(values[0])

    def codes(self, sources: Sequence[Grid], *codes: Tensor) -> Tensor:
        """Codes of real values."""
        return self.quantizer.codes(codes[0])

    def emit(self, at: Emission) -> None:
        """A ``Quantize``."""
        dtype = self.quantizer.spec.dtype
        at.node(
            "Quantize",
            {
                "scale": at.grid.steps(),
                "rounding": str(self.quantizer.spec.rounding),
                "low": dtype.min,
                "high": dtype.max,
            },
        )


@dataclass(frozen=True, slots=True)
class Requantizer:
    """``clamp(round((accumulator * multiplier) / 2**shift), low, high)``."""

    multiplier: tuple[int, ...]
    shift: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Interval:
    """Limits of an activation: ReLU has 0 and none, ReLU6 0 and 6."""

    low: float | None = None
    high: float | None = None

    @property
    def is_relu(self) -> bool:
        """Whether only negative values are cut."""
        return self.low == 0 and self.high is None

    def clamp(self, values: Tensor) -> Tensor:
        """Real values inside."""
        if self.low is None and self.high is None:
            return values
        return functional.relu(values) if self.is_relu else values.clamp(self.low, self.high)


EVERYTHING, RELU = Interval(), Interval(0.0)


class QuantActivation(Quantizing):
    """Cuts values to an interval and quantizes them.

    Args:
        quantizer: Of what comes out; several operations may share one.
        interval: ReLU and its like; they cost nothing, since codes are limited anyway.
    """

    def __init__(self, quantizer: Quantizer, interval: Interval = EVERYTHING) -> None:
        super().__init__(quantizer)
        self.interval = interval

    def unquantized(self, *values: Tensor) -> Tensor:
        """The values in the interval."""
        return self.interval.clamp(values[0])

    def grid(self, *sources: Grid) -> Grid:
        """The quantizer's, within the interval."""
        return grid_of(self.quantizer).within(*self.limits())

    def limits(self) -> tuple[int, int]:
        """Smallest and largest code."""
        spec, ends = self.quantizer.spec, []
        for end, extreme in (
            (self.interval.low, spec.dtype.min),
            (self.interval.high, spec.dtype.max),
        ):
            if end is None:
                ends.append(extreme)
                continue
            code = round_tensor(torch.tensor(end).double() / self.quantizer.scale, spec.rounding)
            ends.append(min(max(int(code), spec.dtype.min), spec.dtype.max))
        return ends[0], ends[1]

    def simulate(self, *values: Tensor) -> Tensor:
        """Real values on the grid."""
        (found,) = values
        if not self.interval.is_relu or self.quantizer.spec.dtype.signed:
            found = self.interval.clamp(found)
        return self.quantizer(found)

    def requantizer(self, source: Grid) -> Requantizer:
        """The integers that turn codes of `source` into codes of the quantizer.

        Raises:
            NumericsError: The factors do not fit.
        """
        ratio = source.scale / self.quantizer.scale
        if source.bits > EXACT_BITS - 4:
            raise NumericsError(
                f"accumulators of {source.bits} bits leave no room for a requantization multiplier",
                hint=f"at most {EXACT_BITS - 4} bits are exact; use fewer bits",
            )
        multiplier, shift = dyadic(
            tuple(ratio.reshape(-1).tolist()),
            multiplier_bits=min(31, EXACT_BITS - 2 - source.bits),
        )
        largest = max(map(abs, multiplier))
        if source.bits - 1 + largest.bit_length() > EXACT_BITS and not _are_powers_of_two(
            multiplier
        ):
            raise NumericsError(
                f"a requantization factor of {float(ratio.max()):g} needs more than {EXACT_BITS} "
                f"bits with accumulators of {source.bits} bits",
                hint="calibrate the scales again",
            )
        return Requantizer(multiplier, shift, *self.limits())

    def codes(self, sources: Sequence[Grid], *codes: Tensor) -> Tensor:
        """Codes from codes on another grid."""
        factors = self.requantizer(sources[0])
        multiplier = codes[0].new_tensor(factors.multiplier, dtype=torch.float64)
        axis = sources[0].axis if len(factors.multiplier) > 1 else None
        scaled = codes[0] * along(multiplier, axis, codes[0].ndim) * 2.0**-factors.shift
        rounded = round_tensor(scaled, self.quantizer.spec.rounding)
        return rounded.clamp(factors.low, factors.high)

    def emit(self, at: Emission) -> None:
        """A ``Requantize``."""
        factors = self.requantizer(at.sources[0])
        at.node(
            "Requantize",
            {
                "multiplier": factors.multiplier,
                "offset": (0,),
                "shift": factors.shift,
                "rounding": str(self.quantizer.spec.rounding),
                "low": factors.low,
                "high": factors.high,
                "axis": None if len(factors.multiplier) == 1 else at.sources[0].axis,
            },
        )


class Clip(Operation):
    """Cuts values to an interval on the grid that they have; the limits go to its nearest steps."""

    def __init__(self, interval: Interval) -> None:
        super().__init__()
        self.interval = interval

    def _ends(self, source: Grid) -> list[Tensor]:
        """The limits in steps, one for each scale."""
        ends = []
        for end, extreme in ((self.interval.low, source.low), (self.interval.high, source.high)):
            steps = torch.full_like(source.scale, extreme)
            if end is not None:
                steps = (end / source.scale).round().clamp(source.low, source.high)
            ends.append(steps)
        return ends

    def grid(self, *sources: Grid) -> Grid:
        """That of the source, within the interval."""
        low, high = self._ends(sources[0])
        return sources[0].within(int(low.min()), int(high.max()))

    def simulate(self, *values: Tensor) -> Tensor:
        """Real values in the interval."""
        return self.interval.clamp(values[0])

    def codes(self, sources: Sequence[Grid], *codes: Tensor) -> Tensor:
        """Codes in the interval."""
        low, high = (along(end, sources[0].axis, codes[0].ndim) for end in self._ends(sources[0]))
        return codes[0].clamp(low, high)

    def emit(self, at: Emission) -> None:
        """A ``Relu`` or a ``Limit``."""
        if self.interval.is_relu:
            at.node("Relu", {})
            return
        low, high = (tuple(int(v) for v in end.reshape(-1)) for end in self._ends(at.sources[0]))
        saturate = str(Overflow.SATURATE)
        axis = at.sources[0].axis
        at.node("Limit", {"low": low, "high": high, "overflow": saturate, "axis": axis})


class Drop(Operation):
    """Dropout of the user's network: active in training, nothing in the graph."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def grid(self, *sources: Grid) -> Grid:
        """That of the source."""
        return sources[0]

    def simulate(self, *values: Tensor) -> Tensor:
        """Some of the values."""
        found: Tensor = self.module(values[0])
        return found

    def observe(self, *values: Tensor) -> Tensor:
        """All of the values."""
        return values[0]

    def codes(self, sources: Sequence[Grid], *codes: Tensor) -> Tensor:
        """All of the codes."""
        return codes[0]

    def emit(self, at: Emission) -> None:
        """Nothing."""
        at.alias()


def grid_of(quantizer: Quantizer) -> Grid:
    """The grid of a quantizer with one scale."""
    dtype = quantizer.spec.dtype
    return Grid(quantizer.scale, None, dtype.min, dtype.max)


def _are_powers_of_two(values: tuple[int, ...]) -> bool:
    """Whether products with `values` are exact in floating point whatever their size."""
    return all(value & (value - 1) == 0 for value in values)
