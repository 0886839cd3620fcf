"""Files with our own quantizers that say something else than they should."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netwright.errors import GraphError, NetwrightError
from netwright.exchange import is_quantized, read_qonnx, write_qonnx
from netwright.exchange.qonnx.file_referee import FileReferee
from netwright.formats import Format, OutlierPairs
from tests.exchange.qonnx.test_format_functions import quantizer

onnx = pytest.importorskip("onnx")


def changed(path: Path, change: Any) -> Path:
    model = onnx.load(path)
    change(model)
    onnx.save(model, path)
    return path


def set_attribute(name: str, value: Any) -> Any:
    def change(model: Any) -> None:
        (node,) = model.graph.node
        kept = [a for a in node.attribute if a.name != name]
        del node.attribute[:]
        node.attribute.extend(kept)
        node.attribute.append(onnx.helper.make_attribute(name, value))

    return change


def other_function(model: Any) -> None:
    model.functions[0].node[0].op_type = "Neg"


def no_function(model: Any) -> None:
    del model.functions[:]


def nested(model: Any) -> None:
    model.functions[0].node[0].domain = "netwright.quant"


def many_nodes(model: Any) -> None:
    for _ in range(600):
        model.functions[0].node.append(model.functions[0].node[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_attribute("number", "{}"), "the number format: a record of formats must have a text"),
        (set_attribute("number", "x" * 4000), "number must take at most 1000 characters"),
        (set_attribute("number", 3), "attribute number must be text, not 3"),
        (set_attribute("group_axis", 9), "the group axis of int4+e2m1 must be from -3 to 2, not 9"),
        (set_attribute("group_axis", 2), "int4+e2m1 codes 2 neighbors together"),
        (set_attribute("group_axis", "a"), "attribute group_axis must be an integer, not 'a'"),
        (other_function, "the file has another function"),
        (no_function, "the file has no function"),
        (nested, "must have at most 500 nodes, all of them standard operators"),
        (many_nodes, "must have at most 500 nodes, all of them standard operators"),
    ],
)
def test_files_that_say_something_else_are_refused(
    change: Any, message: str, tmp_path: Path
) -> None:
    graph = quantizer(Format(OutlierPairs(), (0.5,), group_axis=1))
    path = changed(write_qonnx(graph, tmp_path / "hostile.onnx"), change)
    with pytest.raises(NetwrightError, match=re.escape(message)):
        read_qonnx(path)


def test_a_file_with_our_quantizers_alone_is_a_quantized_one(tmp_path: Path) -> None:
    graph = quantizer(Format(OutlierPairs(), (0.5,), group_axis=1))
    assert is_quantized(write_qonnx(graph, tmp_path / "pairs.onnx"))
    assert not is_quantized(write_qonnx(graph, tmp_path / "dense.onnx", dense=True))


def test_the_file_itself_is_executed_beside_the_graph(tmp_path: Path) -> None:
    format = Format(OutlierPairs(), (0.5,), group_axis=1)
    path = write_qonnx(quantizer(format), tmp_path / "pairs.onnx")
    rows = np.random.default_rng(6).standard_t(2, (7, 32, 3)).astype(np.float32).astype(np.float64)
    (made,) = FileReferee(path, read_qonnx(path)).run(rows)
    assert np.array_equal(made, format.nearest(rows))


def test_a_scale_that_is_none_is_refused(tmp_path: Path) -> None:
    def change(model: Any) -> None:
        (scale,) = model.graph.initializer
        scale.CopyFrom(onnx.numpy_helper.from_array(np.float32(-1), scale.name))

    graph = quantizer(Format(OutlierPairs(), (0.5,), group_axis=1))
    path = changed(write_qonnx(graph, tmp_path / "hostile.onnx"), change)
    with pytest.raises(GraphError, match="the scale must be greater than 0, not -1"):
        read_qonnx(path)
