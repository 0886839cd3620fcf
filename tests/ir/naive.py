"""What the operators mean, in Python's own integers, one value at a time."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np

from netwright.formats import Rounding
from tests.ir.test_rounding import exact


def matmul(source: np.ndarray, weights: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    rows = source.reshape(-1, source.shape[-1]).tolist()
    columns = weights.T.tolist()
    sums = [
        [sum(a * b for a, b in zip(row, column, strict=True)) for column in columns] for row in rows
    ]
    result = np.array(sums, dtype=object).reshape(*source.shape[:-1], len(columns))
    return result if bias is None else result + bias.astype(object)


def convolve(
    source: np.ndarray,
    weights: np.ndarray,
    bias: np.ndarray | None,
    *,
    strides: tuple[int, ...],
    pads: tuple[int, ...],
    dilations: tuple[int, ...],
    group: int,
) -> np.ndarray:
    rank, kernel = len(strides), weights.shape[2:]
    extents = [
        (source.shape[2 + i] + pads[i] + pads[rank + i] - dilations[i] * (kernel[i] - 1) - 1)
        // strides[i] + 1
        for i in range(rank)
    ]  # fmt: skip
    each = weights.shape[0] // group
    result = np.zeros((len(source), weights.shape[0], *extents), dtype=object)
    for row, out in product(range(len(source)), range(weights.shape[0])):
        first = out // each * weights.shape[1]
        for place in product(*map(range, extents)):
            total = 0 if bias is None else int(bias[out])
            for channel in range(weights.shape[1]):
                for tap in product(*map(range, kernel)):
                    where = tuple(
                        place[i] * strides[i] + tap[i] * dilations[i] - pads[i] for i in range(rank)
                    )
                    if all(0 <= w < source.shape[2 + i] for i, w in enumerate(where)):
                        value = int(source[(row, first + channel, *where)])
                        total += value * int(weights[(out, channel, *tap)])
            result[(row, out, *place)] = total
    return result


def pool(
    source: np.ndarray,
    *,
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    pads: tuple[int, ...],
    largest: bool,
) -> np.ndarray:
    rank = len(kernel)
    extents = [
        (source.shape[2 + i] + pads[i] + pads[rank + i] - kernel[i]) // strides[i] + 1
        for i in range(rank)
    ]
    result = np.zeros((*source.shape[:2], *extents), dtype=object)
    for row, channel in product(*map(range, source.shape[:2])):
        for place in product(*map(range, extents)):
            seen = []
            for tap in product(*map(range, kernel)):
                where = tuple(place[i] * strides[i] + tap[i] - pads[i] for i in range(rank))
                if all(0 <= w < source.shape[2 + i] for i, w in enumerate(where)):
                    seen.append(int(source[(row, channel, *where)]))
            result[(row, channel, *place)] = max(seen) if largest else sum(seen)
    return result


def requantize(
    source: np.ndarray,
    *,
    multiplier: tuple[int, ...],
    offset: tuple[int, ...],
    shift: int,
    rounding: Rounding,
    low: int,
    high: int,
    zero_point: int = 0,
    axis: int | None = None,
) -> np.ndarray:
    result = np.zeros(source.shape, dtype=object)
    for index in np.ndindex(source.shape):
        channel = 0 if axis is None else index[axis]
        m = multiplier[channel % len(multiplier)]
        c = offset[channel % len(offset)]
        value = exact(Fraction(int(source[index]) * m + c, 1 << shift), rounding)
        result[index] = min(max(value, low), high) - zero_point
    return result
