"""Graphs with outlier-victim pairs become exact integers, and go through files unchanged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netwright.backends.hls.translation import lower
from netwright.backends.rtl.unrolled.layers import check_lowerable
from netwright.errors import GraphError, NumericsError, UnsupportedOp
from netwright.exchange import read_qonnx, write_qonnx
from netwright.exchange.qonnx.referee import referee
from netwright.formats import MXFP4, Format, Int, OutlierPairs, stored
from netwright.ir import Graph, Node, TensorType, check, interpret, real_values
from netwright.ir.ops.format_quant import format_attributes
from netwright.passes import integerize
from netwright.workload import from_graph

ROWS = np.random.default_rng(1).standard_t(2, (120, 16)) * 3


def streamed(graph: Graph) -> object:
    """What the HLS backend makes of a graph."""
    return lower(graph, "io_stream")


def network(inputs: OutlierPairs, weights: OutlierPairs, *, scale: float = 0.37) -> Graph:
    """Two layers of which all operands are in the formats, with a scale for each channel."""
    random = np.random.default_rng(3)
    first, second = random.standard_t(3, (16, 8)), random.standard_t(3, (8, 4))
    scales = tuple(float(s) for s in random.uniform(0.2, 0.5, 8))
    made = {
        "xq": Format(inputs, (scale,)), "w1q": Format(weights, scales, 1, group_axis=0),
        "hq": Format(inputs, (1.7,)), "w2q": Format(weights, (0.3,), group_axis=0),
    }  # fmt: skip
    nodes = (
        *(Node(f"{n}_q", "FormatQuant", (s,), n, format_attributes(made[n]))
          for n, s in (("xq", "x"), ("w1q", "w1"), ("w2q", "w2"))),
        Node("fc1", "MatMul", ("xq", "w1q"), "h"),
        Node("relu", "Relu", ("h",), "r"),
        Node("hq_q", "FormatQuant", ("r",), "hq", format_attributes(made["hq"])),
        Node("fc2", "MatMul", ("hq", "w2q"), "y"),
    )  # fmt: skip
    shapes = {
        "x": (1, 16), "xq": (1, 16), "w1": (16, 8), "w1q": (16, 8), "h": (1, 8), "r": (1, 8),
        "hq": (1, 8), "w2": (8, 4), "w2q": (8, 4), "y": (1, 4),
    }  # fmt: skip
    types = {name: TensorType(shape) for name, shape in shapes.items()}
    return check(Graph("pairs", ("x",), ("y",), nodes, types, {"w1": first, "w2": second}))


@pytest.mark.parametrize(
    ("inputs", "weights"),
    [
        (OutlierPairs(), OutlierPairs()),
        (OutlierPairs("flint4"), OutlierPairs(rule="left")),
        (OutlierPairs("int8", outlier="e2m5"), OutlierPairs("flint4")),
    ],
    ids=str,
)
def test_integers_are_those_of_the_real_graph(inputs: OutlierPairs, weights: OutlierPairs) -> None:
    graph = network(inputs, weights)
    integers = integerize(graph)
    expected = interpret(graph, ROWS, keep=("hq",))
    found = interpret(integers, ROWS, keep=("hq",))
    assert np.array_equal(found["hq"], np.rint(expected["hq"] / 1.7))
    steps = expected["y"] / integers.types["y"].scale_array()
    assert np.array_equal(found["y"], np.rint(steps))
    assert np.allclose(real_values(integers, "y", found["y"]), expected["y"], rtol=1e-12)
    assert integers.notes == ()
    for name, number, axis in (
        ("xq", inputs, -1), ("fc1.weight", weights, 0),
        ("hq", inputs, -1), ("fc2.weight", weights, 0),
    ):  # fmt: skip
        assert integers.types[name].dtype == number
        assert integers.types[name].format.group_axis == axis
    assert np.array_equal(referee(integers).run(ROWS)["y"], found["y"])


def test_ties_are_decided_as_on_real_values() -> None:
    graph = network(OutlierPairs(), OutlierPairs(), scale=0.5)
    rows = np.random.default_rng(4).integers(-200, 200, (200, 16)) / 4.0
    found = interpret(integerize(graph), rows, keep=("xq",))["xq"]
    assert np.array_equal(found, Format(OutlierPairs(), (0.5,)).nearest(rows) / 0.5)


def test_both_forms_go_through_a_file(tmp_path: Path) -> None:
    graph = network(OutlierPairs(), OutlierPairs("flint4"))
    back = read_qonnx(write_qonnx(graph, tmp_path / "real.onnx", rounded=True))
    assert [(n.op, n.inputs, n.output, n.attrs) for n in back.nodes if n.op == "FormatQuant"] == [
        (n.op, (s,), n.output, n.attrs)
        for n, s in zip(
            [graph.node("xq_q"), graph.node("w1q_q"), graph.node("hq_q"), graph.node("w2q_q")],
            ["x", "w1q.values", "r", "w2q.values"],
            strict=True,
        )
    ]
    integers = integerize(graph)
    again = integerize(read_qonnx(write_qonnx(integers, tmp_path / "codes.onnx")))
    assert np.array_equal(interpret(again, ROWS)["y"], interpret(integers, ROWS)["y"])
    assert again.types["fc1.weight"].dtype == OutlierPairs("flint4")


def test_formats_without_integers_stay_real() -> None:
    graph = network(OutlierPairs(), OutlierPairs())
    shared = format_attributes(Format(MXFP4, (0.5,), group_axis=0))
    nodes = tuple(
        node if node.name != "w1q_q" else Node("w1q_q", "FormatQuant", ("w1",), "w1q", shared)
        for node in graph.nodes
    )
    wide = {"w1": np.ones((32, 8)), "w2": graph.constants["w2"]}
    types = {**graph.types, "x": TensorType((1, 32)), "xq": TensorType((1, 32)),
             "w1": TensorType((32, 8)), "w1q": TensorType((32, 8))}  # fmt: skip
    with pytest.raises(GraphError, match="e2m1fx32-e8m0 holds no integers"):
        integerize(check(Graph("mx", ("x",), ("y",), nodes, types, wide)))


def test_hardware_refuses_pairs_by_name() -> None:
    integers = integerize(network(OutlierPairs(), OutlierPairs()))
    for refusing in (check_lowerable, streamed):
        with pytest.raises(UnsupportedOp, match='operator "FormatCodes" is not supported by the'):
            refusing(integers)
    types = {"x": TensorType((1, 2)), "c": TensorType((1, 2), Int(4)),
             "w": TensorType((2, 1), Format(OutlierPairs(), group_axis=0)),
             "y": TensorType((1, 1), Int(16))}  # fmt: skip
    clamp = {"scale": (1.0,), "axis": None, "low": -8, "high": 7, "zero_point": 0,
             "rounding": "half-even"}  # fmt: skip
    nodes = (Node("q", "Quantize", ("x",), "c", clamp), Node("fc", "MatMul", ("c", "w"), "y"))
    weights = {"w": np.array([[0], [96]])}
    graph = check(Graph("weights", ("x",), ("y",), nodes, types, weights))
    message = r"tensor \"w\": int4\+e2m1 codes 2 neighbors together, and the \w+ backend"
    for refusing in (check_lowerable, streamed):
        with pytest.raises(NumericsError, match=message):
            refusing(graph)


def test_bytes_are_those_of_the_format() -> None:
    integers = integerize(network(OutlierPairs(), OutlierPairs()))
    tensors = {tensor.name: tensor for tensor in from_graph(integers).tensors}
    assert tensors["fc1.weight"].num_bytes == 16 * 8 // 2
    assert tensors["hq"].num_bytes == 4
    real = {t.name: t for t in from_graph(network(OutlierPairs(), OutlierPairs("int8"))).tensors}
    assert real["w1q"].num_bytes == 16 * 8
    assert real["w1q"].stored == stored(real["w1q"].format, (16, 8))
