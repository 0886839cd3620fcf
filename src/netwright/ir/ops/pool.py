"""Pooling over windows, channels first as in ONNX."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netwright.errors import GraphError
from netwright.ir.einsums.einsum import Einsum, ReduceOp
from netwright.ir.einsums.lower import Lowering, Operand, Windows, pooling
from netwright.ir.graph import Array, Node
from netwright.ir.ops.conv import WINDOW_ATTRIBUTES, window_extents, windows
from netwright.ir.spec import Attribute, Bounds, OpSpec, Shape
from netwright.ir.tolerance import Tolerance, absolute_terms


def _shape(node: Node, shapes: Sequence[Shape]) -> Shape:
    source, kernel = shapes[0], node.integers("kernel")
    if len(source) not in (3, 4) or len(kernel) != len(source) - 2:
        raise GraphError(
            f"a kernel of {kernel} does not suit an input of shape {source}", node=node.name
        )
    return (*source[:2], *window_extents(node, source[2:], kernel, (1,) * len(kernel)))


def _max_shape(node: Node, shapes: Sequence[Shape]) -> Shape:
    kernel, pads = node.integers("kernel"), node.integers("pads")
    shape = _shape(node, shapes)
    if any(pad >= extent for pad, extent in zip(pads, kernel * 2, strict=True)):
        raise GraphError(
            f"pads {pads} must be smaller than the kernel {kernel}: a window would hold padding "
            "only",
            node=node.name,
        )
    return shape


def _windows(node: Node, source: Array, fill: float) -> Array:
    kernel = node.integers("kernel")
    return windows(
        source,
        kernel,
        strides=node.integers("strides"),
        pads=node.integers("pads"),
        dilations=(1,) * len(kernel),
        fill=fill,
    )


def _kernel_axes(node: Node) -> tuple[int, ...]:
    return tuple(range(-len(node.integers("kernel")), 0))


def _sum(node: Node, inputs: Sequence[Array]) -> Array:
    return _windows(node, inputs[0], 0).sum(axis=_kernel_axes(node))


def _average(node: Node, inputs: Sequence[Array]) -> Array:
    return _sum(node, inputs) / float(np.prod(node.integers("kernel")))


def _num_terms(node: Node, inputs: Sequence[Array]) -> int:
    return int(np.prod(node.integers("kernel")))


def _max(node: Node, inputs: Sequence[Array]) -> Array:
    source = inputs[0]
    kind = source.dtype if source.dtype.kind in "iu" else np.dtype(np.int64)  # or Python's integers
    fill = -np.inf if source.dtype.kind == "f" else np.iinfo(kind).min
    return _windows(node, source, fill).max(axis=_kernel_axes(node))


def _sum_bounds(node: Node, limits: Sequence[Bounds], values: Sequence[Array | None]) -> Bounds:
    terms = int(np.prod(node.integers("kernel")))
    low, high = limits[0].low, limits[0].high
    if any(node.integers("pads")):
        low, high = min(low, 0), max(high, 0)
    return Bounds(terms * low, terms * high, terms * max(abs(low), abs(high)))


def _max_bounds(node: Node, limits: Sequence[Bounds], values: Sequence[Array | None]) -> Bounds:
    return Bounds(limits[0].low, limits[0].high, limits[0].magnitude)


_ATTRIBUTES = {**WINDOW_ATTRIBUTES, "kernel": Attribute("ints")}


def _einsums(reduce_op: ReduceOp) -> Lowering:
    def make(node: Node, sources: Sequence[Operand], output: Operand) -> list[Einsum]:
        slides = Windows.of(node, node.integers("kernel"))
        return [pooling(node.name, sources[0], output, slides, reduce_op=reduce_op)]

    return make


SPECS = (
    OpSpec(
        name="MaxPool",
        category="reduction",
        einsums=_einsums("max"),
        keeps_values=True,
        form="both",
        num_inputs=(1, 1),
        shape=_max_shape,
        execute=_max,
        bounds=_max_bounds,
        attributes=_ATTRIBUTES,
    ),
    OpSpec(
        name="AveragePool",
        category="reduction",
        einsums=_einsums("add"),
        form="quantized",
        num_inputs=(1, 1),
        shape=_shape,
        execute=_average,
        tolerance=Tolerance(magnitude=absolute_terms(_average, _num_terms)),
        attributes=_ATTRIBUTES,
    ),
    OpSpec(
        name="SumPool",
        category="reduction",
        einsums=_einsums("add"),
        form="integer",
        num_inputs=(1, 1),
        shape=_shape,
        execute=_sum,
        bounds=_sum_bounds,
        attributes=_ATTRIBUTES,
    ),
)
