"""Products and sums as matrices of bytes: what every multiplier gets in every clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.shared.layers import WORD_BITS, Integers
from netwright.backends.rtl.shared.orders import Order
from netwright.backends.rtl.shared_options import SharedOptions
from netwright.ir import Graph, Node
from netwright.ir.ops.filters import filters_first
from netwright.ir.ops.transposed import correlation, stretched

Exact = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Windows:
    """Positions of a product that are computed by the same weights.

    Attributes:
        matrix: (channels, terms): what the words of a window are multiplied by.
        first_index: Word where the first window begins; below 0 in the padding.
        stride: Words from a window to the next.
        positions: How many.
        target_first: Word of the result where the first position goes.
        target_stride: Words from a position's results to the next one's.
    """

    matrix: Integers
    first_index: int
    stride: int
    positions: int
    target_first: int
    target_stride: int


def windows_of(node: Node, graph: Graph, source: Order, target: Order) -> Iterator[Windows]:
    """A product as one kind of windows, or one for each phase of a transposed convolution.

    Args:
        node: A ``MatMul``, or a ``Conv`` or ``ConvTranspose`` of one dimension.
        graph: Its graph.
        source: In which order what it reads is stored.
        target: In which order its result is stored.
    """
    weights = graph.constants[node.inputs[1]]
    shape = graph.types[node.output].shape[1:]
    if node.op == "MatMul" and len(shape) == 1:
        yield Windows(weights[np.ix_(source, target)].T, 0, 0, 1, 0, 0)
    elif node.op == "MatMul":
        positions = int(np.prod(shape[:-1]))
        yield Windows(weights.T, 0, len(weights), positions, 0, shape[-1])
    elif node.op == "Conv":
        found = correlation(node, weights)
        kernel = _ungrouped(found.undilated(), found.group)
        inputs = kernel.shape[1]
        yield Windows(
            _matrix(kernel), -found.pads[0] * inputs, found.strides[0] * inputs, shape[1], 0,
            shape[0],
        )  # fmt: skip
    else:
        yield from _phases(node, weights, shape)


def _phases(node: Node, weights: Integers, shape: tuple[int, ...]) -> Iterator[Windows]:
    """A transposed convolution, one phase of its stride after the other; no zeros in between.

    Output o meets the taps k for which ``o + pad - k`` is a multiple of the stride, each with the
    input ``(o + pad - k) / stride``: for one phase of ``o + pad`` these are neighbors.
    """
    group, stride = node.integer("group"), node.integers("strides")[0]
    pad, dilation = node.integers("pads")[0], node.integers("dilations")[0]
    kernel = filters_first(node, weights, weights.shape)
    kernel = _ungrouped(stretched(kernel, (dilation,)), group)
    channels, inputs = kernel.shape[:2]
    for phase in range(stride):
        first = (phase - pad) % stride
        if first >= shape[1]:
            continue
        taps = kernel[:, :, phase::stride]
        if taps.shape[2] == 0:
            taps = np.zeros((channels, inputs, 1), dtype=np.int64)
        newest = (first + pad) // stride
        yield Windows(
            _matrix(taps[:, :, ::-1]), (newest - taps.shape[2] + 1) * inputs, inputs,
            len(range(first, shape[1], stride)), first * channels, stride * channels,
        )  # fmt: skip


def _ungrouped(kernel: Integers, groups: int) -> Integers:
    """Weights over all inputs (outputs, inputs, taps), with zeros between the groups."""
    if groups == 1:
        return kernel
    outputs, inputs, taps = kernel.shape
    full = np.zeros((outputs, inputs * groups, taps), dtype=np.int64)
    each = outputs // groups
    for group in range(groups):
        rows = slice(group * each, (group + 1) * each)
        full[rows, group * inputs : (group + 1) * inputs] = kernel[rows]
    return full


def _matrix(kernel: Integers) -> Integers:
    """(outputs, inputs, taps) with the inputs of a tap side by side."""
    return kernel.transpose(0, 2, 1).reshape(len(kernel), -1)


def byte_rows(matrices: Exact, options: SharedOptions) -> tuple[Integers, int]:
    """The rows of the weights' memory, and how many bytes a weight has.

    Args:
        matrices: (blocks, planes, channels of a block, terms), integers of any size.
        options: The accelerator.

    Returns:
        (rows, elements, units, lanes) bytes: for every block, byte (the highest first), plane and
        step one row; and the number of bytes.
    """
    digits = num_digits(matrices)
    blocks, planes, channels, terms = matrices.shape
    steps = -(-terms // options.lanes)
    padded = np.zeros((blocks, planes, options.channels, steps * options.lanes), dtype=object)
    padded[:, :, :channels, :terms] = matrices
    parts = np.stack([part.astype(np.int64) for part in _digits(padded, digits)], axis=1)
    shaped = parts.reshape(
        blocks, digits, planes, options.units, options.elements, steps, options.lanes
    )
    rows = shaped.transpose(0, 1, 2, 5, 4, 3, 6)
    return rows.reshape(-1, options.elements, options.units, options.lanes), digits


def num_digits(weights: Exact) -> int:
    """Bytes, each from -128 to 127, that make the widest of some integers."""
    low, high = int(weights.min()), int(weights.max())
    digits, reach = 1, 1
    while low < -128 * reach or high > 127 * reach:
        digits += 1
        reach = reach * 256 + 1
    return digits


def _digits(values: Exact, count: int) -> list[Exact]:
    """Signed bytes whose sum, each times its power of 256, is a value; the highest first."""
    found = []
    for _ in range(count):
        digit = (values + 128) % 256 - 128
        found.append(digit)
        values = (values - digit) // 256
    return found[::-1]


def of_piece(weights: Exact, piece: int) -> Exact:
    """Weights of the words of a plane that holds `piece` of every value."""
    return weights.astype(object) * (1 << (WORD_BITS * piece))
