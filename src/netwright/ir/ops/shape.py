"""Operations that move values without changing them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netwright.errors import GraphError
from netwright.ir.einsums.lower import part, repeated, whole
from netwright.ir.graph import Array, Node
from netwright.ir.spec import Attribute, Bounds, OpSpec, Shape

_BATCH = "axis 0 holds the rows of a batch, which are independent of each other"


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
        raise GraphError(
            f"axis must be from 1 to {len(first) - 1}, not {axis}", node=node.name, hint=_BATCH
        )
    for shape in shapes[1:]:
        if len(shape) != len(first) or any(
            extent != other
            for i, (extent, other) in enumerate(zip(shape, first, strict=True))
            if i != axis
        ):
            raise GraphError(f"cannot join {first} and {shape} on axis {axis}", node=node.name)
    return (*first[:axis], sum(shape[axis] for shape in shapes), *first[axis + 1 :])


def _concat(node: Node, inputs: Sequence[Array]) -> Array:
    """A constant has one row, which is the same for all."""
    rows = max(map(len, inputs))
    parts = [
        part if len(part) == rows else np.broadcast_to(part, (rows, *part.shape[1:]))
        for part in inputs
    ]
    return np.concatenate(parts, axis=node.integer("axis"))


def _slice_shape(node: Node, shapes: Sequence[Shape]) -> Shape:
    axis, source = node.integer("axis"), shapes[0]
    start, stop, step = (node.integer(key) for key in ("start", "stop", "step"))
    if not 1 <= axis < len(source):
        raise GraphError(
            f"axis must be from 1 to {len(source) - 1}, not {axis}", node=node.name, hint=_BATCH
        )
    if not (0 <= start < stop <= source[axis] and step >= 1):
        raise GraphError(
            f"cannot take {start} to {stop} in steps of {step} of the {source[axis]} elements "
            f"along axis {axis}",
            node=node.name,
        )
    return (*source[:axis], len(range(start, stop, step)), *source[axis + 1 :])


def chosen(node: Node) -> tuple[slice, ...]:
    """What a ``Slice`` takes of its input, batch axis included."""
    start, stop, step = (node.integer(key) for key in ("start", "stop", "step"))
    return (*(slice(None),) * node.integer("axis"), slice(start, stop, step))


def window_of_slice(node: Node, extent: int) -> tuple[int, int, int]:
    """A ``Slice`` as windows: their width, the steps between them, and the element that is taken.

    >>> node = Node("s", "Slice", ("x",), "y", {"axis": 2, "start": 1, "stop": 6, "step": 2})
    >>> window_of_slice(node, 8)
    (4, 2, 1)
    """
    start, stop, step = (node.integer(key) for key in ("start", "stop", "step"))
    return extent - (len(range(start, stop, step)) - 1) * step, step, start


def _resize_shape(node: Node, shapes: Sequence[Shape]) -> Shape:
    factors, source = node.integers("factors"), shapes[0]
    if len(source) not in (3, 4) or len(factors) != len(source) - 2 or min(factors) < 1:
        raise GraphError(
            f"factors {factors} must be 1 or more for each axis behind the channels of {source}",
            node=node.name,
        )
    larger = (extent * factor for extent, factor in zip(source[2:], factors, strict=True))
    return (*source[:2], *larger)


def _resize(node: Node, inputs: Sequence[Array]) -> Array:
    made = inputs[0]
    for axis, factor in enumerate(node.integers("factors")):
        made = np.repeat(made, factor, axis=2 + axis)
    return made


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
        execute=_concat,
        bounds=_keep_bounds,
        attributes={"axis": Attribute("int")},
    ),
    OpSpec(
        name="Slice",
        category="view",
        einsums=lambda node, sources, output: [
            part(
                node.name,
                sources[0],
                output,
                node.integer("axis"),
                node.integer("start"),
                node.integer("step"),
            )
        ],
        keeps_values=True,
        form="both",
        num_inputs=(1, 1),
        shape=_slice_shape,
        execute=lambda node, inputs: inputs[0][chosen(node)],
        bounds=_keep_bounds,
        attributes={key: Attribute("int") for key in ("axis", "start", "stop", "step")},
    ),
    OpSpec(
        name="Resize",
        category="movement",
        einsums=lambda node, sources, output: [
            repeated(node.name, sources[0], output, node.integers("factors"))
        ],
        keeps_values=True,
        form="both",
        num_inputs=(1, 1),
        shape=_resize_shape,
        execute=_resize,
        bounds=_keep_bounds,
        attributes={"factors": Attribute("ints")},
    ),
)
