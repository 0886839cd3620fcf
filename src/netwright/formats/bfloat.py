"""bfloat16 and float32 without subnormal numbers: what units with bfloat16 operands compute.

Results are rounded to the nearest, ties to even. Subnormal numbers are zeros of their sign, as
operands and as results, as in the instructions of processors for bfloat16 (Intel, ``VDPBF16PS``);
every NaN is the same one. Infinities are those of IEEE 754.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float32]
Halves = NDArray[np.uint16]
"""Words of bfloat16: the upper halves of float32."""

SMALLEST = float(np.finfo(np.float32).tiny)
"""The smallest float32 that is not subnormal."""

NAN = np.uint32(0x7FC00000)
"""The one NaN, as float32."""


MAX_LANES = 1024
MAX_PIECE = 1 << 24


def order_faults(lanes: object, piece: object, sum_bits: object) -> list[str]:
    """What is wrong with an order of sums, as sentences; see :func:`lane_product`.

    >>> order_faults(3, 1024, 32)
    ['lanes must be a power of two up to 1024, not 3']
    """
    faults = []
    if type(lanes) is not int or not 1 <= lanes <= MAX_LANES or lanes & (lanes - 1):
        faults.append(f"lanes must be a power of two up to {MAX_LANES}, not {lanes!r}")
    if type(piece) is not int or not 1 <= piece <= MAX_PIECE:
        faults.append(f"piece must be from 1 to {MAX_PIECE}, not {piece!r}")
    if type(sum_bits) is not int or sum_bits not in (16, 32):
        faults.append(f"sum_bits must be 16 or 32, not {sum_bits!r}")
    return faults


def bfloat16_words(values: ArrayLike) -> Halves:
    """The words of the nearest bfloat16 values; of infinities those of infinities.

    >>> [hex(word) for word in bfloat16_words([1.0, -0.0, 1e-40, np.inf])]
    ['0x3f80', '0x8000', '0x0', '0x7f80']
    """
    array = np.asarray(values, np.float32, order="C")
    words = array.view(np.uint32)
    exponents = words & np.uint32(0x7F800000)
    rounded = words + np.uint32(0x7FFF) + (words >> np.uint32(16) & np.uint32(1))
    rounded = np.where(exponents == 0, words & np.uint32(0x80000000), rounded)
    return (np.where(np.isnan(array), NAN, rounded) >> np.uint32(16)).astype(np.uint16)


def bfloat16_values(words: Halves) -> Floats:
    """The values of words of bfloat16.

    >>> bfloat16_values(np.array([0x3F80, 0xC000], np.uint16)).tolist()
    [1.0, -2.0]
    """
    return (words.astype(np.uint32) << np.uint32(16)).view(np.float32)


def rounded_to_bfloat16(values: ArrayLike) -> Floats:
    """The nearest bfloat16 values, as float32."""
    return bfloat16_values(bfloat16_words(values))


def multiply(a: Floats, b: Floats) -> Floats:
    """Products of bfloat16 values: exact, or too large or too small for float32."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return one_nan(flushed(flushed(a) * flushed(b)))


def add(a: Floats, b: Floats) -> Floats:
    """Sums of float32 values."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return one_nan(flushed(flushed(a) + flushed(b)))


def flushed(values: Floats) -> Floats:
    """The values, subnormal numbers as zeros of their sign."""
    return np.where(np.abs(values) < SMALLEST, np.copysign(np.float32(0), values), values)


def one_nan(values: Floats) -> Floats:
    """The values, every NaN as the same one."""
    return np.where(np.isnan(values), NAN.view(np.float32), values)


def lane_product(
    x: Floats, w: Floats, *, lanes: int = 16, piece: int = 1024, sum_bits: int = 32
) -> Floats:
    """Products of matrices as units beside banks add them up, order and roundings included.

    Both are rounded to bfloat16. A step multiplies `lanes` neighbors along the summed axis, adds
    the products up in a tree of neighbors, and adds that to a sum in float32; what is missing
    behind the end is 0. After `piece` elements the sum leaves, and the sums of the pieces are added
    up in float32, one after the other.

    Args:
        x: (..., rows, terms).
        w: (..., terms, columns), what lies in the banks.
        lanes: Products of a step, a power of two.
        piece: Elements that are multiplied with one filling of the buffer.
        sum_bits: 16 if a sum is rounded to bfloat16 when it leaves, else 32.

    Returns:
        (..., rows, columns).

    >>> x, w = np.float32([[1, 2, 3]]), np.float32([[1], [1], [2**-9]])
    >>> lane_product(x, w).tolist(), lane_product(x, w, sum_bits=16).tolist()
    ([[3.005859375]], [[3.0]])
    """
    x, w = rounded_to_bfloat16(x), rounded_to_bfloat16(w)
    shape = (*np.broadcast_shapes(x.shape[:-2], w.shape[:-2]), x.shape[-2], w.shape[-1])
    total: Floats | None = None
    for start in range(0, max(x.shape[-1], 1), piece):
        stop = min(start + piece, x.shape[-1])
        own = np.zeros(shape, np.float32)
        for first in range(start, stop, lanes):
            own = add(own, _tree(x, w, first, min(first + lanes, stop), lanes))
        own = rounded_to_bfloat16(own) if sum_bits == 16 else own
        total = own if total is None else add(total, own)
    assert total is not None
    return total


def _tree(x: Floats, w: Floats, first: int, stop: int, lanes: int) -> Floats:
    """The sum of a step's products."""
    terms = [multiply(x[..., :, k, None], w[..., None, k, :]) for k in range(first, stop)]
    terms += [np.zeros_like(terms[0])] * (lanes - len(terms))
    while len(terms) > 1:
        terms = [add(a, b) for a, b in zip(terms[::2], terms[1::2], strict=True)]
    return terms[0]
