"""HGQ2's quantizers: fixed-point formats, one for every element.

A format has `k` sign bits (0 or 1), `i` integer and `f` fraction bits, each of which may be
negative: HGQ2 keeps multiples of ``2**-f`` in the ``2**(k + i + f)`` codes from
``-k * 2**(i + f)`` on. An element without bits is zero (Sun et al. 2024, arXiv 2405.00645;
HGQ2 0.2.0, ``FixedPointQuantizerKBI`` and ``FixedPointQuantizerKIF``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError, UnsupportedOp
from netwright.formats import Overflow, Rounding

Codes = NDArray[np.int64]

ROUNDING: Mapping[str, Rounding] = MappingProxyType(
    {
        "TRN": Rounding.FLOOR,
        "RND": Rounding.HALF_UP,
        "RND_CONV": Rounding.HALF_EVEN,
        "TRN_ZERO": Rounding.TOWARD_ZERO,
        "RND_ZERO": Rounding.HALF_TOWARD_ZERO,
        "RND_MIN_INF": Rounding.HALF_DOWN,
        "RND_INF": Rounding.HALF_AWAY,
    }
)
"""HGQ2's rounding modes."""

OVERFLOW: Mapping[str, tuple[Overflow, bool]] = MappingProxyType(
    {
        "WRAP": (Overflow.WRAP, False),
        "SAT": (Overflow.SATURATE, False),
        "SAT_SYM": (Overflow.SATURATE, True),
    }
)
"""HGQ2's overflow modes, and whether the most negative code is left out."""

MOST_BITS = 62
"""Widest format and largest number of fraction bits that are read."""


