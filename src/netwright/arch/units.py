"""Units of figures in architecture files: prefixes are converted, other units are refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from math import isfinite

_DECIMAL = {
    "f": -15, "p": -12, "n": -9, "u": -6, "µ": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12,
}  # fmt: skip
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40}

_BASES: Mapping[str, Mapping[str, Fraction]] = {
    "B": {"B": Fraction(1), "bit": Fraction(1, 8)},
    "B/s": {"B/s": Fraction(1), "bit/s": Fraction(1, 8)},
    "J/B": {"J": Fraction(1), "J/B": Fraction(1), "J/bit": Fraction(8)},
    "J/op": {"J": Fraction(1), "J/op": Fraction(1)},
    "op/s": {"op/s": Fraction(1), "Hz": Fraction(1)},
    "m2": {"m2": Fraction(1)},
    "W": {"W": Fraction(1)},
    "cycle": {"cycle": Fraction(1)},
    "s": {"s": Fraction(1)},
    "A": {"A": Fraction(1)},
    "V": {"V": Fraction(1)},
}
"""For each unit that is counted in, the units that may be written, and how many of it they are."""

EXAMPLES: Mapping[str, str] = {
    "capacity": "256 KiB", "bandwidth": "16 GB/s", "read_energy": "5 pJ", "write_energy": "5 pJ",
    "energy": "0.2 pJ", "rate": "1 Gop/s", "area": "0.5 mm2", "leakage": "3 mW",
    "adder_cycles": "4 cycle",
}  # fmt: skip
"""For each figure of a node, a value as it may be written."""

_EXAMPLE_UNITS = {
    "B": "KiB", "B/s": "GB/s", "op/s": "GHz", "J/B": "pJ", "J/op": "pJ", "m2": "mm2", "W": "mW",
    "cycle": "cycle", "s": "ns", "A": "mA", "V": "V",
}  # fmt: skip

_SCALED = re.compile(r"(?P<prefix>(?:[KMGT]i|[fpnuµmkMGT])?)(?P<base>B|B/s|bit|bit/s|J|J/B|J/bit"
                     r"|J/op|op/s|Hz|m2|W|cycle|s|A|V)")  # fmt: skip

_WRITTEN = re.compile(r"\s*(?P<value>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(?P<unit>\S*)\s*")


def convert(value: float, unit: str, *, wanted: str) -> float:
    """A figure in the unit that is counted in; correctly rounded.

    Args:
        value: The figure.
        unit: As written, such as ``"GB/s"``, ``"KiB"`` or ``"pJ"``.
        wanted: A key of the table of bases, such as ``"B/s"``.

    Raises:
        ValueError: The unit is another one, or none; or the figure is too large.

    Example:
        >>> convert(16, "GB/s", wanted="B/s"), convert(256, "KiB", wanted="B")
        (16000000000.0, 262144.0)
        >>> convert(2, "mm2", wanted="m2")
        2e-06
    """
    found = _SCALED.fullmatch(unit)
    accepted = _BASES[wanted]
    if found is None or found["base"] not in accepted:
        names = " or ".join(f'"{name}"' for name in accepted)
        raise ValueError(
            f"the unit must be {names}, with or without a prefix as in "
            f'"{_EXAMPLE_UNITS[wanted]}", not "{unit}"'
        )
    prefix = found["prefix"]
    scale = (
        Fraction(2) ** _BINARY[prefix] if prefix in _BINARY else Fraction(10) ** _DECIMAL[prefix]
    )
    if wanted == "m2":
        scale **= 2  # a square millimeter is a millionth of a square meter
    # repr, not the binary value: 0.05 pJ is what the file says.
    try:
        return float(Fraction(repr(value)) * scale * accepted[found["base"]])
    except OverflowError:
        raise ValueError(f"must be a finite number, not {value:g} {unit}") from None


def split(text: str) -> tuple[float, str]:
    """A figure as it is written on a command line: its value and its unit.

    Raises:
        ValueError: It is not a number with a unit.

    Example:
        >>> split("16 GB/s"), split("64KiB")
        ((16.0, 'GB/s'), (64.0, 'KiB'))
    """
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise ValueError(f'must be a number with a unit, not "{text}"')
    value = float(found["value"])
    if not isfinite(value):
        raise ValueError(f'must be a finite number, not "{text}"')
    return value, found["unit"]
