from __future__ import annotations

import math

import numpy as np
import pytest

from netwright.formats import E2M1, NM, Format, Int
from netwright.ir import Graph, Node, TensorType
from netwright.workload import Affine, from_graph, fuse


def conv_graph() -> Graph:
    attrs = {"strides": (2, 2), "pads": (1, 1, 1, 1), "dilations": (1, 1), "group": 1}
    nodes = (
        Node("conv", "Conv", ("x", "w"), "a", attrs, origin="features.0"),
        Node("act", "Relu", ("a",), "b"),
        Node("flat", "Reshape", ("b",), "c", {"shape": (1, 64)}),
        Node("fc", "MatMul", ("c", "v"), "y"),
    )
    types = {
        "x": TensorType((1, 3, 8, 8)),
        "w": TensorType((4, 3, 3, 3)),
        "a": TensorType((1, 4, 4, 4)),
        "b": TensorType((1, 4, 4, 4)),
        "c": TensorType((1, 64)),
        "v": TensorType((64, 5)),
        "y": TensorType((1, 5)),
    }
    constants = {"w": np.zeros((4, 3, 3, 3), np.float64), "v": np.zeros((64, 5), np.float64)}
    return Graph("net", ("x",), ("y",), nodes, types, constants)


def quantized(weight_bits: int, bits: int) -> Graph:
    """A product of codes, as a file with quantizers says it."""
    nodes = (
        Node("qx", "Quant", ("x",), "xq", {"bits": bits}),
        Node("qw", "Quant", ("w",), "wq", {"bits": weight_bits}),
        Node("fc", "MatMul", ("xq", "wq"), "p"),
        Node("act", "Relu", ("p",), "r"),
        Node("qy", "Quant", ("r",), "y", {"bits": 5}),
    )
    shapes = {"x": (1, 8), "xq": (1, 8), "w": (8, 3), "wq": (8, 3)}
    types = {name: TensorType(shapes.get(name, (1, 3))) for name in ("x", "xq", "w", "wq", *"pry")}
    return Graph("net", ("x",), ("y",), nodes, types, {"w": np.zeros((8, 3), np.float64)})


def test_graph_becomes_einsums_with_widths_and_origins():
    codes = TensorType((4, 3, 3, 3), Int(4))
    workload = from_graph(conv_graph().with_type("w", codes), float_bits=16)
    assert [einsum.name for einsum in workload.einsums] == ["conv", "act", "fc"]
    assert workload.einsums[0].origin == "features.0"
    assert workload.einsums[2].reads == ("c", "v")
    kinds = {tensor.name: (tensor.kind, tensor.bits) for tensor in workload.tensors}
    assert kinds == {
        "x": ("input", 16), "w": ("weight", 4), "a": ("activation", 16), "c": ("activation", 16),
        "v": ("weight", 16), "y": ("activation", 16),
    }  # fmt: skip


def test_a_bias_is_added_to_a_product_that_counts():
    nodes = (Node("fc", "MatMul", ("x", "w", "b"), "y"),)
    shapes = {"x": (1, 8), "w": (8, 3), "b": (3,), "y": (1, 3)}
    constants = {"w": np.zeros((8, 3)), "b": np.zeros(3)}
    types = {name: TensorType(shape) for name, shape in shapes.items()}
    workload = from_graph(Graph("net", ("x",), ("y",), nodes, types, constants))
    assert (workload.num_macs, workload.num_parameters) == (24, 27)


def test_conv_slides():
    einsum = from_graph(conv_graph()).einsums[0]
    row = einsum.inputs[0].index[2]
    assert dict(row.terms) == {"P0": 2, "R0": 1}
    assert row.offset == -1
    assert einsum.num_macs == 16 * 4 * 3 * 9


