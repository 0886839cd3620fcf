from dataclasses import replace

import pytest

from netwright.backends.rtl.unrolled import layers as lowering
from netwright.backends.rtl.unrolled.layers import lower
from netwright.errors import GraphError, UnsupportedOp
from netwright.ir import Graph, Node, TensorType
from tests.backends.hls.graphs import Build, jet_tagger
from tests.backends.rtl.graphs import every_other_operator, two_layers


def test_every_product_begins_a_layer() -> None:
    circuit = lower(jet_tagger(3), 4)
    assert [layer.nodes for layer in circuit.layers] == [
        ("matmul_1", "requantize_2"),
        ("matmul_3", "requantize_4"),
        ("matmul_5", "requantize_6"),
        ("matmul_7",),
    ]
    assert circuit.layers[0].name == "jets_matmul_1"


def test_fewer_adders_in_a_stage_take_more_clocks() -> None:
    latencies = [lower(two_layers(), adders).latency_cycles for adders in (None, 8, 4, 2, 1)]
    assert latencies == sorted(latencies)
    assert latencies[0] == 0


def test_every_wire_is_made_before_it_is_read() -> None:
    for graph in (two_layers(), every_other_operator()):
        for layer in lower(graph, 2).layers:
            known = {wire.name for bundle in layer.inputs for wire in bundle.wires}
            for cell in layer.cells:
                assert all(wire.name in known for wire in cell.inputs.values())
                assert cell.output.name not in known
                known.add(cell.output.name)


def test_tensors_called_like_ports_get_other_names() -> None:
    build = Build("net")
    build.add("Relu", (build.quantize((2,)),), name="y")
    graph = build.graph("y_out")
    graph = replace(
        graph,
        nodes=(*graph.nodes[:-1], replace(graph.nodes[-1], output="y")),
        types={**graph.types, "y": graph.types["y_out"]},
        outputs=("y",),
    )
    circuit = lower(graph, 4)
    assert [port.name for port in circuit.outputs] == ["y"]
    assert [bundle.name for bundle in circuit.layers[0].outputs] == ["y_v2"]


def test_operators_without_hardware_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {op: made for op, made in lowering.OPERATORS.items() if op != "Conv"}
    monkeypatch.setattr(lowering, "OPERATORS", known)
    build = Build("net")
    conv = build.conv(build.quantize((2, 8)), 3, (3,))
    with pytest.raises(UnsupportedOp) as caught:
        lower(build.graph(conv), 4)
    assert str(caught.value) == (
        'node "conv_1": operator "Conv" is not supported by the RTL backend\n'
        "hint: supported: Add, Concat, ConvTranspose, Limit, Lookup, MatMul, MaxPool, Relu, "
        "Requantize, Reshape, Resize, Sign, Slice, SumPool, Transpose"
    )


def test_real_valued_graphs_are_refused() -> None:
    types = {"x": TensorType((1, 2)), "y": TensorType((1, 2))}
    graph = Graph("net", ("x",), ("y",), (Node("relu", "Relu", ("x",), "y"),), types, {})
    with pytest.raises(GraphError) as caught:
        lower(graph, 4)
    assert str(caught.value) == (
        'graph "net" is not in integer form\nhint: lower it with netwright.passes.integerize first'
    )
