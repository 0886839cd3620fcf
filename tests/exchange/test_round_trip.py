"""Integer graphs survive the way to QONNX, through qonnx's executor, and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.exchange import read_qonnx, referee, write_qonnx
from netwright.ir import Graph, interpret, real_values
from netwright.passes import integerize, realize
from tests.exchange.graphs import inputs_for, quantized_mlp, random_integer_graph

pytest.importorskip("qonnx")


def assert_same_as_realized(graph: Graph, inputs: np.ndarray) -> None:
    realized = realize(graph)
    names = sorted(realized.carriers)
    expected = interpret(graph, inputs, keep=names)
    found = interpret(
        realized.graph, inputs, keep=[source for source, _ in realized.carriers.values()]
    )
    for name, (source, unit) in realized.carriers.items():
        np.testing.assert_array_equal(found[source] / unit, expected[name], err_msg=name)


def assert_same_as_qonnx(graph: Graph, inputs: np.ndarray) -> None:
    model = referee(graph)
    expected = interpret(graph, inputs, keep=sorted(model.realized.carriers))
    found = model.run(inputs, keep=sorted(model.realized.carriers))
    for name, codes in found.items():
        np.testing.assert_array_equal(codes, expected[name], err_msg=name)


def assert_survives_file(
    graph: Graph, inputs: np.ndarray, path: Path, *, double: bool | None = None
) -> Graph:
    back = integerize(read_qonnx(write_qonnx(graph, path, double=double)))
    expected, found = interpret(graph, inputs), interpret(back, inputs)
    for name, other in zip(graph.outputs, back.outputs, strict=True):
        np.testing.assert_array_equal(found[other], expected[name], err_msg=name)
        np.testing.assert_allclose(
            real_values(back, other, found[other]), real_values(graph, name, expected[name])
        )
    return back


@given(seed=st.integers(0, 2**32), convolutional=st.booleans())
@settings(max_examples=60)
def test_realize_keeps_every_integer(seed: int, convolutional: bool) -> None:
    graph = random_integer_graph(seed, convolutional=convolutional)
    assert_same_as_realized(graph, inputs_for(graph, np.random.default_rng(seed)))


@given(seed=st.integers(0, 2**32), convolutional=st.booleans())
@settings(max_examples=25)
def test_qonnx_executes_the_same_integers(seed: int, convolutional: bool) -> None:
    graph = random_integer_graph(seed, convolutional=convolutional)
    assert_same_as_qonnx(graph, inputs_for(graph, np.random.default_rng(seed), rows=12))


@given(seed=st.integers(0, 2**32), convolutional=st.booleans())
@settings(max_examples=40)
def test_file_round_trip_keeps_every_integer(
    seed: int, convolutional: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    graph = random_integer_graph(seed, convolutional=convolutional)
    path = tmp_path_factory.mktemp("round_trip") / "graph.onnx"
    assert_survives_file(graph, inputs_for(graph, np.random.default_rng(seed)), path)


@pytest.mark.parametrize("bias", ["none", "float", "quant"])
@pytest.mark.parametrize("power_of_two", [True, False])
def test_mlp_agrees_with_qonnx_and_returns(power_of_two: bool, bias: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    source = quantized_mlp(
        rng, widths=(16, 64, 32, 5), power_of_two=power_of_two, bias=bias, head=True
    )
    graph = integerize(source)
    inputs = inputs_for(graph, rng, rows=500)
    assert_same_as_realized(graph, inputs)
    assert_same_as_qonnx(graph, inputs)
    back = assert_survives_file(graph, inputs, tmp_path / "mlp.onnx")
    assert back.head == "softmax"
    assert [node.op for node in back.nodes] == [node.op for node in graph.nodes]
    assert {name: str(back.types[name]) for name in back.outputs} == {
        name: str(graph.types[name]) for name in graph.outputs
    }


@pytest.mark.parametrize("rounding", ["floor", "half-up", "half-down", "half-away", "ceil"])
def test_every_rounding_of_the_input_is_exact_at_ties(rounding: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    graph = integerize(quantized_mlp(rng, rounding=rounding))
    inputs = inputs_for(graph, rng, rows=60)
    inputs[:30] = np.round(inputs[:30] * 32) / 32
    inputs[5] = np.nextafter(inputs[5], 10)
    inputs[6] = np.nextafter(inputs[6], -10)
    assert_same_as_realized(graph, inputs)
    assert_same_as_qonnx(graph, inputs)
    assert_survives_file(graph, inputs, tmp_path / "float64.onnx", double=True)
    assert_survives_file(graph, inputs.astype(np.float32), tmp_path / "float32.onnx")
