"""Transposed convolutions, and every convolution as windows over data with zeros in between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product as every
from math import prod

import numpy as np

from netwright.errors import GraphError
from netwright.ir.einsums.einsum import Einsum
from netwright.ir.einsums.lower import Operand, Windows, transposed_convolution
from netwright.ir.graph import Array, Node
from netwright.ir.ops.conv import WINDOW_ATTRIBUTES, correlate
from netwright.ir.ops.filters import filters_first
from netwright.ir.ops.linear import constant_weights, weighted_sum_bounds
from netwright.ir.spec import Attribute, Bounds, OpSpec, Shape
from netwright.ir.tolerance import Tolerance, absolute_terms


@dataclass(frozen=True, slots=True, eq=False)
class Correlation:
    """A convolution as windows that slide over its input, which is stretched before.

    Attributes:
        weights: (outputs, inputs of a group, *kernel).
        steps: Distance of neighboring elements of the input; zeros lie between them.
        strides: Steps between windows.
        pads: Zeros before, then behind every axis of the stretched input.
        dilations: Steps between the elements of a window.
        group: Number of groups.
    """

    weights: Array
    steps: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]
    group: int

    @property
    def kernel(self) -> Shape:
        """Extents of a window."""
        return self.weights.shape[2:]

    def undilated(self) -> Array:
        """The weights with zeros where a window has no element."""
        return stretched(self.weights, self.dilations)


def correlation(node: Node, weights: Array) -> Correlation:
    """What a ``Conv`` or ``ConvTranspose`` does, as windows.

    A transposed convolution is one over its input with ``stride - 1`` zeros between each two
    elements and the mirrored kernel (Dumoulin & Visin 2016, arXiv:1603.07285, section 4). Where
    more is cut off than the kernel reaches, zeros at the kernel's border do it.
    """
    group, dilations = node.integer("group"), node.integers("dilations")
    strides, pads = node.integers("strides"), node.integers("pads")
    rank = len(strides)
    if node.op == "Conv":
        return Correlation(weights, (1,) * rank, strides, pads, dilations, group)
    mirrored = filters_first(node, weights, weights.shape)
    mirrored = np.flip(mirrored, tuple(range(2, 2 + rank)))
    reach = [d * (k - 1) for d, k in zip(dilations, weights.shape[2:], strict=True)]
    extra = node.integers("output_padding")
    around = [reach[i] - pads[i] for i in range(rank)]
    around += [reach[i] - pads[rank + i] + extra[i] for i in range(rank)]
    if min(around) < 0:
        mirrored = stretched(mirrored, dilations)
        dilations = (1,) * rank
        margins = [(max(-around[i], 0), max(-around[rank + i], 0)) for i in range(rank)]
        mirrored = np.pad(mirrored, [(0, 0), (0, 0), *margins])
        around = [max(margin, 0) for margin in around]
    return Correlation(mirrored, strides, (1,) * rank, tuple(around), dilations, group)


def stretched(source: Array, steps: Sequence[int]) -> Array:
    """Data with ``step - 1`` zeros between each two elements along every axis behind the second."""
    if max(steps) == 1:
        return source
    extents = [
        step * (extent - 1) + 1 for step, extent in zip(steps, source.shape[2:], strict=True)
    ]
    result = np.zeros((*source.shape[:2], *extents), source.dtype)
    result[(slice(None), slice(None), *(slice(None, None, step) for step in steps))] = source
    return result


def _shape(node: Node, shapes: Sequence[Shape]) -> Shape:
    source, weights = shapes[0], shapes[1]
    groups, rank = node.integer("group"), len(source) - 2
    if len(source) not in (3, 4) or len(weights) != len(source):
        raise GraphError(
            f"input and weights must both have 3 or 4 axes, not {source} and {weights}",
            node=node.name,
        )
    if groups < 1 or source[1] != weights[0] or weights[0] % groups:
        raise GraphError(
            f"weights {weights} in {groups} groups do not fit {source[1]} input channels",
            node=node.name,
        )
    filters = weights[1] * groups
    if len(shapes) == 3 and shapes[2] != (filters,):
        raise GraphError(f"bias must have shape ({filters},), not {shapes[2]}", node=node.name)
    strides, pads, dilations = (node.integers(key) for key in ("strides", "pads", "dilations"))
    extra = node.integers("output_padding")
    if {len(strides), len(dilations), len(extra)} != {rank} or len(pads) != 2 * rank:
        raise GraphError(
            f"strides {strides}, pads {pads}, dilations {dilations} and output_padding {extra} "
            f"must suit {rank} axes",
            node=node.name,
        )
    if min((*strides, *dilations, *weights[2:])) < 1 or min((*pads, *extra)) < 0:
        raise GraphError(
            "strides, dilations and kernel extents must be 1 or more, pads and output_padding 0 "
            f"or more, not {strides}, {dilations}, {weights[2:]}, {pads} and {extra}",
            node=node.name,
        )
    if any(more >= max(s, d) for more, s, d in zip(extra, strides, dilations, strict=True)):
        raise GraphError(
            f"output_padding {extra} must be smaller than the strides {strides} or dilations "
            f"{dilations}",
            node=node.name,
        )
    extents = tuple(
        strides[i] * (source[2 + i] - 1) + dilations[i] * (weights[2 + i] - 1) + 1 + extra[i]
        - pads[i] - pads[rank + i]
        for i in range(rank)
    )  # fmt: skip
    if min(extents) < 1:
        raise GraphError(f"pads {pads} leave nothing of the result", node=node.name)
    return (source[0], filters, *extents)


def _execute(node: Node, inputs: Sequence[Array]) -> Array:
    found = correlation(node, inputs[1])
    made = correlate(
        stretched(inputs[0], found.steps),
        found.weights,
        strides=found.strides,
        pads=found.pads,
        dilations=found.dilations,
        group=found.group,
    )
    return made + inputs[2].reshape(-1, *(1,) * len(found.steps)) if len(inputs) == 3 else made


def _bounds(node: Node, limits: Sequence[Bounds], values: Sequence[Array | None]) -> Bounds:
    """The limits of all positions: each meets the taps of one phase, and the others zeros."""
    weights, bias = constant_weights(node, values)
    reach = [
        d * (k - 1) for d, k in zip(node.integers("dilations"), weights.shape[2:], strict=True)
    ]
    overlap = any(r >= s for r, s in zip(reach, node.integers("strides"), strict=True))
    may_be_absent = overlap or any(node.integers("output_padding"))
    rows = filters_first(node, weights, weights.shape)
    found = [
        weighted_sum_bounds(node, part, bias, limits[0], may_be_absent=may_be_absent)
        for part in _phases(node, rows)
    ]
    return Bounds(min(b.low for b in found), max(b.high for b in found), max(b.peak for b in found))


def _phases(node: Node, rows: Array) -> Iterator[Array]:
    """The weights that one position meets, for each position within a stride; the others are 0."""
    axes = [
        [(np.arange(taps) * dilation) % stride == phase for phase in range(stride)]
        for taps, dilation, stride in zip(
            rows.shape[2:], node.integers("dilations"), node.integers("strides"), strict=True
        )
    ]
    distinct = [list({mask.tobytes(): mask for mask in masks}.values()) for masks in axes]
    for masks in every(*distinct):
        kept = np.ones((), dtype=bool)
        for axis, mask in enumerate(masks):
            kept = kept & mask.reshape(-1, *(1,) * (len(masks) - 1 - axis))
        yield np.where(kept, rows, 0)


def _macs(node: Node, shapes: Sequence[Shape]) -> int:
    """Products with elements of the input; zeros in between are none."""
    return prod(shapes[0][2:]) * prod(shapes[1])


def _einsums(node: Node, sources: Sequence[Operand], output: Operand) -> list[Einsum]:
    source, weight, *more = sources
    slides, group = Windows.of(node, weight.shape[2:]), node.integer("group")
    bias = more[0] if more else None
    return transposed_convolution(
        node.name, source, weight, output, slides, groups=group, bias=bias
    )


SPECS = (
    OpSpec(
        name="ConvTranspose",
        category="product",
        einsums=_einsums,
        form="both",
        num_inputs=(2, 3),
        shape=_shape,
        execute=_execute,
        bounds=_bounds,
        macs=_macs,
        tolerance=Tolerance(
            magnitude=absolute_terms(_execute, lambda node, inputs: inputs[1][:, 0].size)
        ),
        attributes={
            **WINDOW_ATTRIBUTES,
            "dilations": Attribute("ints"),
            "output_padding": Attribute("ints"),
            "group": Attribute("int"),
        },
    ),
)
