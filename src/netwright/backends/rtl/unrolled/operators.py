"""What every operator is in hardware: one function each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.cells.affine import Affine, add, settle
from netwright.backends.rtl.cells.builder import LayerBuilder
from netwright.backends.rtl.cells.circuit import Wire
from netwright.backends.rtl.cells.rescaling import limit, limit_all, round_off, wrap
from netwright.backends.rtl.cells.tables import look_up
from netwright.backends.rtl.unrolled.constant_products import scale
from netwright.backends.rtl.unrolled.products import numbers_or_wires, product, with_biases
from netwright.backends.rtl.unrolled.windows import convolve, pool_max, pool_sum
from netwright.ir import Node
from netwright.ir.ops.limit import intervals, wraps
from netwright.ir.ops.quant import rounding_of
from netwright.ir.ops.shape import chosen

Elements = NDArray[Any]
"""An array of :class:`Affine` in the shape of a tensor, batch axis left out."""

Operator = Callable[[Node, Sequence[Elements], LayerBuilder, str], Elements]


def _matmul(node: Node, inputs: Sequence[Elements], layer: LayerBuilder, name: str) -> Elements:
    source, weights = inputs[0], inputs[1]
    matrix = numbers_or_wires(weights)
    bases = [0 if matrix.dtype == object else value.offset for value in source.flat]
    wires = [
        settle(value.plus(-base), layer, f"{name}_in_{number}")
        for number, (value, base) in enumerate(zip(source.flat, bases, strict=True))
    ]
    if matrix.dtype != object:
        layer.note_settled(node, wires, bases)
    results: list[Affine] = []
    for number, start in enumerate(range(0, len(wires), len(matrix))):
        place = name if len(wires) == len(matrix) else f"{name}_{number}"
        indices = range(number * len(matrix.T), (number + 1) * len(matrix.T))
        vector, base = (side[start : start + len(matrix)] for side in (wires, bases))
        products = product(node.name, indices, vector, matrix, layer, place)
        if any(base):  # what the elements are more than their wires
            moved = (np.array(base, dtype=np.int64) @ matrix).tolist()
            products = [value.plus(more) for value, more in zip(products, moved, strict=True)]
        if len(inputs) == 3:
            products = with_biases(products, inputs[2].flat, layer, place)
        results += products
    return _filled(results, (*source.shape[:-1], len(matrix.T)))


def _requantize(node: Node, inputs: Sequence[Elements], layer: LayerBuilder, name: str) -> Elements:
    source = inputs[0]
    multipliers = _per_channel(node, "multiplier", source.shape)
    offsets = _per_channel(node, "offset", source.shape)
    shift, rounding = node.integer("shift"), rounding_of(node)
    low, high = node.integer("low"), node.integer("high")
    zero_point = node.integer("zero_point", 0)
    names = [f"{name}_{number}" for number in range(source.size)]
    rounded = (
        round_off(scale(value, factor, layer, place).plus(offset), shift, rounding, layer, place)
        for value, place, factor, offset in zip(
            source.flat, names, multipliers, offsets, strict=True
        )
    )
    limited = limit_all(rounded, [(low, high)] * source.size, layer, names)
    return _filled([value.plus(-zero_point) for value in limited], source.shape)


def _limit(node: Node, inputs: Sequence[Elements], layer: LayerBuilder, name: str) -> Elements:
    shape, found = inputs[0].shape, intervals(node)
    lows, highs = (_spread([end[side] for end in found], node.axis(), shape) for side in (0, 1))
    names = [f"{name}_{number}" for number in range(inputs[0].size)]
    limits = list(zip(lows, highs, strict=True))
    if not wraps(node):
        return _filled(limit_all(inputs[0].flat, limits, layer, names), shape)
    results = [
        wrap(value, low, (high - low).bit_length(), layer, place)
        for value, (low, high), place in zip(inputs[0].flat, limits, names, strict=True)
    ]
    return _filled(results, shape)


def _relu(node: Node, inputs: Sequence[Elements], layer: LayerBuilder, name: str) -> Elements:
    results = [
        limit(value, 0, max(value.interval[1], 0), layer, f"{name}_{number}")
        for number, value in enumerate(inputs[0].flat)
    ]
    return _filled(results, inputs[0].shape)


def _sign(node: Node, inputs: Sequence[Elements], layer: LayerBuilder, name: str) -> Elements:
    offsets = _per_channel(node, "offset", inputs[0].shape)
    results = []
    for number, value in enumerate(inputs[0].flat):
        place = f"{name}_{number}"
        wire = settle(value.plus(offsets[number]), layer, f"{place}_moved")
        if isinstance(wire, Wire) and wire.interval[0] < 0 <= wire.interval[1]:
            parameters = {"X_BITS": wire.bits}
            inputs_ = {"x": wire}
            output = layer.add("sign_of", place, (-1, 1), inputs_, parameters, adders=0)
            results.append(Affine(output))
        else:
            low = wire if isinstance(wire, int) else wire.interval[0]
            results.append(Affine(None, offset=1 if low >= 0 else -1))
    return _filled(results, inputs[0].shape)


def _add(node: Node, inputs: Sequence[Elements], layer: LayerBuilder, name: str) -> Elements:
    first, second = np.broadcast_arrays(*inputs)
    results = [
        add(one, other, layer, f"{name}_{number}")
        for number, (one, other) in enumerate(zip(first.flat, second.flat, strict=True))
    ]
    return _filled(results, first.shape)


def _reshape(node: Node, inputs: Sequence[Elements], layer: LayerBuilder, name: str) -> Elements:
    return inputs[0].reshape(node.integers("shape")[1:])


def _transpose(node: Node, inputs: Sequence[Elements], layer: LayerBuilder, name: str) -> Elements:
    return inputs[0].transpose([axis - 1 for axis in node.integers("order")[1:]])


def _concat(node: Node, inputs: Sequence[Elements], layer: LayerBuilder, name: str) -> Elements:
    return np.concatenate(inputs, axis=node.integer("axis") - 1)


def _slice(node: Node, inputs: Sequence[Elements], layer: LayerBuilder, name: str) -> Elements:
    return inputs[0][chosen(node)[1:]]


def _resize(node: Node, inputs: Sequence[Elements], layer: LayerBuilder, name: str) -> Elements:
    made = inputs[0]
    for axis, factor in enumerate(node.integers("factors"), start=1):
        made = np.repeat(made, factor, axis=axis)
    return made


def _per_channel(node: Node, name: str, shape: tuple[int, ...]) -> list[int]:
    """The attribute's value for every element, in row-major order."""
    return _spread(node.integers(name), node.axis(), shape)


def _spread(values: Sequence[int], axis: int | None, shape: tuple[int, ...]) -> list[int]:
    """Values along an axis for every element, in row-major order."""
    if len(values) == 1:
        return [int(values[0])] * int(np.prod(shape))  # of a tensor without axes, too
    array = np.empty(len(values), dtype=object)
    array[:] = values
    if axis is not None:
        array = array.reshape([-1 if i == axis - 1 else 1 for i in range(len(shape))])
    return [int(value) for value in np.broadcast_to(array, shape).flat]


def _filled(values: Sequence[Affine], shape: tuple[int, ...]) -> Elements:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array.reshape(shape)


OPERATORS: Mapping[str, Operator] = MappingProxyType(
    {
        "Add": _add,
        "Concat": _concat,
        "Conv": convolve,
        "ConvTranspose": convolve,
        "Limit": _limit,
        "Lookup": look_up,
        "MatMul": _matmul,
        "MaxPool": pool_max,
        "Relu": _relu,
        "Requantize": _requantize,
        "Reshape": _reshape,
        "Resize": _resize,
        "Sign": _sign,
        "Slice": _slice,
        "SumPool": pool_sum,
        "Transpose": _transpose,
    }
)
"""How every supported operator is made."""
