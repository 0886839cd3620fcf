"""What elements with bfloat16 operands and float32 sums compute, in the order in which they do.

Sums are rounded after every addition; see :mod:`netwright.formats.bfloat`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from netwright.formats import BFLOAT16
from netwright.formats.bfloat import Floats, add

Products = Callable[[int], Floats]


def encoded(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """The words of bfloat16 values."""
    return BFLOAT16.encode(values).astype(np.int64)


def decoded(codes: NDArray[np.int64]) -> Floats:
    """The values of words of bfloat16."""
    return np.asarray(BFLOAT16.decode(codes.astype(np.uint64)), np.float32)


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
