"""Rounding, shifting and limiting of one element, in every mode, exact.

Each mode is a constant to add before bits are dropped. With ``s`` dropped bits: nothing (floor),
``2**s - 1`` (ceil), half (half-up), half - 1 (half-down); the modes that look at the sign add one
of two constants; half-even adds half and clears the lowest kept bit where a tie was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from netwright.backends.rtl.adders.adder_graph import Interval, width
from netwright.backends.rtl.cells.affine import Affine, settle
from netwright.backends.rtl.cells.builder import LayerBuilder
from netwright.backends.rtl.cells.circuit import Element, Wire
from netwright.formats import Rounding


def addends(rounding: Rounding, shift: int) -> tuple[int, int]:
    """What a mode adds to values below zero and to others, before `shift` bits are dropped.

    Half-even is not of this kind beyond its half.
    """
    half, most = 1 << (shift - 1), (1 << shift) - 1
    return {
        Rounding.FLOOR: (0, 0),
        Rounding.CEIL: (most, most),
        Rounding.TOWARD_ZERO: (most, 0),
        Rounding.AWAY_FROM_ZERO: (0, most),
        Rounding.HALF_EVEN: (half, half),
        Rounding.HALF_UP: (half, half),
        Rounding.HALF_DOWN: (half - 1, half - 1),
        Rounding.HALF_AWAY: (half - 1, half),
        Rounding.HALF_TOWARD_ZERO: (half, half - 1),
    }[rounding]


def round_off(
    value: Affine, shift: int, rounding: Rounding, layer: LayerBuilder, name: str
) -> Affine:
    """The value divided by ``2**shift`` and rounded."""
    if shift == 0:
        return value
    below, above = addends(rounding, shift)
    low, high = value.interval
    if below != above and low < 0 <= high:
        value = _add_by_sign(value, below, above, layer, name)
    else:
        value = value.plus(above if low >= 0 else below)
    if rounding is Rounding.HALF_EVEN:
        return _drop_to_even(value, shift, layer, name)
    return _drop(value, shift, layer, name)


def _add_by_sign(value: Affine, below: int, above: int, layer: LayerBuilder, name: str) -> Affine:
    wire = settle(value, layer, f"{name}_value")
    assert not isinstance(wire, int)
    low, high = wire.interval
    interval = min(low + below, above), max(high + above, below - 1)
    parameters = {
        "X_BITS": wire.bits,
        "BELOW": below,
        "ABOVE": above,
        "Y_BITS": width(interval),
    }
    return Affine(layer.add("sign_offset", f"{name}_biased", interval, {"x": wire}, parameters))


def _drop(value: Affine, shift: int, layer: LayerBuilder, name: str) -> Affine:
    """The value shifted right; bits that cannot matter are dropped before anything is added."""
    exact = value.shifted_right(shift)
    if exact is not None:
        return exact
    kept, shift = _without_low_bits(value, shift)
    wire = settle(kept, layer, f"{name}_biased")
    if isinstance(wire, int):
        return Affine(None, offset=wire >> shift)
    interval = wire.interval[0] >> shift, wire.interval[1] >> shift
    if interval[0] == interval[1]:
        return Affine(None, offset=interval[0])
    parameters = {
        "X_BITS": wire.bits,
        "X_SIGNED": int(wire.is_signed),
        "SHIFT": shift,
        "Y_BITS": width(interval),
    }
    output = layer.add("shifter", f"{name}_rounded", interval, {"x": wire}, parameters, adders=0)
    return Affine(output)


def _drop_to_even(value: Affine, shift: int, layer: LayerBuilder, name: str) -> Affine:
    if value.wire is not None and value.shift < shift:
        if value.offset & ((1 << value.shift) - 1):  # never a tie
            return _drop(value, shift, layer, name)
        value, shift = _without_low_bits(value, shift)
    wire = settle(value, layer, f"{name}_biased")
    if isinstance(wire, int):
        return Affine(None, offset=_even_quotient(wire, shift))
    interval = _even_quotient(wire.interval[0], shift), _even_quotient(wire.interval[1], shift)
    if interval[0] == interval[1]:
        return Affine(None, offset=interval[0])
    parameters = {
        "X_BITS": wire.bits,
        "X_SIGNED": int(wire.is_signed),
        "SHIFT": shift,
        "Y_BITS": width(interval),
    }
    output = layer.add("half_even", f"{name}_rounded", interval, {"x": wire}, parameters)
    return Affine(output)


def _even_quotient(biased: int, shift: int) -> int:
    """What rounding to even makes of an integer that has half a step added."""
    quotient = biased >> shift
    return quotient if biased & ((1 << shift) - 1) else quotient & ~1


def _without_low_bits(value: Affine, shift: int) -> tuple[Affine, int]:
    """The same quotient from a wire that is not shifted."""
    start = value.shift
    return Affine(value.wire, 0, value.negate, value.offset >> start), shift - start


def limit_all(
    values: Iterable[Affine], limits: Sequence[Interval], layer: LayerBuilder, names: Sequence[str]
) -> list[Affine]:
    """The elements of a tensor, each limited to its interval.

    Where a limit fills a stage, an element that is done before the slowest is limited from below in
    one stage and from above in the next: each time its bits stay what they are or become constants,
    which the set or reset of the registers behind does without a lookup table.

    Args:
        values: The elements, made one after the other.
        limits: The interval of each.
        layer: Where the hardware goes.
        names: What the wires of each are called after.
    """
    if not layer.holds_one_adder:
        return [
            limit(value, *ends, layer, name)
            for value, ends, name in zip(values, limits, names, strict=True)
        ]
    settled = [
        value if _within(value.interval, ends) else Affine.of(settle(value, layer, f"{name}_value"))
        for value, ends, name in zip(values, limits, names, strict=True)
    ]
    done = [_limited_at(*pair, layer) for pair in zip(settled, limits, strict=True)]
    results = []
    for value, (low, high), name, stage in zip(settled, limits, names, done, strict=True):
        if stage < max(done) and value.interval[0] < low and high < value.interval[1]:
            value = limit(value, low, value.interval[1], layer, f"{name}_from_below")
        results.append(limit(value, low, high, layer, name))
    return results


def _limited_at(value: Affine, limits: Interval, layer: LayerBuilder) -> int:
    """The stage in which a value is limited in one step."""
    if value.wire is None:
        return 0
    if _within(value.interval, limits):
        return layer.times[value.wire.name][0]
    return layer.time_of((value.wire,), 1)[0]


def limit(value: Affine, low: int, high: int, layer: LayerBuilder, name: str) -> Affine:
    """The value limited to the interval from `low` to `high`."""
    if _within(value.interval, (low, high)):
        return value
    wire: Element = settle(value, layer, f"{name}_value")
    if isinstance(wire, int):
        return Affine(None, offset=min(max(wire, low), high))
    limited = _limited(wire.interval, (low, high))
    if limited[0] == limited[1]:
        return Affine(None, offset=limited[0])
    parameters = _clamp(wire, (low, high))
    return Affine(layer.add("clamp", f"{name}_limited", limited, {"x": wire}, parameters))


def _within(interval: Interval, limits: Interval) -> bool:
    return limits[0] <= interval[0] and interval[1] <= limits[1]


def _limited(interval: Interval, limits: Interval) -> Interval:
    """What the limits leave of an interval."""
    low, high = (min(max(end, limits[0]), limits[1]) for end in interval)
    return low, high


def _clamp(wire: Wire, limits: Interval) -> dict[str, int]:
    """The parameters of the module that limits a wire."""
    limited = _limited(wire.interval, limits)
    return {
        "X_BITS": wire.bits,
        "X_SIGNED": int(wire.is_signed),
        "CHECK_LOW": int(wire.interval[0] < limits[0]),
        "CHECK_HIGH": int(wire.interval[1] > limits[1]),
        "LOW": limited[0],
        "HIGH": limited[1],
        "LOW_POWER": _power(-limited[0]),
        "HIGH_POWER": _power(limited[1] + 1),
        "Y_BITS": width(limited),
    }


def wrap(value: Affine, low: int, bits: int, layer: LayerBuilder, name: str) -> Affine:
    """The value modulo ``2**bits``, in the interval that starts at `low`."""
    high = low + (1 << bits) - 1
    if low <= value.interval[0] and value.interval[1] <= high:
        return value
    if bits == 0:
        return Affine(None, offset=low)
    start = -(1 << (bits - 1)) if low < 0 else 0
    moved = low - start  # an interval that starts elsewhere is moved to where bits can be dropped
    wire = settle(value.plus(-moved), layer, f"{name}_whole")
    if isinstance(wire, int):
        return Affine(None, offset=((wire - start) & ((1 << bits) - 1)) + low)
    interval = start, start + (1 << bits) - 1
    parameters = {"X_BITS": wire.bits, "X_SIGNED": int(wire.is_signed), "Y_BITS": bits}
    output = layer.add("wrap", f"{name}_wrapped", interval, {"x": wire}, parameters, adders=0)
    return Affine(output).plus(moved)


def _power(value: int) -> int:
    """The exponent of a power of two, or -1."""
    return value.bit_length() - 1 if value > 0 and value & (value - 1) == 0 else -1
