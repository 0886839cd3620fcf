from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import DataError, GraphError
from netwright.exchange.onnx.bert_tensors import ANCHOR, TYPES, read_bert_tensors

onnx = pytest.importorskip("onnx", reason="needs onnx")


def saved(path, nodes=(), **arrays):
    tensors = [
        onnx.numpy_helper.from_array(np.asarray(value, np.float32), name.replace("__", "."))
        for name, value in arrays.items()
    ]
    graph = onnx.helper.make_graph(list(nodes), "g", [], [], tensors)
    path.write_bytes(onnx.helper.make_model(graph).SerializeToString())
    return path


def node(op, inputs, output):
    return onnx.helper.make_node(op, inputs, [output])


WORDS = {f"bert.{ANCHOR}": np.zeros((3, 2))}


def test_prefixes_go_and_matrices_are_named_after_their_bias(tmp_path):
    matrix = np.arange(6.0).reshape(2, 3)
    nodes = [node("MatMul", ["x", "m"], "y"), node("Add", ["bert.a.bias", "y"], "z")]
    path = saved(tmp_path / "a.onnx", nodes, **WORDS, m=matrix, **{"bert.a.bias": np.zeros(3)})
    found = read_bert_tensors(path)
    np.testing.assert_array_equal(found["a.weight"], matrix.T)
    assert found[ANCHOR].shape == (3, 2)


def test_the_row_of_the_only_type_is_found(tmp_path):
    gain = "bert.embeddings.LayerNorm.weight"
    nodes = [
        node("Add", ["x", "row"], "y"),
        node("LayerNormalization", ["y", gain, "offset"], "z"),
    ]
    path = saved(tmp_path / "a.onnx", nodes, **WORDS, row=[[[5.0, 6.0]]], **{gain: np.ones(2)})
    assert read_bert_tensors(path)[TYPES].tolist() == [[5.0, 6.0], [0.0, 0.0]]


@pytest.mark.parametrize("words", [{}, {**WORDS, ANCHOR: np.zeros((3, 2))}])
def test_no_or_two_tables_of_words_are_refused(tmp_path, words):
    message = f'must hold one initializer whose name ends in "{ANCHOR}", not {len(words)}'
    with pytest.raises(DataError, match=message):
        read_bert_tensors(saved(tmp_path / "a.onnx", **words))


def test_tensors_that_cannot_be_read_are_listed(tmp_path):
    path = saved(tmp_path / "a.onnx", **WORDS)
    model = onnx.load(path)
    model.graph.initializer[0].dims[0] = 99
    path.write_bytes(model.SerializeToString())
    with pytest.raises(GraphError, match="its values do not fit its shape"):
        read_bert_tensors(path)
