from __future__ import annotations

import numpy as np

from netwright.dtypes import Int
from netwright.ir import Graph, Node, TensorType
from netwright.workload import from_graph


def conv_graph() -> Graph:
    attrs = {"strides": (2, 2), "pads": (1, 1, 1, 1), "dilations": (1, 1), "group": 1}
    nodes = (
        Node("conv", "Conv", ("x", "w"), "a", attrs, origin="features.0"),
        Node("act", "Relu", ("a",), "b"),
        Node("flat", "Reshape", ("b",), "c", {"shape": (1, 64)}),
        Node("fc", "MatMul", ("c", "v"), "y"),
    )
    types = {
        "x": TensorType((1, 3, 8, 8), Int(8)),
        "w": TensorType((4, 3, 3, 3), Int(4)),
        "a": TensorType((1, 4, 4, 4), Int(20)),
        "b": TensorType((1, 4, 4, 4), Int(20)),
        "c": TensorType((1, 64), Int(20)),
        "v": TensorType((64, 5), Int(4)),
        "y": TensorType((1, 5)),
    }
    constants = {"w": np.zeros((4, 3, 3, 3), np.int64), "v": np.zeros((64, 5), np.int64)}
    return Graph("net", ("x",), ("y",), nodes, types, constants)


def test_graph_becomes_einsums_with_widths_and_origins():
    workload = from_graph(conv_graph())
    assert [einsum.name for einsum in workload.einsums] == ["conv", "act", "fc"]
    assert workload.einsums[0].origin == "features.0"
    assert workload.einsums[2].reads == ("b", "v")
    kinds = {tensor.name: (tensor.kind, tensor.bits) for tensor in workload.tensors}
    assert kinds == {
        "x": ("input", 8), "w": ("weight", 4), "a": ("activation", 20), "b": ("activation", 20),
        "v": ("weight", 4), "y": ("activation", 8),
    }  # fmt: skip


def test_conv_slides():
    row = from_graph(conv_graph()).einsums[0].inputs[0].index[2]
    assert dict(row.terms) == {"B2": 2, "R0": 1}
    assert row.offset == -1
