"""DARTS and AmoebaNet-D: cells as tables of operators on earlier results.

A table has two rows for each result of a cell: the index of an earlier result, the first two being
the outputs of the two cells before, and the operator on it. Paddings are part of the operators.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from netwright.workload.builder import Builder
from netwright.workload.workload import Workload

Operator = Callable[[Builder, str, int], str]
"""Builds an operator on a tensor with a stride, keeping its channels."""


class Cell(NamedTuple):
    """A cell found by search.

    Attributes:
        rows: Index of an earlier result, and the operator on it; two rows make one result.
        joined: Results that the cell's output concatenates.
    """

    rows: tuple[tuple[int, str], ...]
    joined: tuple[int, ...]


DARTS_NORMAL = Cell(
    (
        (0, "separable 3"), (1, "separable 3"), (0, "separable 3"), (1, "separable 3"),
        (1, "separable 3"), (0, "skip"), (0, "skip"), (2, "dilated 3"),
    ),
    (2, 3, 4, 5),
)  # fmt: skip
DARTS_REDUCTION = Cell(
    (
        (0, "max 3"), (1, "max 3"), (2, "skip"), (1, "max 3"),
        (0, "max 3"), (2, "skip"), (2, "skip"), (1, "max 3"),
    ),
    (2, 3, 4, 5),
)  # fmt: skip

AMOEBA_NORMAL = Cell(
    (
        (1, "conv 1"), (1, "mean 3"), (1, "skip"), (0, "factored 7"), (0, "conv 1"),
        (0, "factored 7"), (2, "mean 3"), (2, "skip"), (1, "mean 3"), (5, "conv 1"),
    ),
    (0, 3, 4, 6),
)  # fmt: skip
AMOEBA_REDUCTION = Cell(
    (
        (0, "max 2"), (0, "mean 3"), (2, "skip"), (1, "bottleneck 3"), (2, "factored 7"),
        (2, "mean 3"), (3, "skip"), (1, "max 2"), (2, "mean 3"), (3, "conv 1"),
    ),
    (4, 5, 6),
)  # fmt: skip


def darts() -> Workload:
    """DARTS for ImageNet (Liu et al. 2019, second-order cells): 14 cells from 48 channels.

    The paper states 4.7 million parameters and 574 million multiply-adds.
    """
    b = Builder("darts")
    width = 48
    x = b.activate(b.norm(b.conv(b.input((1, 3, 224, 224)), width // 2, 3, stride=2)))
    before = b.norm(b.conv(x, width, 3, stride=2))
    x = b.norm(b.conv(b.activate(before), width, 3, stride=2))
    for index in range(14):
        reduces = index in (14 // 3, 2 * 14 // 3)
        width *= 2 if reduces else 1
        states = [_matched(b, before, width, b.shape(x)[2:]), _squeezed(b, x, width)]
        cell = DARTS_REDUCTION if reduces else DARTS_NORMAL
        before, x = x, _run(b, cell, states, 2 if reduces else 1)
    return b.finish(b.linear(b.global_pool(x), 1000))


def amoebanet_d(layers: int = 18, filters: int = 256) -> Workload:
    """AmoebaNet-D (Real et al. 2019) with the cells of its TensorFlow code, as GPipe measured it.

    Huang et al. 2019 (table 1) state 82 million parameters for 18 layers and 208 filters.

    Args:
        layers: Normal cells; a multiple of 3.
        filters: Channels of the first normal cell.
    """
    b = Builder("amoebanet_d")
    width = filters // 4
    before = x = b.norm(b.conv(b.activate(b.input((1, 3, 224, 224))), width, 3, stride=2))
    repeated = [False] * (layers // 3)
    for reduces in (True, True, *repeated, True, *repeated, True, *repeated):
        width *= 2 if reduces else 1
        left = before
        if b.shape(before)[2] != b.shape(x)[2] or b.shape(before)[1] != width:
            left = _matched(b, before, width, b.shape(x)[2:])
        cell = AMOEBA_REDUCTION if reduces else AMOEBA_NORMAL
        states = [_squeezed(b, x, width), left]
        before, x = x, _run(b, cell, states, 2 if reduces else 1)
    return b.finish(b.linear(b.global_pool(x), 1000))


def _run(b: Builder, cell: Cell, states: list[str], stride: int) -> str:
    for (left, first), (right, second) in zip(cell.rows[::2], cell.rows[1::2], strict=True):
        sides = [
            OPERATORS[operator](b, states[index], stride if index < 2 else 1)
            for index, operator in ((left, first), (right, second))
        ]
        states.append(b.add(*sides))
    return b.concat(*(states[index] for index in cell.joined))


def _matched(b: Builder, x: str, width: int, extents: tuple[int, ...]) -> str:
    return _squeezed(b, x, width) if b.shape(x)[2:] == extents else _halved(b, x, width)


def _squeezed(b: Builder, x: str, width: int) -> str:
    return b.norm(b.conv(b.activate(x), width, 1))


def _halved(b: Builder, x: str, width: int) -> str:
    y = b.activate(x)
    return b.norm(b.concat(*(b.conv(y, width // 2, 1, stride=2) for _ in range(2))))


def _skip(b: Builder, x: str, stride: int) -> str:
    return x if stride == 1 else _halved(b, x, b.shape(x)[1])


def _depthwise(b: Builder, x: str, stride: int, dilation: int) -> str:
    depth = b.shape(x)[1]
    y = b.conv(b.activate(x), depth, 3, stride=stride, dilation=dilation, groups=depth)
    return b.norm(b.conv(y, depth, 1))


def _bottleneck(b: Builder, x: str, stride: int, kernels: tuple[tuple[int, int], ...]) -> str:
    depth = b.shape(x)[1]
    y = _squeezed(b, x, depth // 4)
    for kernel in kernels:
        steps = (stride if kernel[0] > 1 else 1, stride if kernel[1] > 1 else 1)
        padding = (kernel[0] // 2, kernel[1] // 2)
        y = b.norm(b.conv(b.activate(y), depth // 4, kernel, stride=steps, padding=padding))
    return _squeezed(b, y, depth)


OPERATORS: Mapping[str, Operator] = {
    "skip": _skip,
    "max 2": lambda b, x, stride: b.pool(x, 2, stride=stride),
    "max 3": lambda b, x, stride: b.pool(x, 3, stride=stride, padding=1),
    "mean 3": lambda b, x, stride: b.pool(x, 3, stride=stride, padding=1, reduce_op="add"),
    "conv 1": lambda b, x, stride: b.norm(b.conv(b.activate(x), b.shape(x)[1], 1, stride=stride)),
    "separable 3": lambda b, x, stride: _depthwise(b, _depthwise(b, x, stride, 1), 1, 1),
    "dilated 3": lambda b, x, stride: _depthwise(b, x, stride, 2),
    "bottleneck 3": lambda b, x, stride: _bottleneck(b, x, stride, ((3, 3),)),
    "factored 7": lambda b, x, stride: _bottleneck(b, x, stride, ((1, 7), (7, 1))),
}
"""Operators by name; the number is the extent of their windows."""
