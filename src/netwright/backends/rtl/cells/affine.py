"""Elements between two cells: a wire, shifted, perhaps negated, plus a constant.

Negations, powers of two and constants are carried along and met by one adder as late as possible,
or by none at all.
"""

from __future__ import annotations

from dataclasses import dataclass

from netwright.backends.rtl.adders.adder_graph import Interval, width
from netwright.backends.rtl.cells.builder import LayerBuilder
from netwright.backends.rtl.cells.circuit import Element, Wire


@dataclass(frozen=True, slots=True)
class Affine:
    """``offset + (wire << shift)``, or minus it with `negate`; a constant without a wire."""

    wire: Wire | None
    shift: int = 0
    negate: bool = False
    offset: int = 0

    @classmethod
    def of(cls, element: Element) -> Affine:
        """The element itself."""
        return cls(None, offset=element) if isinstance(element, int) else cls(element)

    @property
    def interval(self) -> Interval:
        """Smallest and largest value."""
        if self.wire is None:
            return self.offset, self.offset
        ends = [end << self.shift for end in self.wire.interval]
        if self.negate:
            ends = [-end for end in reversed(ends)]
        return ends[0] + self.offset, ends[1] + self.offset

    def plus(self, offset: int) -> Affine:
        """The value plus a constant."""
        return Affine(self.wire, self.shift, self.negate, self.offset + offset)

    def times(self, sign: int, shift: int) -> Affine:
        """The value times ``sign * 2**shift``; the sign is 1 or -1."""
        if self.wire is None:
            return Affine(None, offset=sign * self.offset << shift)
        negate = self.negate != (sign < 0)
        return Affine(self.wire, self.shift + shift, negate, sign * self.offset << shift)

    def shifted_right(self, shift: int) -> Affine | None:
        """Exactly ``floor(self / 2**shift)`` if no bit of the wire is dropped, else ``None``."""
        if self.wire is not None and self.shift < shift:
            return None
        rest = self.shift - shift if self.wire is not None else 0
        return Affine(self.wire, rest, self.negate, self.offset >> shift)


def settle(value: Affine, layer: LayerBuilder, name: str) -> Element:
    """The value as one wire, or a constant.

    Args:
        value: The value.
        layer: Where an adder goes, if one is needed.
        name: Name of its output.
    """
    wire, offset = value.wire, value.offset
    if wire is None:
        return offset
    if value.interval[0] == value.interval[1]:
        return value.interval[0]
    if not (offset or value.shift or value.negate):
        return wire
    upper = offset >> value.shift
    bits = width(value.interval)
    skip = 0
    if not value.negate:
        skip = (upper & -upper).bit_length() - 1 if upper else bits
        skip = min(skip, bits - value.shift - 1)
    parameters = {
        "X_BITS": wire.bits,
        "X_SIGNED": int(wire.is_signed),
        "SHIFT": value.shift,
        "NEGATE": int(value.negate),
        "SKIP": skip,
        "OFFSET": offset,
        "Y_BITS": bits,
    }
    adders = int(value.negate or (upper != 0 and bits - value.shift - skip > 1))
    return layer.add("offset_adder", name, value.interval, {"x": wire}, parameters, adders=adders)


def add(one: Affine, other: Affine, layer: LayerBuilder, name: str) -> Affine:
    """The sum of two values."""
    if one.wire is None:
        return other.plus(one.offset)
    if other.wire is None:
        return one.plus(other.offset)
    offset = one.offset + other.offset
    low: Element = settle(one.plus(-one.offset), layer, f"{name}_first")
    high: Element = settle(other.plus(-other.offset), layer, f"{name}_second")
    if isinstance(low, int) or isinstance(high, int):  # pragma: no cover - a wire is never constant
        raise AssertionError("a wire without an interval")
    interval = low.interval[0] + high.interval[0], low.interval[1] + high.interval[1]
    parameters = {
        "LOW_BITS": low.bits,
        "LOW_SIGNED": int(low.is_signed),
        "HIGH_BITS": high.bits,
        "HIGH_SIGNED": int(high.is_signed),
        "SHIFT": 0,
        "SUM_BITS": width(interval),
    }
    wires = {"low": low, "high": high}
    output = layer.add("shift_adder", f"{name}_sum", interval, wires, parameters, port="sum")
    return Affine(output).plus(offset)
