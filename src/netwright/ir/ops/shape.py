"""Operations that move values without changing them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netwright.errors import GraphError
from netwright.ir.einsums.lower import whole
from netwright.ir.graph import Array, Node
from netwright.ir.spec import Attribute, Bounds, OpSpec, Shape


def _reshape_shape(node: Node, shapes: Sequence[Shape]) -> Shape:
    target, source = node.integers("shape"), shapes[0]
    if not target or target[0] != source[0] or np.prod(target) != np.prod(source):
        raise GraphError(
            f"cannot reshape {source} to {target}: the batch axis and the number of values must "
            "stay",
            node=node.name,
        )
    return target


def _transpose_shape(node: Node, shapes: Sequence[Shape]) -> Shape:
    order, source = node.integers("order"), shapes[0]
    if sorted(order) != list(range(len(source))) or order[0] != 0:
        raise GraphError(
            f"order must be a permutation of {len(source)} axes that keeps the batch first, "
            f"not {order}",
            node=node.name,
        )
    return tuple(source[axis] for axis in order)


def _concat_shape(node: Node, shapes: Sequence[Shape]) -> Shape:
    axis, first = node.integer("axis"), shapes[0]
    if not 1 <= axis < len(first):
        raise GraphError(f"axis must be from 1 to {len(first) - 1}, not {axis}", node=node.name)
    for shape in shapes[1:]:
        if len(shape) != len(first) or any(
            extent != other
            for i, (extent, other) in enumerate(zip(shape, first, strict=True))
            if i != axis
        ):
            raise GraphError(f"cannot join {first} and {shape} on axis {axis}", node=node.name)
    return (*first[:axis], sum(shape[axis] for shape in shapes), *first[axis + 1 :])


def _keep_bounds(node: Node, limits: Sequence[Bounds], values: Sequence[Array | None]) -> Bounds:
    low, high = min(b.low for b in limits), max(b.high for b in limits)
    return Bounds(low, high, max(abs(low), abs(high)))


SPECS = (
    OpSpec(
        name="Reshape",
        category="view",
        keeps_values=True,
        form="both",
        num_inputs=(1, 1),
        shape=_reshape_shape,
        execute=lambda node, inputs: inputs[0].reshape(len(inputs[0]), *node.integers("shape")[1:]),
        bounds=_keep_bounds,
        attributes={"shape": Attribute("ints")},
    ),
    OpSpec(
        name="Transpose",
        category="view",
        keeps_values=True,
        form="both",
        num_inputs=(1, 1),
        shape=_transpose_shape,
        execute=lambda node, inputs: inputs[0].transpose(node.integers("order")),
        bounds=_keep_bounds,
        attributes={"order": Attribute("ints")},
    ),
    OpSpec(
        name="Concat",
        category="movement",
        einsums=whole("copy"),
        keeps_values=True,
        form="both",
        num_inputs=(1, 64),
        shape=_concat_shape,
        execute=lambda node, inputs: np.concatenate(inputs, axis=node.integer("axis")),
        bounds=_keep_bounds,
        attributes={"axis": Attribute("int")},
    ),
)
