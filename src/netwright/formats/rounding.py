"""Rounding and overflow modes, and what they are called elsewhere."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


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


def round_real(values: NDArray[np.floating], mode: Rounding) -> NDArray[np.floating]:
    """Round real values to integers (kept as floats of the same width)."""
    match mode:
        case Rounding.FLOOR:
            return np.floor(values)
        case Rounding.CEIL:
            return np.ceil(values)
        case Rounding.TOWARD_ZERO:
            return np.trunc(values)
        case Rounding.AWAY_FROM_ZERO:
            return np.copysign(np.ceil(np.abs(values)), values)
        case Rounding.HALF_EVEN:
            return np.rint(values)
        case Rounding.HALF_UP:
            below = np.floor(values)
            return below + (values - below >= 0.5)
        case Rounding.HALF_DOWN:
            above = np.ceil(values)
            return above - (above - values >= 0.5)
        case Rounding.HALF_AWAY:
            return np.copysign(round_real(np.abs(values), Rounding.HALF_UP), values)
        case Rounding.HALF_TOWARD_ZERO:
            return np.copysign(round_real(np.abs(values), Rounding.HALF_DOWN), values)


def noise_of(kind: type[np.floating]) -> float:
    """Rounding noise of a sum in a float format, as a share of the largest value of its tensor."""
    return float(np.finfo(kind).eps) * 128.0


def on_borders(steps: NDArray[np.floating], noise: float) -> NDArray[np.floating]:
    """Values, in steps, of which those beside a border of two codes are put on it.

    Whole steps are the borders of rounding down or up, halves those of rounding to the nearest.

    Args:
        steps: Real values in steps of a quantizer.
        noise: How far from a border they may lie, as a share of the largest, which is 1 or more;
            see :func:`noise_of`.
    """
    with np.errstate(all="ignore"):
        nearest = np.rint(2 * steps) / 2
        largest = np.max(np.abs(steps), initial=1.0, where=np.isfinite(steps))
        return np.where(np.abs(steps - nearest) <= noise * largest, nearest, steps)
