"""Number formats by name."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import cast

from netwright.errors import NumericsError
from netwright.formats.bipolar import Bipolar
from netwright.formats.block_scaled import (
    MXFP4,
    MXFP6,
    MXFP6_E3M2,
    MXFP8,
    MXFP8_E5M2,
    MXINT8,
    NVFP4,
    BlockScaled,
)
from netwright.formats.fixed import Fixed
from netwright.formats.floats import Float
from netwright.formats.integers import Int
from netwright.formats.minifloat import BFLOAT16, E2M1, E2M3, E3M2, E4M3, E5M2, MiniFloat, Special
from netwright.formats.number import NumberFormat
from netwright.formats.outlier_pairs import Normal, Outlier, OutlierPairs

NAMED: dict[str, NumberFormat] = {
    "bfloat16": BFLOAT16,
    "bipolar": Bipolar(),
    "e2m1": E2M1,
    "e2m3": E2M3,
    "e3m2": E3M2,
    "e4m3": E4M3,
    "e5m2": E5M2,
    "mxfp4": MXFP4,
    "mxfp6": MXFP6,
    "mxfp6-e3m2": MXFP6_E3M2,
    "mxfp8": MXFP8,
    "mxfp8-e5m2": MXFP8_E5M2,
    "mxint8": MXINT8,
    "nvfp4": NVFP4,
}
"""Formats that have a name of their own."""

_SPECIALS: dict[str, Special] = {"": "ieee", "f": "none", "fn": "nan", "fnuz": "negative-zero"}
_INT = re.compile(r"(u?)int(\d{1,2})(n?)", re.ASCII)
_FLOAT = re.compile(r"float(16|32|64)")
_FIXED = re.compile(r"(u?)fixed<(\d{1,2}),(-?\d{1,4})>", re.ASCII)
_MINIFLOAT = re.compile(r"e(\d)m(\d{1,2})(?:b(-?\d{1,4}))?(fnuz|fn|f|)", re.ASCII)
_PAIRS = re.compile(r"(int4|flint4|int8)\+(e2m1|e4m3|e2m5)(?:b(\d{1,2}))?(-left)?", re.ASCII)
_BLOCKS = re.compile(r"(.{1,20})x(\d{1,4})-(e8m0|e\dm\d(?:b-?\d{1,4})?(?:fnuz|fn|f|))", re.ASCII)


def number_named(name: str) -> NumberFormat:
    """The number format that is called so: a name of :data:`NAMED`, or what ``str`` makes of one.

    Raises:
        NumericsError: No format is.

    >>> str(number_named("uint4")), number_named("nvfp4").group
    ('uint4', 16)
    """
    if name in NAMED:
        return NAMED[name]
    if found := _BLOCKS.fullmatch(name):
        element, group, scale = found.groups()
        if scale == "e8m0":
            return BlockScaled(_single(element), int(group))
        return BlockScaled(_single(element), int(group), cast(MiniFloat, _single(scale)))
    if found := _PAIRS.fullmatch(name):
        normal, outlier, bias, left = found.groups()
        return OutlierPairs(
            cast(Normal, normal),
            None if bias is None else int(bias),
            cast(Outlier, outlier),
            "left" if left else "larger",
        )
    return _single(name)


def _single(name: str) -> NumberFormat:
    """A format whose elements are coded one by one."""
    if found := _INT.fullmatch(name):
        return Int(int(found[2]), not found[1], bool(found[3]))
    if found := _FLOAT.fullmatch(name):
        return Float(int(found[1]))
    if found := _FIXED.fullmatch(name):
        return Fixed(int(found[2]), int(found[3]), not found[1])
    if found := _MINIFLOAT.fullmatch(name):
        bias = None if found[3] is None else int(found[3])
        return MiniFloat(int(found[1]), int(found[2]), _SPECIALS[found[4]], bias)
    near = get_close_matches(name, NAMED, n=1)
    meant = f'; did you mean "{near[0]}"?' if near else ""
    raise NumericsError(
        f'"{name}" is no number format{meant}',
        hint="int8, uint4, float16, fixed<8,3>, e4m3fn, int4+e2m1, e2m1fx32-e8m0, "
        + ", ".join(NAMED),
    )