def test_a_tensor_that_is_read_reshaped_is_stored_so():
    act, einsum = from_graph(conv_graph()).einsums[1:]
    assert einsum.num_macs == 64 * 5
    assert act.output.index == (
        Affine(()), Affine((("B1", 16), ("B2", 4), ("B3", 1)))
    )  # fmt: skip
    assert [dict(axis.terms) for axis in einsum.inputs[1].index] == [{"K": 1}, {"N": 1}]


@pytest.mark.parametrize(("weight_bits", "bits"), [(2, 4), (8, 4), (3, 6)])
def test_widths_of_quantizers_reach_the_workload(weight_bits, bits):
    graph = quantized(weight_bits, bits)
    found = from_graph(graph)
    (product,) = [einsum for einsum in found.einsums if einsum.map_op == "multiply"]
    fused = fuse(found)
    (product,) = [einsum for einsum in fused.einsums if einsum.map_op == "multiply"]
    widths = {fused.by_name[name].kind: fused.by_name[name].bits for name in product.reads}
    assert widths == {"input": bits, "weight": weight_bits}
    assert found.assumptions == ()


def test_formats_and_patterns_are_those_of_the_graph():
    byte, pattern = Int(8, signed=False), NM(2, 4)
    weights = np.zeros((8, 3))
    weights[::4] = 1
    quantizer = {
        "scale": (0.5,), "axis": None, "bits": 4, "signed": 1, "narrow": 0, "zero_point": 0,
        "rounding": "half-even",
    }  # fmt: skip
    real = Graph(
        "g", ("x",), ("y",),
        (Node("q", "Quant", ("w",), "v", quantizer), Node("fc", "MatMul", ("x", "v"), "y")),
        {"x": TensorType((1, 8)), "w": TensorType((8, 3), pattern=pattern),
         "v": TensorType((8, 3)), "y": TensorType((1, 3))},
        {"w": weights},
    )  # fmt: skip
    (held,) = (t for t in from_graph(real).tensors if t.kind == "weight")
    assert (held.name, held.format) == ("v", Format(Int(4), pattern=pattern))
    assert held.stored.num_values == 12
    codes = Graph(
        "g", ("x",), ("y",),
        (Node("q", "Quantize", ("x",), "c", {
            "scale": (0.5,), "axis": None, "low": 0, "high": 255, "zero_point": 0,
            "rounding": "half-even"}),
         Node("fc", "MatMul", ("c", "w"), "y")),
        {"x": TensorType((1, 8)), "c": TensorType((1, 8), byte, (0.5,)),
         "w": TensorType((8, 3), E2M1, (0.1,), pattern=pattern), "y": TensorType((1, 3), Int(16))},
        {"w": weights},
    )  # fmt: skip
    found = {t.name: t.format for t in from_graph(codes).tensors}
    assert found["c"] == Format(byte, (0.5,))
    assert found["w"] == Format(E2M1, (0.1,), pattern=pattern)


def test_what_makes_images_larger_is_counted_by_what_it_reads():
    attrs = {
        "strides": (2, 2), "pads": (0, 0, 0, 0), "dilations": (1, 1), "output_padding": (0, 0),
        "group": 1,
    }  # fmt: skip
    nodes = (
        Node("up", "ConvTranspose", ("x", "w"), "a", attrs),
        Node("more", "Resize", ("a",), "y", {"factors": (2, 3)}),
    )
    types = {
        "x": TensorType((1, 3, 4, 5)),
        "w": TensorType((3, 2, 2, 2)),
        "a": TensorType((1, 2, 8, 10)),
        "y": TensorType((1, 2, 16, 30)),
    }
    graph = Graph("net", ("x",), ("y",), nodes, types, {"w": np.zeros((3, 2, 2, 2), np.float64)})
    up, more = from_graph(graph).einsums
    assert up.num_macs == 4 * 5 * 3 * 2 * 2 * 2
    assert math.prod(rank.extent for rank in more.ranks) == 2 * 16 * 30
    assert not any(einsum.map_op == "opaque" for einsum in (up, more))
