"""Charges as the concentrator chip normalizes them, and how many bits its links carry.

The chip divides by a power of two, which costs a shift and no division.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError, DataError
from netwright.formats import leading_ones, shared_exponent
from netwright.tasks.calorimeter_geometry import CELLS, check_cells

INPUT_BITS = 8
"""Width of a normalized charge: one integer bit and seven behind the point."""

CODES = 16
"""Values that the encoder sends."""

LATENT_BITS: Mapping[int, int] = MappingProxyType({2: 3, 3: 5, 4: 7, 5: 9})
"""Width of each sent value by the number of links (nswood/ECON_AE_Training)."""

LINK_BITS = 32
"""Bits that a link carries in one crossing."""

MAX_CHARGE = (1 << 22) - 1
"""Largest charge of a trigger cell in counts: the chip's words have 22 bits."""


class Normalized(NamedTuple):
    """Charges divided by a power of two.

    Attributes:
        codes: Charges times 2^7 over 2^exponent, rounded half up and limited to 8 bits, uint8,
            shape ``(rows, 48)``.
        exponent: Position of the leading one of the sum of a row, int64, shape ``(rows,)``.
    """

    codes: NDArray[np.uint8]
    exponent: NDArray[np.int64]


def normalize(counts: NDArray[np.integer]) -> Normalized:
    """Divide each wafer by the largest power of two in its sum, as the chip does.

    Args:
        counts: Charges, whole and not negative, shape ``(rows, 48)``.

    Raises:
        DataError: The shape is wrong, or a wafer holds a negative charge, one above 22 bits, or
            no charge at all.

    Example:
        >>> wafer = np.zeros((1, 48), dtype=np.int64)
        >>> wafer[0, :3] = 200, 100, 1  # the sum, 301, lies in 256 to 511
        >>> found = normalize(wafer)
        >>> int(found.exponent[0]), found.codes[0, :3].tolist()  # 1 becomes a half, rounded up
        (8, [100, 50, 1])
    """
    codes, exponent = shared_exponent(check_charges(counts), INPUT_BITS)
    return Normalized(codes.astype(np.uint8), exponent)


def check_charges(counts: NDArray[np.integer]) -> NDArray[np.int64]:
    """Charges as int64 after checking them; see :func:`normalize` for what is refused."""
    check_cells(counts)
    if counts.dtype.kind not in "iu":
        raise DataError(f"charges must be whole counts, not {counts.dtype}")
    wrong = (counts < 0) | (counts > MAX_CHARGE)
    if wrong.any():
        row, cell = np.argwhere(wrong)[0].tolist()
        raise DataError(
            f"charge at row {row}, cell {cell} must be 0 to {MAX_CHARGE}, not {counts[row, cell]}"
        )
    charges = counts.astype(np.int64)
    empty = np.flatnonzero(~charges.any(axis=1))
    if len(empty):
        raise DataError(
            f"row {empty[0]} holds no charge, {len(empty)} such rows in all",
            hint="drop wafers without any charge: their normalization is not defined",
        )
    return charges


def real_charges(counts: NDArray[np.integer]) -> NDArray[np.float32]:
    """Charges over the power of two of their wafer, not rounded, (rows, 48); a sum is 1 to 2."""
    charges = check_charges(counts)
    return (charges / np.exp2(leading_ones(charges.sum(axis=1)))[:, None]).astype(np.float32)


def latent_bits(links: int) -> int:
    """Width of each of the 16 values that `links` links carry.

    Raises:
        ConfigError: The chip has no such mode.
    """
    if links not in LATENT_BITS:
        raise ConfigError(
            f"links must be {', '.join(map(str, LATENT_BITS))}, not {links}",
            hint="more than 5 links carry the 9 bits of 5",
        )
    return LATENT_BITS[links]


def payload_bits(links: int) -> int:
    """Bits of a crossing that are left for charges: what 16 bits of header do not take."""
    return CODES * latent_bits(links)


def occupancy(counts: NDArray[np.integer], *, counts_per_mip: int = 35) -> NDArray[np.int64]:
    """Trigger cells above one transverse MIP, (rows,)."""
    check_cells(counts)
    return np.count_nonzero(counts > counts_per_mip, axis=1)


assert CELLS * MAX_CHARGE < 1 << 53  # sums are exact in float64
