"""Products that units beside the banks of a memory make, in their order, with their roundings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from netwright.errors import GraphError
from netwright.formats.bfloat import Floats, lane_product, order_faults
from netwright.ir.graph import Array, Node
from netwright.ir.ops.approximate import HOST_ATTRIBUTES, host_of
from netwright.ir.ops.attention import SPECS as ATTENTION
from netwright.ir.ops.attention import of_row, visible
from netwright.ir.ops.linear import SPECS as LINEAR
from netwright.ir.spec import Attribute, OpSpec, Shape
from netwright.ir.tolerance import Tolerance

ORDER = {"lanes": 16, "piece": 1024, "sum_bits": 32}
"""Attributes that say an order of sums, and what they are if left out."""


def order_of(node: Node) -> tuple[int, int, int]:
    """Lanes, elements of a piece, and bits of a sum that leaves, of a product in banks.

    Raises:
        GraphError: One is out of range.
    """
    lanes, piece, bits = (node.integer(name, value) for name, value in ORDER.items())
    faults = order_faults(lanes, piece, bits)
    if faults:
        raise GraphError("; ".join(faults), node=node.name)
    return lanes, piece, bits


def _product(node: Node, x: Array, w: Array) -> Floats:
    lanes, piece, bits = order_of(node)
    with np.errstate(over="ignore"):
        left, right = (np.asarray(part, np.float32) for part in (x, w))
    return lane_product(left, right, lanes=lanes, piece=piece, sum_bits=bits)


def _shape(node: Node, shapes: Sequence[Shape]) -> Shape:
    order_of(node)
    return LINEAR[0].shape(node, shapes)


def _execute(node: Node, inputs: Sequence[Array]) -> Array:
    return _product(node, inputs[0], inputs[1]).astype(inputs[0].dtype)


def _attention_shape(node: Node, shapes: Sequence[Shape]) -> Shape:
    order_of(node)
    host_of(node)
    return ATTENTION[0].shape(node, shapes)


def shares_on_host(node: Node, scores: Floats, mask: Array | None) -> Floats:
    """The shares of keys (..., queries, keys) as the host makes them of what the banks give."""
    host = host_of(node)
    scores = host.round(scores * host.round(node.reals("scale")[0]))
    keep = visible(node, *scores.shape[-2:])
    if mask is not None and node.text("mask") == "keep":
        keep = mask != 0 if keep is None else keep & (mask != 0)
    elif mask is not None:
        scores = host.round(scores + host.round(mask))
    if keep is not None:
        scores = np.where(keep, scores, np.float32(-np.inf))
    return host.softmax(scores)


def _attention(node: Node, inputs: Sequence[Array]) -> Array:
    queries, keys, values = inputs[:3]
    mask = inputs[3] if len(inputs) > 3 else None
    made = np.empty((*queries.shape[:3], values.shape[3]), queries.dtype)
    sharing = queries.shape[1] // keys.shape[1]
    for row in range(len(queries)):
        for head in range(queries.shape[1]):
            own = keys[row, head // sharing], values[row, head // sharing]
            scores = _product(node, queries[row, head], own[0].T)
            seen = of_row(mask, row)
            if seen is not None and seen.ndim > 2:
                seen = seen[head if len(seen) > 1 else 0]
            made[row, head] = _product(node, shares_on_host(node, scores, seen), own[1])
    return made


_ORDER = {name: Attribute("int", default=value, required=False) for name, value in ORDER.items()}

SPECS: tuple[OpSpec, ...] = (
    replace(
        LINEAR[0],
        name="BankMatMul",
        form="quantized",
        num_inputs=(2, 2),
        shape=_shape,
        execute=_execute,
        bounds=None,
        attributes=_ORDER,
        tolerance=Tolerance(),
    ),
    replace(
        ATTENTION[0],
        name="BankAttention",
        shape=_attention_shape,
        execute=_attention,
        attributes={**ATTENTION[0].attributes, **_ORDER, **HOST_ATTRIBUTES},
        tolerance=Tolerance(),
    ),
)
"""Operands are rounded to bfloat16; see :func:`netwright.formats.bfloat.lane_product`. Scores and
shares of the attention are the host's."""