@dataclass(frozen=True, eq=False)
class Formats:
    """The format of every element of a tensor.

    Attributes:
        signed: Whether an element may be negative.
        integers: Integer bits, the sign left out.
        fractions: Fraction bits.
        rounding: What happens to bits that are dropped.
        overflow: What happens to values outside.
        symmetric: Leave out the most negative code.
    """

    signed: NDArray[np.bool_]
    integers: Codes
    fractions: Codes
    rounding: Rounding
    overflow: Overflow
    symmetric: bool = False

    def over(self, shape: tuple[int, ...]) -> Formats:
        """The formats of a tensor of this shape."""
        return self._each(lambda part: np.broadcast_to(part, shape))

    def row(self) -> Formats:
        """The formats of one row, from those of a batch.

        Raises:
            DataError: They are not the same for every row.
        """
        parts = (self.signed, self.integers, self.fractions)
        if any(part.ndim < 1 or len(part) != 1 for part in parts):
            raise DataError("the formats of a quantizer must be the same for every row")
        return self._each(lambda part: part[0])

    def reshaped(self, shape: tuple[int, ...]) -> Formats:
        """The formats of the same elements in another shape."""
        return self._each(lambda part: part.reshape(shape))

    def within(self, largest: float) -> Formats:
        """The narrowest formats that give the same for all values up to a magnitude.

        A step of more than twice the magnitude leaves zero; a sum of integer bits that is never
        reached is left out where values wrap.

        Args:
            largest: The magnitude.
        """
        is_zero = np.ldexp(0.5, -self.fractions) >= largest
        needed = np.ceil(np.log2(largest + np.ldexp(0.5, -self.fractions))).astype(np.int64)
        may = self.signed & (self.overflow is Overflow.WRAP)
        integers = np.where(may, np.minimum(self.integers, needed), self.integers)
        rounds = self.rounding is Rounding.HALF_UP
        return replace(
            self,
            signed=self.signed & ~(is_zero & rounds),
            integers=np.where(is_zero & rounds, -MOST_BITS, integers),
            fractions=np.where(is_zero & rounds, -MOST_BITS, self.fractions),
        )

    def _each(self, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Formats:
        return replace(
            self,
            signed=change(self.signed),
            integers=change(self.integers),
            fractions=change(self.fractions),
        )

    @property
    def is_uneven(self) -> bool:
        """Whether the formats vary along more than one axis."""
        codes = np.stack([self.signed, self.integers, self.fractions], axis=-1)
        kinds = np.unique(codes.reshape(-1, 3), axis=0, return_inverse=True)[1]
        return is_uneven(kinds.reshape(self.fractions.shape))

    @property
    def is_empty(self) -> NDArray[np.bool_]:
        """Where there are no bits, so that the element is zero."""
        return self.integers + self.fractions + self.signed <= 0

    @property
    def high(self) -> Codes:
        """Largest code of every element; 0 where it has no bits."""
        steps = np.left_shift(1, np.maximum(self.integers + self.fractions, 0))
        return np.where(self.is_empty, 0, steps - 1)

    @property
    def low(self) -> Codes:
        """Smallest code of every element; 0 where it has no bits."""
        lowest = -self.high - (not self.symmetric)
        return np.where(self.is_empty | ~self.signed, 0, lowest)


def is_uneven(values: Codes) -> bool:
    """Whether values vary along more than one axis."""
    lines = (np.moveaxis(values, axis, 0) for axis in range(values.ndim))
    even = (
        bool(np.all(line.reshape(len(line), -1) == line.reshape(len(line), -1)[:, :1]))
        for line in lines
    )
    return values.ndim > 1 and not any(even)


def read_formats(
    config: Mapping[str, Any], variables: Mapping[str, NDArray[Any]], path: str, layer: str
) -> Formats | None:
    """The formats of a quantizer; ``None`` for one that changes nothing.

    Args:
        config: The quantizer's configuration.
        variables: The arrays of the file.
        path: Where those of the quantizer are.
        layer: Name of the layer, for messages.

    Raises:
        UnsupportedOp: It is no fixed-point quantizer, or of a mode that is not known.
        DataError: Its arrays are missing or out of range.
    """
    kind = config.get("q_type")
    if kind == "dummy":
        return None
    if kind not in ("kbi", "kif"):
        raise _refused(f"quantizer {kind}", layer, "quantizers of the types kbi and kif")
    if config.get("scaler") is not None or config.get("affine") is not None:
        raise _refused("quantizer with a scaler", layer, "quantizers without scaler and affine")
    mode = str(config.get("round_mode")).upper().removeprefix("S_")
    limit = str(config.get("overflow_mode")).upper()
    if mode not in ROUNDING:
        raise _refused(f"rounding {mode}", layer, ", ".join(ROUNDING))
    if limit not in OVERFLOW:
        raise _refused(f"overflow {limit}", layer, ", ".join(OVERFLOW))
    signed, integers, fractions = _bits(kind, limit, variables, f"{path}/quantizer/vars", layer)
    overflow, symmetric = OVERFLOW[limit]
    return Formats(signed != 0, integers, fractions, ROUNDING[mode], overflow, symmetric)


def _bits(
    kind: str, limit: str, variables: Mapping[str, NDArray[Any]], path: str, layer: str
) -> tuple[NDArray[Any], Codes, Codes]:
    """Sign, integer and fraction bits; trained variables come first in the file.

    Raises:
        DataError: They are missing or out of range.
    """
    wraps = limit == "WRAP"  # then the integer bits follow from the data, behind the sign
    names = ["b" if kind == "kbi" else "f", "k", "i"]
    if not wraps:
        names = ["b", "i", "k"] if kind == "kbi" else ["i", "f", "k"]
    found = {name: variables.get(f"{path}/{number}") for number, name in enumerate(names)}
    arrays = {name: array for name, array in found.items() if array is not None}
    if len(arrays) < 3 or arrays["k"].dtype.kind not in "ub":
        raise DataError(f'layer "{layer}": the bits of a quantizer are missing at {path}')
    if not set(np.unique(arrays["k"])) <= {0, 1}:
        raise DataError(f'layer "{layer}": sign bits at {path} must be 0 or 1')
    rounded = {}
    for name in names:
        values = np.rint(arrays[name].astype(np.float64))
        if np.any(np.abs(np.where(_unused(values), 0, values)) > MOST_BITS):
            raise DataError(
                f'layer "{layer}": bits at {path} must be from -{MOST_BITS} to {MOST_BITS}'
            )
        rounded[name] = np.where(_unused(values), -MOST_BITS, values).astype(np.int64)
    signed, integers = rounded["k"], rounded["i"]
    fractions = rounded["f"] if kind == "kif" else rounded["b"] - integers
    bits = signed + integers + fractions
    if np.any(bits > MOST_BITS) or np.any((bits > 0) & (np.abs(fractions) > MOST_BITS)):
        raise DataError(
            f'layer "{layer}": formats at {path} must have at most {MOST_BITS} bits, before and '
            "behind the point"
        )
    return signed, integers, fractions


def _unused(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """What HGQ2's tracing of ranges leaves where no value was ever seen but zero."""
    return values < -MOST_BITS


def _refused(what: str, layer: str, accepted: str) -> UnsupportedOp:
    return UnsupportedOp(what, node=layer, where="read_hgq", hint=f"supported: {accepted}")


def quantized(
    values: NDArray[np.float32], formats: Formats | None, may_wrap: bool = True
) -> NDArray[np.float64]:
    """Constants as HGQ2 quantizes them, in single precision like HGQ2.

    Args:
        values: The trained values.
        formats: Their formats; ``None`` leaves them as they are.
        may_wrap: Whether values outside wrap where the formats say so, rather than stay.
    """
    if formats is None:
        return values.astype(np.float64)
    own = formats.over(values.shape)
    step = np.exp2(-own.fractions.astype(np.float64))
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        scaled = values.astype(np.float32) * (1 / step).astype(np.float32)
        codes = _rounded(scaled, own.rounding).astype(np.float64)
    if own.overflow is Overflow.SATURATE:
        codes = np.clip(codes, own.low, own.high)
    elif may_wrap:
        codes = np.mod(codes - own.low, (own.high - own.low + 1).astype(np.float64)) + own.low
    return np.where(own.is_empty, 0.0, codes * step)


def _rounded(values: NDArray[np.float32], rounding: Rounding) -> NDArray[np.float32]:
    """Rounding in single precision, where adding a half itself may round."""
    half = np.float32(0.5)
    match rounding:
        case Rounding.HALF_UP:
            return np.floor(values + half)
        case Rounding.FLOOR:
            return np.floor(values)
        case Rounding.HALF_DOWN:
            return -np.floor(-values + half)
        case Rounding.HALF_AWAY:
            return np.sign(values) * np.floor(np.abs(values) + half)
        case Rounding.HALF_TOWARD_ZERO:
            return -np.floor(half - np.abs(values)) * np.sign(values)
        case Rounding.TOWARD_ZERO:
            return np.trunc(values)
        case _:
            return np.rint(values)
