"""Convolutions and pooling, every window in hardware of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.adders.adder_graph import width
from netwright.backends.rtl.cells.affine import Affine, settle
from netwright.backends.rtl.cells.builder import LayerBuilder
from netwright.backends.rtl.cells.circuit import Element
from netwright.backends.rtl.cells.rescaling import limit
from netwright.backends.rtl.unrolled.constant_products import claims, multiply
from netwright.backends.rtl.unrolled.products import numbers_or_wires, product, with_biases
from netwright.ir import Node
from netwright.ir.ops.conv import windows
from netwright.ir.ops.transposed import correlation, stretched

Elements = NDArray[Any]
"""An array of :class:`Affine` in the shape of a tensor, batch axis left out."""

PADDING = -1
"""Stands for an element of the padding where elements are numbered."""


def window_elements(
    shape: tuple[int, ...],
    kernel: tuple[int, ...],
    *,
    strides: tuple[int, ...],
    pads: tuple[int, ...],
    dilations: tuple[int, ...],
    steps: tuple[int, ...] = (),
) -> NDArray[np.int64]:
    """The number of every window's elements in row-major order, :data:`PADDING` where none is.

    Args:
        shape: Channels and extents of the input.
        kernel: Extents of a window.
        strides: Steps between windows.
        pads: Padding before, then after every axis.
        dilations: Steps between the elements of a window.
        steps: Distance of neighboring elements of the input; without it they are side by side.

    Returns:
        (channels, *output extents, *kernel).
    """
    numbers = np.arange(1, 1 + int(np.prod(shape)), dtype=np.int64).reshape(1, *shape)
    numbers = stretched(numbers, steps or (1,) * len(kernel)) - 1  # PADDING in between
    options = {"strides": strides, "pads": pads, "dilations": dilations}
    return windows(numbers, kernel, fill=PADDING, **options)[0]


def convolve(node: Node, inputs: Sequence[Elements], layer: LayerBuilder, name: str) -> Elements:
    """Convolutions: one product for every position and group; equal ones share the search."""
    source, found = inputs[0], correlation(node, numbers_or_wires(inputs[1]))
    weights, groups, kernel = found.weights, found.group, found.kernel
    numbers = window_elements(
        source.shape,
        kernel,
        strides=found.strides,
        pads=found.pads,
        dilations=found.dilations,
        steps=found.steps,
    )
    extents = numbers.shape[1 : -len(kernel)]
    rank = len(kernel)
    order = (*range(1, rank + 1), 0, *range(rank + 1, 2 * rank + 1))
    places = numbers.transpose(order).reshape(int(np.prod(extents)), groups, -1)
    matrices = weights.reshape(groups, len(weights) // groups, -1).transpose(0, 2, 1)
    wires = _settled(source, layer, name)
    results = np.empty((len(weights), len(places)), dtype=object)
    for position, taps in enumerate(places):
        columns: list[Affine] = []
        for group, matrix in enumerate(matrices):
            vector = [0 if tap == PADDING else wires[tap] for tap in taps[group]]
            first = (group * len(matrix.T)) * len(places) + position
            indices = range(first, len(weights) * len(places), len(places))
            place = f"{name}_{position}_{group}"
            columns += product(node.name, indices, vector, matrix, layer, place)
        if len(inputs) == 3:
            columns = with_biases(columns, inputs[2].flat, layer, f"{name}_{position}")
        results[:, position] = columns
    return results.reshape(len(weights), *extents)


def pool_sum(node: Node, inputs: Sequence[Elements], layer: LayerBuilder, name: str) -> Elements:
    """``SumPool``: the elements of every window added by a tree."""
    wires = _read(node, inputs[0], layer, name)
    numbers, shape = _pool_windows(node, inputs[0].shape)
    ones = np.ones((numbers.shape[1], 1), dtype=np.int64)
    results = np.empty(len(numbers), dtype=object)
    for number, taps in enumerate(numbers):
        vector = [0 if tap == PADDING else wires[tap] for tap in taps]
        products = multiply(vector, ones, layer, f"{name}_{number}")
        layer.claims += claims(node.name, range(number, number + 1), vector, ones, products)
        results[number] = products[0]
    return results.reshape(shape)


def pool_max(node: Node, inputs: Sequence[Elements], layer: LayerBuilder, name: str) -> Elements:
    """``MaxPool``: the largest element of every window, found by a tree; padding does not count."""
    wires = _read(node, inputs[0], layer, name)
    numbers, shape = _pool_windows(node, inputs[0].shape)
    results = np.empty(len(numbers), dtype=object)
    for number, taps in enumerate(numbers):
        values = [Affine.of(wires[tap]) for tap in taps if tap != PADDING]
        results[number] = _largest(values, layer, f"{name}_{number}")
    return results.reshape(shape)


def _largest(values: list[Affine], layer: LayerBuilder, name: str) -> Affine:
    while len(values) > 1:
        pairs = zip(values[::2], values[1::2], strict=False)
        rest = values[len(values) // 2 * 2 :]
        values = [_larger(one, other, layer, name) for one, other in pairs] + rest
    return values[0]


def _larger(one: Affine, other: Affine, layer: LayerBuilder, name: str) -> Affine:
    if one.interval[0] >= other.interval[1]:
        return one
    if other.interval[0] >= one.interval[1]:
        return other
    if one.wire is None:
        one, other = other, one
    if other.wire is None:
        return limit(one, other.offset, one.interval[1], layer, name)
    if one.wire is None:  # pragma: no cover - of two constants one is the larger
        raise AssertionError("two constants that overlap")
    low, high = zip(one.interval, other.interval, strict=True)
    interval = max(low), max(high)
    parameters = {
        "A_BITS": one.wire.bits,
        "A_SIGNED": int(one.wire.is_signed),
        "B_BITS": other.wire.bits,
        "B_SIGNED": int(other.wire.is_signed),
        "Y_BITS": width(interval),
    }
    wires = {"a": one.wire, "b": other.wire}
    return Affine(layer.add("maximum", f"{name}_max", interval, wires, parameters))


def _pool_windows(node: Node, shape: tuple[int, ...]) -> tuple[NDArray[np.int64], tuple[int, ...]]:
    """Elements of every window (windows, terms), and the shape of the result."""
    kernel = node.integers("kernel")
    numbers = window_elements(
        shape,
        kernel,
        strides=node.integers("strides"),
        pads=node.integers("pads"),
        dilations=(1,) * len(kernel),
    )
    return numbers.reshape(-1, int(np.prod(kernel))), numbers.shape[: -len(kernel)]


def _read(node: Node, source: Elements, layer: LayerBuilder, name: str) -> list[Element]:
    """What a pooling reads, noted for the proof where it is made inside the layer."""
    wires = _settled(source, layer, name)
    layer.note_settled(node, wires)
    return wires


def _settled(source: Elements, layer: LayerBuilder, name: str) -> list[Element]:
    return [settle(value, layer, f"{name}_in_{i}") for i, value in enumerate(source.flat)]
