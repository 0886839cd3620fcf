"""What elements with bfloat16 operands and float32 sums compute, in the order in which they do.

Sums are rounded to the nearest, ties to even, after every addition. Subnormal numbers are zeros, as
in the instructions of processors for bfloat16 (Intel, ``VDPBF16PS``); every NaN is the same one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from netwright.formats import BFLOAT16

Floats = NDArray[np.float32]

Products = Callable[[int], Floats]

SMALLEST = float(np.finfo(np.float32).tiny)
"""The smallest float32 that is not subnormal."""


def encoded(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """The words of bfloat16 values."""
    return BFLOAT16.encode(values).astype(np.int64)


def decoded(codes: NDArray[np.int64]) -> Floats:
    """The values of words of bfloat16."""
    return np.asarray(BFLOAT16.decode(codes.astype(np.uint64)), np.float32)


def multiply(x: Floats, w: Floats) -> Floats:
    """Products of bfloat16 values; they are exact, or too large or too small for float32."""
    with np.errstate(over="ignore", invalid="ignore"):
        product = _flushed(x).astype(np.float64) * _flushed(w)
        tiny = np.abs(product) < SMALLEST
        return _one_nan(np.where(tiny, np.copysign(0.0, product), product).astype(np.float32))


def add(a: Floats, b: Floats) -> Floats:
    """Sums of float32 values."""
    with np.errstate(over="ignore", invalid="ignore"):
        return _one_nan(_flushed(_flushed(a) + _flushed(b)))


def _flushed(values: Floats) -> Floats:
    return np.where(np.abs(values) < SMALLEST, np.copysign(np.float32(0), values), values)


def _one_nan(values: Floats) -> Floats:
    return np.where(np.isnan(values), np.float32(np.nan), values)


def output_stationary(product: Products, steps: int) -> Floats:
    """Every sum in the order of its terms.

    Args:
        product: The terms of a step, for all sums.
        steps: Number of steps.
    """
    total = np.zeros_like(product(0))
    for step in range(steps):
        total = add(total, product(step))
    return total


def weight_stationary(product: Products, steps: int, height: int, clocks: int) -> Floats:
    """For each weight of an element the sum down a column, then those of its weights, then tiles.

    Args:
        product: The terms of a step, for all sums.
        steps: Number of steps; `clocks` in a row belong to an element.
        height: Rows of elements.
        clocks: Weights of an element.
    """
    groups = steps // clocks
    tiles = []
    for begin in range(0, groups, height):
        inside = range(begin, min(begin + height, groups))
        slots = []
        for slot in range(clocks):
            down = np.zeros_like(product(0))
            for group in inside:
                down = add(down, product(group * clocks + slot))
            slots.append(down)
        tiles.append(reduce(add, slots))
    return reduce(add, tiles)
