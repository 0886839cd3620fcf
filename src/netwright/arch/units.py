"""Units of figures in architecture files: prefixes are converted, other units are refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction

_DECIMAL = {
    "f": -15, "p": -12, "n": -9, "u": -6, "µ": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12,
}  # fmt: skip
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40}

_BASES: Mapping[str, Mapping[str, Fraction]] = {
    "B": {"B": Fraction(1), "bit": Fraction(1, 8)},
    "B/s": {"B/s": Fraction(1), "bit/s": Fraction(1, 8)},
    "J": {"J": Fraction(1)},
    "J/B": {"J": Fraction(1), "J/B": Fraction(1), "J/bit": Fraction(8)},
    "J/op": {"J": Fraction(1), "J/op": Fraction(1)},
    "op/s": {"op/s": Fraction(1)},
}
"""For each unit that is counted in, the units that may be written, and how many of it they are."""

_SCALED = re.compile(r"(?P<prefix>(?:[KMGT]i|[fpnuµmkMGT])?)(?P<base>B|B/s|bit|bit/s|J|J/B|J/bit"
                     r"|J/op|op/s)")  # fmt: skip


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
    """
    found = _SCALED.fullmatch(unit)
    accepted = _BASES[wanted]
    if found is None or found["base"] not in accepted:
        names = " or ".join(f'"{name}"' for name in accepted)
        example = {"B": "KiB", "B/s": "GB/s", "op/s": "Gop/s"}.get(wanted, "pJ")
        raise ValueError(
            f'the unit must be {names}, with or without a prefix as in "{example}", not "{unit}"'
        )
    prefix = found["prefix"]
    scale = (
        Fraction(2) ** _BINARY[prefix] if prefix in _BINARY else Fraction(10) ** _DECIMAL[prefix]
    )
    # repr, not the binary value: 0.05 pJ is what the file says.
    try:
        return float(Fraction(repr(value)) * scale * accepted[found["base"]])
    except OverflowError:
        raise ValueError(f"must be a finite number, not {value:g} {unit}") from None
