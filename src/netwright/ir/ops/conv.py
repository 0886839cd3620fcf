"""Convolutions in one and two dimensions, channels first as in ONNX."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

import numpy as np

from netwright.errors import GraphError
from netwright.ir.einsums.einsum import Einsum
from netwright.ir.einsums.lower import Operand, Windows, convolution
from netwright.ir.graph import Array, Node
from netwright.ir.ops.linear import constant_weights, weighted_sum_bounds
from netwright.ir.spec import Attribute, Bounds, OpSpec, Shape
from netwright.ir.tolerance import Tolerance, absolute_terms

_BLOCK_VALUES = 1 << 24
"""Terms of windows that are copied together: 128 MiB in float64."""


def window_extents(
    node: Node, extents: Shape, kernel: Shape, dilations: tuple[int, ...]
) -> tuple[int, ...]:
    """Output extents of windows of `kernel` over `extents`, with the node's pads and strides.

    Raises:
        GraphError: The attributes do not fit the rank, or no window fits.
    """
    strides, pads = node.integers("strides"), node.integers("pads")
    rank = len(extents)
    if len(strides) != rank or len(pads) != 2 * rank or len(dilations) != rank:
        raise GraphError(
            f"strides {strides}, pads {pads} and dilations {dilations} must suit {rank} axes",
            node=node.name,
        )
    if min(strides) < 1 or min(dilations) < 1 or min(pads) < 0 or min(kernel) < 1:
        raise GraphError(
            "strides, dilations and kernel extents must be 1 or more and pads 0 or more, not "
            f"{strides}, {dilations}, {kernel} and {pads}",
            node=node.name,
        )
    result = []
    for i in range(rank):
        span = dilations[i] * (kernel[i] - 1) + 1
        room = extents[i] + pads[i] + pads[rank + i] - span
        if room < 0:
            raise GraphError(
                f"a window of {span} does not fit the padded extent {room + span}", node=node.name
            )
        result.append(room // strides[i] + 1)
    return tuple(result)


def windows(
    source: Array,
    kernel: Shape,
    *,
    strides: tuple[int, ...],
    pads: tuple[int, ...],
    dilations: tuple[int, ...],
    fill: float = 0,
) -> Array:
    """Views of all windows: (batch, channels, *output extents, *kernel extents)."""
    rank = len(kernel)
    if any(pads):
        margins = [(0, 0), (0, 0), *((pads[i], pads[rank + i]) for i in range(rank))]
        source = np.pad(source, margins, constant_values=fill)
    spans = tuple(d * (k - 1) + 1 for d, k in zip(dilations, kernel, strict=True))
    view = np.lib.stride_tricks.sliding_window_view(source, spans, axis=tuple(range(2, 2 + rank)))
    steps = tuple(slice(None, None, stride) for stride in strides)
    taps = tuple(slice(None, None, dilation) for dilation in dilations)
    return view[(slice(None), slice(None), *steps, *taps)]


def _shape(node: Node, shapes: Sequence[Shape]) -> Shape:
    source, weights = shapes[0], shapes[1]
    groups = node.integer("group")
    if len(source) not in (3, 4) or len(weights) != len(source):
        raise GraphError(
            f"input and weights must both have 3 or 4 axes, not {source} and {weights}",
            node=node.name,
        )
    if groups < 1 or source[1] != weights[1] * groups or weights[0] % groups:
        raise GraphError(
            f"weights {weights} in {groups} groups do not fit {source[1]} input channels",
            node=node.name,
        )
    if len(shapes) == 3 and shapes[2] != (weights[0],):
        raise GraphError(f"bias must have shape ({weights[0]},), not {shapes[2]}", node=node.name)
    extents = window_extents(node, source[2:], weights[2:], node.integers("dilations"))
    return (source[0], weights[0], *extents)


def _execute(node: Node, inputs: Sequence[Array]) -> Array:
    made = correlate(
        inputs[0],
        inputs[1],
        strides=node.integers("strides"),
        pads=node.integers("pads"),
        dilations=node.integers("dilations"),
        group=node.integer("group"),
    )
    if len(inputs) == 3:
        made = made + inputs[2].reshape(-1, *(1,) * (inputs[1].ndim - 2))
    return made


def correlate(
    source: Array,
    weights: Array,
    *,
    strides: tuple[int, ...],
    pads: tuple[int, ...],
    dilations: tuple[int, ...],
    group: int,
) -> Array:
    """The sums of all windows, each weighted: (batch, outputs, *output extents)."""
    kernel = weights.shape[2:]
    rank, groups = len(kernel), group
    view = windows(source, kernel, strides=strides, pads=pads, dilations=dilations)
    batch, channels = view.shape[:2]
    extents = view.shape[2 : 2 + rank]
    order = (0, 1, *range(3, 3 + rank), 2, *range(3 + rank, 3 + 2 * rank))
    terms = int(np.prod(weights.shape[1:]))
    matrices = weights.reshape(groups, weights.shape[0] // groups, terms).transpose(0, 2, 1)
    result = np.empty((batch, weights.shape[0], *extents), np.result_type(source, weights))
    for place in _blocks(extents, batch * groups * terms):
        part = view[(slice(None), slice(None), *place)]
        inner = part.shape[2 : 2 + rank]
        part = part.reshape(batch, groups, channels // groups, *inner, *kernel)
        columns = part.transpose(order).reshape(batch, groups, prod(inner), terms)
        product = np.matmul(columns, matrices).transpose(0, 1, 3, 2)
        result[(slice(None), slice(None), *place)] = product.reshape(
            batch, weights.shape[0], *inner
        )
    return result


def _blocks(extents: Shape, values: int) -> Iterator[tuple[slice, ...]]:
    """Places that together cover all windows, whose terms, `values` for a window, are copied."""
    if not extents:
        yield ()
        return
    inner = values * prod(extents[1:])
    step = max(1, _BLOCK_VALUES // max(inner, 1))
    for start in range(0, extents[0], step):
        here = slice(start, start + step)
        if step > 1 or inner <= _BLOCK_VALUES:
            yield (here, *(slice(None) for _ in extents[1:]))
        else:
            yield from ((here, *rest) for rest in _blocks(extents[1:], values))


def _bounds(node: Node, limits: Sequence[Bounds], values: Sequence[Array | None]) -> Bounds:
    weights, bias = constant_weights(node, values)
    absent = any(node.integers("pads"))
    return weighted_sum_bounds(node, weights, bias, limits[0], may_be_absent=absent)


def _macs(node: Node, shapes: Sequence[Shape]) -> int:
    return int(np.prod(_shape(node, shapes)[2:])) * int(np.prod(shapes[1]))


WINDOW_ATTRIBUTES = {"strides": Attribute("ints"), "pads": Attribute("ints")}


def _einsums(node: Node, sources: Sequence[Operand], output: Operand) -> list[Einsum]:
    source, weight, *more = sources
    slides, group = Windows.of(node, weight.shape[2:]), node.integer("group")
    bias = more[0] if more else None
    return convolution(node.name, source, weight, output, slides, groups=group, bias=bias)


SPECS = (
    OpSpec(
        name="Conv",
        category="product",
        einsums=_einsums,
        form="both",
        num_inputs=(2, 3),
        shape=_shape,
        execute=_execute,
        bounds=_bounds,
        macs=_macs,
        tolerance=Tolerance(
            magnitude=absolute_terms(_execute, lambda node, inputs: inputs[1][0].size)
        ),
        attributes={
            **WINDOW_ATTRIBUTES,
            "dilations": Attribute("ints"),
            "group": Attribute("int"),
        },
    ),
)
