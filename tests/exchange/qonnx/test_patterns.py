"""Patterns survive QONNX files, whose initializers stay dense."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.exchange import read_qonnx, write_qonnx
from netwright.exchange.onnx.vocabulary import PATTERN_KEY
from netwright.exchange.qonnx.patterns import patterns_text, with_patterns
from netwright.formats import Blocks, Int
from netwright.ir import Graph, Node, TensorType, check, interpret
from netwright.passes import integerize, realize
from tests.exchange.graphs import inputs_for, quantized_mlp

onnx = pytest.importorskip("onnx")

PATTERN = Blocks(4, axis=1, density=0.5)


def sparse_mlp() -> tuple[Graph, str]:
    """A quantized network whose first weights have a pattern, and the name of these."""
    graph = quantized_mlp(np.random.default_rng(3), widths=(6, 16, 5))
    quantizer = graph.producers[next(n for n in graph.nodes if n.op == "MatMul").inputs[1]]
    name = quantizer.inputs[0]
    values = graph.constants[name].copy()
    values[:, 8:] = 0
    tensor = TensorType(graph.types[name].shape, pattern=PATTERN)
    return check(graph.with_constant(name, values).with_type(name, tensor)), name


def patterns(graph: Graph) -> list[Blocks]:
    return [tensor.pattern for tensor in graph.types.values() if tensor.pattern is not None]


def test_passes_keep_the_pattern() -> None:
    graph, _ = sparse_mlp()
    codes = integerize(graph)
    assert patterns(codes) == [PATTERN]
    assert patterns(realize(codes).graph) == [PATTERN]


def test_pattern_survives_the_file_and_initializers_stay_dense(tmp_path: Path) -> None:
    graph, name = sparse_mlp()
    for form, path in ((graph, tmp_path / "q.onnx"), (integerize(graph), tmp_path / "i.onnx")):
        back = read_qonnx(write_qonnx(form, path))
        assert patterns(back) == [PATTERN]
        assert patterns(integerize(back)) == [PATTERN]
        inputs = inputs_for(integerize(graph), np.random.default_rng(4))
        expected, found = interpret(integerize(graph), inputs), interpret(integerize(back), inputs)
        for output, other in zip(graph.outputs, back.outputs, strict=True):
            np.testing.assert_array_equal(found[other], expected[output])
    model = onnx.load(tmp_path / "q.onnx")
    shapes = {i.name: tuple(i.dims) for i in model.graph.initializer}
    assert shapes[name] == graph.constants[name].shape


def test_graph_without_patterns_has_no_metadata_for_them(tmp_path: Path) -> None:
    graph = quantized_mlp(np.random.default_rng(3), widths=(6, 16, 5))
    model = onnx.load(write_qonnx(graph, tmp_path / "g.onnx"))
    assert PATTERN_KEY not in {entry.key for entry in model.metadata_props}


def test_file_whose_values_lack_the_pattern_is_refused(tmp_path: Path) -> None:
    graph, _ = sparse_mlp()
    path = write_qonnx(graph, tmp_path / "g.onnx")
    model = onnx.load(path)
    for entry in model.metadata_props:
        entry.value = entry.value.replace('"density": 0.5', '"density": 0.25')
    onnx.save(model, path)
    with pytest.raises(GraphError, match=r"allows 6; the first too many begins at \(\d+, \d+\)$"):
        read_qonnx(path)


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"w": 3}', '{"w": {"rows": 4, "axis": 0, "density": 9.0}}', "NaN"]
)
def test_metadata_that_is_no_pattern_is_refused(text: str) -> None:
    with pytest.raises(GraphError, match=r"^the metadata does not describe patterns \("):
        with_patterns({"w": TensorType((4, 4))}, text, [])


def test_text_names_the_constants() -> None:
    graph, name = sparse_mlp()
    record = '{"kind": "blocks", "rows": 4, "axis": 1, "density": 0.5}'
    assert patterns_text(graph) == f'{{"{name}": {record}}}'


def test_input_that_holds_codes_cannot_be_written(tmp_path: Path) -> None:
    graph = Graph(
        "codes",
        ("x",),
        ("y",),
        (Node("dense", "MatMul", ("x", "w"), "y"),),
        {name: TensorType((1, 2), Int(16)) for name in "xy"} | {"w": TensorType((2, 2), Int(4))},
        {"w": np.eye(2, dtype=np.int64)},
    )
    with pytest.raises(GraphError, match=r'^input "x" holds codes, int16, and QONNX real values'):
        write_qonnx(check(graph), tmp_path / "g.onnx")
    assert not (tmp_path / "g.onnx").exists()
