"""Products that are spread over clocks: their memories and the width of their sums."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.adders.adder_graph import Interval, width
from netwright.backends.rtl.reuse import Tiling
from netwright.backends.rtl.streams.network import Product
from netwright.errors import NumericsError
from netwright.formats import MAX_BITS, holds_integers
from netwright.ir import Graph, Node
from netwright.ir.ops.transposed import correlation


def spread(
    node: Node,
    graph: Graph,
    source: Interval,
    tiling: Tiling,
    *,
    loadable: bool,
    levels_per_stage: int,
) -> Product:
    """The product of a node.

    Args:
        node: A product.
        graph: Its graph.
        source: Interval of what is multiplied, padding included.
        tiling: How it is spread over clocks.
        loadable: Weights and biases may later be any of their formats.
        levels_per_stage: Levels of the adder trees between registers; 0 for no registers.

    Raises:
        NumericsError: A sum may need more than 64 bits.
    """
    weights, bias = matrices(node, graph, tiling)
    if loadable:
        formats = [_codes(graph, name) for name in node.inputs[1:]]
        sums = _any_sums(formats, source, tiling.inputs)
        weight_bits = width(formats[0])
        bias_bits = width(formats[1]) if bias is not None else 1
    else:
        sums = _sums(weights, source)
        weight_bits = width((int(weights.min()), int(weights.max())))
        bias_bits = 1
    if width(sums) > MAX_BITS:
        raise NumericsError(
            f'node "{node.name}" needs accumulators of {width(sums)} bits for any weights of its '
            f"format; at most {MAX_BITS} are supported",
            tensor=node.output,
            hint='use fewer weight or activation bits, or weights="fixed"',
        )
    signed = weight_bits + (not loadable and int(weights.min()) >= 0)
    if loadable and formats[0][0] >= 0:
        signed += 1
    return Product(
        node=node.name,
        tiling=tiling,
        channels=_group_channels(node, graph, tiling),
        weight_bits=signed,
        bias_bits=bias_bits + (loadable and bias is not None and formats[1][0] >= 0),
        accumulator=sums,
        levels_per_stage=levels_per_stage,
        weights=weight_words(weights, tiling),
        bias=bias_words(bias, tiling) if loadable and bias is not None else None,
    )


def matrices(
    node: Node, graph: Graph, tiling: Tiling
) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
    """Weights as (groups, inputs, outputs), and biases as (groups, outputs) or ``None``.

    The inputs of a convolution come position by position, the channels of one together.
    """
    weights = graph.constants[node.inputs[1]].astype(np.int64)
    if node.op != "MatMul":
        weights = correlation(node, weights).weights
        shape = tiling.groups, tiling.outputs, weights.shape[1], -1
        weights = weights.reshape(shape).transpose(0, 3, 2, 1)
    weights = weights.reshape(tiling.groups, tiling.inputs, tiling.outputs)
    if len(node.inputs) < 3:
        return weights, None
    bias = graph.constants[node.inputs[2]].astype(np.int64)
    return weights, bias.reshape(tiling.groups, tiling.outputs)


def _group_channels(node: Node, graph: Graph, tiling: Tiling) -> int:
    """Neighboring elements of a window's position that belong to one group."""
    if node.op == "MatMul":
        return tiling.inputs
    return graph.types[node.inputs[0]].shape[1] // tiling.groups


def weight_words(weights: NDArray[np.int64], tiling: Tiling) -> NDArray[np.int64]:
    """What every multiplier reads in every clock: (clocks, multipliers)."""
    parts = weights.reshape(
        tiling.groups,
        tiling.steps,
        tiling.inputs_per_clock,
        tiling.rounds,
        tiling.outputs_per_clock,
    )
    return parts.transpose(3, 1, 0, 4, 2).reshape(tiling.reuse_factor, tiling.multipliers)


def bias_words(bias: NDArray[np.int64], tiling: Tiling) -> NDArray[np.int64]:
    """What every accumulator begins with in every round: (rounds, accumulators)."""
    parts = bias.reshape(tiling.groups, tiling.rounds, tiling.outputs_per_clock)
    return parts.transpose(1, 0, 2).reshape(tiling.rounds, -1)


def _codes(graph: Graph, tensor: str) -> Interval:
    """Interval of every code that a constant's format has."""
    dtype = graph.types[tensor].dtype
    assert holds_integers(dtype)
    return dtype.min, dtype.max


def _sums(weights: NDArray[np.int64], source: Interval) -> Interval:
    """Exact interval of the sums without biases."""
    values = weights.astype(object)
    low, high = source
    positive, negative = np.maximum(values, 0).sum(axis=1), np.minimum(values, 0).sum(axis=1)
    lows, highs = positive * low + negative * high, positive * high + negative * low
    return int(lows.min()), int(highs.max())


def _any_sums(formats: list[Interval], source: Interval, terms: int) -> Interval:
    """Interval of the sums for any weights and biases of their formats."""
    corners = [weight * value for weight in formats[0] for value in source]
    low, high = terms * min(corners), terms * max(corners)
    if len(formats) == 2:
        low, high = low + formats[1][0], high + formats[1][1]
    return low, high
