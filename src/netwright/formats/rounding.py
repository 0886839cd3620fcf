"""Rounding and overflow modes, and what they are called elsewhere."""

from __future__ import annotations

from enum import StrEnum


class Rounding(StrEnum):
    """How a value between two codes becomes a code.

    The text of a member is its name in files. QONNX names differ (its ``HALF_UP`` is our
    ``HALF_AWAY``), as do ``ap_fixed`` names; both are in :data:`QONNX_ROUNDING` and
    :data:`AP_FIXED_ROUNDING`.
    """

    FLOOR = "floor"
    """Toward minus infinity."""
    CEIL = "ceil"
    """Toward plus infinity."""
    TOWARD_ZERO = "toward-zero"
    """Truncation."""
    AWAY_FROM_ZERO = "away-from-zero"
    """To the larger magnitude."""
    HALF_EVEN = "half-even"
    """Nearest; ties to the even code."""
    HALF_UP = "half-up"
    """Nearest; ties toward plus infinity."""
    HALF_DOWN = "half-down"
    """Nearest; ties toward minus infinity."""
    HALF_AWAY = "half-away"
    """Nearest; ties to the larger magnitude."""
    HALF_TOWARD_ZERO = "half-toward-zero"
    """Nearest; ties to the smaller magnitude."""


class Overflow(StrEnum):
    """What happens to a value outside a format."""

    SATURATE = "saturate"
    """The nearest code of the format."""
    WRAP = "wrap"
    """Modulo two to the width."""


QONNX_ROUNDING = {
    Rounding.HALF_EVEN: "ROUND",
    Rounding.CEIL: "CEIL",
    Rounding.FLOOR: "FLOOR",
    Rounding.AWAY_FROM_ZERO: "UP",
    Rounding.TOWARD_ZERO: "DOWN",
    Rounding.HALF_AWAY: "HALF_UP",
    Rounding.HALF_TOWARD_ZERO: "HALF_DOWN",
}
"""Rounding modes that QONNX can name (qonnx 1.0.0, ``custom_op/general/intquant.py``)."""

AP_FIXED_ROUNDING = {
    Rounding.HALF_EVEN: "RND_CONV",
    Rounding.FLOOR: "TRN",
    Rounding.TOWARD_ZERO: "TRN_ZERO",
    Rounding.HALF_UP: "RND",
    Rounding.HALF_DOWN: "RND_MIN_INF",
    Rounding.HALF_AWAY: "RND_INF",
    Rounding.HALF_TOWARD_ZERO: "RND_ZERO",
}
"""Rounding modes that ``ap_fixed`` has (Vitis HLS, arbitrary-precision types)."""
