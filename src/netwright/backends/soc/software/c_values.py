"""Integers in C: the type that holds an interval, tables, rounding, limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from netwright.formats import Rounding

Interval = tuple[int, int]

_WIDTHS = (8, 16, 32, 64)


def c_type(interval: Interval) -> str:
    """The narrowest signed type that holds every value of an interval.

    >>> c_type((-128, 127)), c_type((0, 255))
    ('int8_t', 'int16_t')
    """
    low, high = interval
    bits = next(w for w in _WIDTHS if -(1 << (w - 1)) <= low and high < 1 << (w - 1))
    return f"int{bits}_t"


def working_type(peak: int) -> str:
    """The type for arithmetic whose largest magnitude is known."""
    return "int32_t" if peak < 1 << 31 else "int64_t"


def type_bytes(name: str) -> int:
    """Bytes of a type.

    >>> type_bytes("int16_t")
    2
    """
    return int(name.removeprefix("u").removeprefix("int").removesuffix("_t")) // 8


def number(value: int) -> str:
    """An integer as C has it."""
    value = int(value)
    if value == -(1 << 63):
        return "(-INT64_C(9223372036854775807) - 1)"
    if -(1 << 31) < value < 1 << 31:
        return str(value)
    return f"INT64_C({value})" if value >= 0 else f"-INT64_C({-value})"


def table(name: str, values: NDArray[np.int64], kind: str) -> Iterator[str]:
    """A constant array."""
    yield f"static const {kind} {name}[{values.size}] = {{"
    texts = [number(int(value)) for value in values.flat]
    for start in range(0, len(texts), 16):
        yield f"    {', '.join(texts[start : start + 16])},"
    yield "};"


def interval_of(values: NDArray[np.int64]) -> Interval:
    """Smallest and largest value of an array."""
    return int(values.min()), int(values.max())


def rounded(value: str, shift: int, mode: Rounding) -> str:
    """An expression for ``value / 2**shift``, rounded; `value` is a name.

    Right shifts of negative integers keep the sign, as GCC defines them.
    """
    if shift == 0:
        return value
    half, below = number(1 << (shift - 1)), number((1 << (shift - 1)) - 1)
    v, s = value, shift
    match mode:
        case Rounding.FLOOR:
            return f"{v} >> {s}"
        case Rounding.CEIL:
            return f"-(-{v} >> {s})"
        case Rounding.HALF_UP:
            return f"({v} + {half}) >> {s}"
        case Rounding.HALF_DOWN:
            return f"({v} + {below}) >> {s}"
        case Rounding.HALF_EVEN:
            return f"({v} + {below} + (({v} >> {s}) & 1)) >> {s}"
        case Rounding.TOWARD_ZERO:
            return f"{v} < 0 ? -(-{v} >> {s}) : {v} >> {s}"
        case Rounding.AWAY_FROM_ZERO:
            return f"{v} < 0 ? {v} >> {s} : -(-{v} >> {s})"
        case Rounding.HALF_AWAY:
            return f"{v} < 0 ? -((-{v} + {half}) >> {s}) : ({v} + {half}) >> {s}"
        case Rounding.HALF_TOWARD_ZERO:
            return f"{v} < 0 ? -((-{v} + {below}) >> {s}) : ({v} + {below}) >> {s}"


def limited(value: str, low: str, high: str) -> Iterator[str]:
    """Statements that bring a variable into an interval."""
    yield f"if ({value} < {low}) {value} = {low};"
    yield f"if ({value} > {high}) {value} = {high};"


def indented(lines: Sequence[str] | Iterator[str], depth: int = 1) -> Iterator[str]:
    """Lines further to the right."""
    for line in lines:
        yield f"{'  ' * depth}{line}" if line else line
