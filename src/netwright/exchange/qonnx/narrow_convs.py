"""Convolutions whose sums need more than float32, for an executor that has no others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import NumericsError
from netwright.exchange.qonnx.precision import FLOAT32_BITS, Reals, significand_bits
from netwright.ir import Graph, Node, TensorType
from netwright.ir.ops.filters import num_filters
from netwright.passes.carried import step_of
from netwright.passes.constant_values import constant_values

_CONVOLUTIONS = frozenset({"Conv", "ConvTranspose"})
_FLOAT32_ONLY = _CONVOLUTIONS | {"AveragePool"}
"""Operators that ONNX Runtime has on the CPU for float32 only."""


def narrow_convs(graph: Graph) -> Graph:
    """Split convolutions with wide sums into several on slices of the weights' bits, then add.

    The slices are exact in float32 and their sum is exact in float64, so no value changes.

    Raises:
        NumericsError: An operator cannot be split far enough.
    """
    bits = significand_bits(graph)
    wide = [
        node
        for node in graph.nodes
        if node.op in _FLOAT32_ONLY and (bits[node.output] or 0) > FLOAT32_BITS
    ]
    if not wide:
        return graph
    values = constant_values(graph)
    constants, types = dict(graph.constants), dict(graph.types)
    nodes: list[Node] = []
    for node in graph.nodes:
        if node not in wide:
            nodes.append(node)
            continue
        source_bits = bits[node.inputs[0]]
        if node.op not in _CONVOLUTIONS or source_bits is None:
            raise NumericsError(
                f"{node.op} needs {bits[node.output]} significant bits; ONNX Runtime has it for "
                "float32 only",
                tensor=node.output,
            )
        shape = types[node.inputs[1]].shape
        terms = int(np.prod(shape)) // num_filters(node, shape)
        keep = FLOAT32_BITS - source_bits - int(np.ceil(np.log2(terms)))
        if keep < 1:
            raise NumericsError(
                f"sums of {terms} values of {source_bits} bits do not fit float32",
                tensor=node.output,
                hint="put a quantizer in front of the convolution: QONNX executes it in float32",
            )
        weights = _split(values[node.inputs[1]], keep)
        bias = values[node.inputs[2]] if len(node.inputs) == 3 else np.zeros(1)
        nodes.extend(_slices(node, weights, bias, constants, types))
    return replace(graph, nodes=tuple(nodes), constants=constants, types=types)


def _split(weights: Reals, keep: int) -> list[Reals]:
    """Summands of the weights, each with at most `keep` significant bits."""
    step = step_of(weights)
    codes = (weights / step).astype(np.int64)
    parts = []
    while np.any(codes):
        rest = np.sign(codes) * (np.abs(codes) & ((1 << keep) - 1))
        parts.append(rest * step)
        codes, step = np.sign(codes) * (np.abs(codes) >> keep), step * 2.0**keep
    return parts


def _slices(
    node: Node,
    weights: list[Reals],
    bias: Reals,
    constants: dict[str, NDArray[Any]],
    types: dict[str, TensorType],
) -> list[Node]:
    """The convolutions with slices of the weights, and the sums that join them and the bias."""
    result = types[node.output]
    nodes: list[Node] = []
    total = ""
    for index, part in enumerate(weights):
        name = f"{node.output}_slice{index}"
        constants[f"{name}.weight"] = part
        types[f"{name}.weight"] = TensorType(part.shape)
        types[name] = result
        inputs = (node.inputs[0], f"{name}.weight")
        nodes.append(Node(name, node.op, inputs, name, node.attrs, node.origin))
        if total:
            name = f"{node.output}_sum{index}"
            types[name] = result
            nodes.append(Node(name, "Add", (total, nodes[-1].output), name, {}, node.origin))
        total = name
    addend = bias.reshape(1, -1, *(1,) * (len(result.shape) - 2))
    constants[f"{node.output}.bias"] = addend
    types[f"{node.output}.bias"] = TensorType(addend.shape)
    inputs = (total, f"{node.output}.bias")
    return [*nodes, Node(node.name, "Add", inputs, node.output, {}, node.origin)]
