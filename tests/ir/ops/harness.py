"""Run one node on integer codes in every arithmetic."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from netwright.formats import Int
from netwright.ir import Graph, Interpreter, Node, TensorType, bounds, spec_of
from netwright.ir.spec import Bounds
from tests.toys import integer_graph

WIDE = Int(48)
CARRIERS = (np.float32, np.float64, np.int64)


def alone(
    node: Node,
    *,
    width: tuple[int, ...],
    constants: dict[str, np.ndarray] | None = None,
    bits: int = 5,
    signed: bool = True,
    result: Int = WIDE,
) -> Graph:
    """A graph of the input quantizer and `node`, which reads ``q`` and makes ``y``."""
    constants = constants or {}
    shapes = [(1, *width)] + [constants[name].shape for name in node.inputs[1:]]
    shape = spec_of(node).shape(node, shapes)
    types = {"y": TensorType(shape, result)}
    return integer_graph(
        (node,), width=width, constants=constants, types=types, bits=bits, signed=signed
    )


def check_node(graph: Graph, codes: np.ndarray, wanted: np.ndarray) -> Bounds:
    """Require `wanted` from every carrier, within the bounds; return the bounds of ``y``."""
    limit = bounds(graph)["y"]
    for carrier in CARRIERS:
        found = replace(Interpreter.of(graph), carrier=np.dtype(carrier)).run(codes.astype(float))
        np.testing.assert_array_equal(found["y"], wanted.astype(np.int64))
    assert limit.low <= int(wanted.min())
    assert int(wanted.max()) <= limit.high
    assert limit.magnitude <= limit.peak
    return limit


def every_code(low: int, high: int, size: int) -> np.ndarray:
    """All rows of `size` codes from `low` to `high`."""
    axes = np.meshgrid(*[np.arange(low, high + 1)] * size, indexing="ij")
    return np.stack([axis.reshape(-1) for axis in axes], axis=1)
