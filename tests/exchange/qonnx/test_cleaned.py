from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netwright import errors
from netwright.errors import DataError, MissingExtra
from netwright.exchange import cleaned, write_qonnx
from netwright.ir import interpret, real_values
from netwright.passes import integerize
from tests.exchange.graphs import inputs_for, quantized_mlp
from tests.exchange.onnx_files import GRID, model, node, quant, saved


def outputs(wrapper: object, rows: np.ndarray) -> np.ndarray:
    from qonnx.core.onnx_exec import execute_onnx

    name = wrapper.graph.output[0].name  # type: ignore[attr-defined]
    source = wrapper.graph.input[0].name  # type: ignore[attr-defined]
    return np.concatenate(
        [execute_onnx(wrapper, {source: row[None].astype(np.float32)})[name] for row in rows]
    )


def test_cleaned_file_computes_the_same(tmp_path: Path) -> None:
    graph = integerize(quantized_mlp(np.random.default_rng(3), power_of_two=True, bias="none"))
    rows = inputs_for(graph, np.random.default_rng(1))[:20]
    wrapper = cleaned(write_qonnx(graph, tmp_path / "a.onnx"))
    wanted = real_values(graph, graph.outputs[0], interpret(graph, rows)[graph.outputs[0]])
    np.testing.assert_array_equal(outputs(wrapper, rows), wanted.astype(np.float32))


def test_constants_are_folded_and_shapes_inferred(tmp_path: Path) -> None:
    nodes = [node("Mul", "two three", "s"), quant("x s z b", "q"), node("Relu", "q")]
    constants = {
        "two": np.float32(0.5),
        "three": np.float32(0.5),
        "z": GRID["z"],
        "b": GRID["b"],
    }
    wrapper = cleaned(str(saved(model(nodes, constants), tmp_path)))
    assert [item.op_type for item in wrapper.graph.node] == ["IntQuant", "Relu"]
    assert wrapper.get_tensor_shape(wrapper.graph.node[0].output[0]) == [1, 3]


def test_missing_file_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.onnx", tmp_path):
        with pytest.raises(DataError) as caught:
            cleaned(path)
        assert str(caught.value) == f"{path}: no such file"


@pytest.mark.parametrize("content", [b"garbage", b"\x08\x08\x12"])
def test_garbage_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        cleaned(path)
    assert str(caught.value).startswith(f"{path}: qonnx cannot clean it (")


def test_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(name: str) -> object:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name.partition(".")[0])

    monkeypatch.setattr(errors, "import_module", refuse)
    with pytest.raises(MissingExtra) as caught:
        cleaned(tmp_path / "a.onnx")
    assert str(caught.value) == (
        'cleaning a QONNX file needs the package "qonnx", which is not installed\n'
        "hint: pip install 'netwright[qonnx]'"
    )
