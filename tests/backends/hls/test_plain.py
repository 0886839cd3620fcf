from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netwright import backends
from netwright.backends.hls import plain
from netwright.backends.hls.plain import DOCUMENTED_PRECISION, plain_outputs
from netwright.errors import BackendError, DataError, ToolMissing
from netwright.exchange import write_qonnx
from netwright.ir import interpret, real_values
from netwright.passes import integerize
from tests.backends.hls.graphs import needs_hls4ml
from tests.exchange.graphs import inputs_for, quantized_mlp
from tests.exchange.onnx_files import GRID, model, node, quant, saved

ROWS = np.zeros((2, 3))


@pytest.mark.slow
@pytest.mark.tool("g++")
@pytest.mark.filterwarnings("ignore")
@needs_hls4ml
def test_wide_registers_give_what_the_file_says(tmp_path: Path) -> None:
    """Power-of-two scales fit wide registers, so that hls4ml's own importer is exact."""
    graph = integerize(quantized_mlp(np.random.default_rng(3), power_of_two=True, bias="none"))
    rows = inputs_for(graph, np.random.default_rng(1))[:50]
    path = write_qonnx(graph, tmp_path / "a.onnx")
    found = plain_outputs(path, rows, tmp_path / "wide", precision="fixed<48,24>")
    wanted = real_values(graph, graph.outputs[0], interpret(graph, rows)[graph.outputs[0]])
    assert found.dtype == np.float64
    assert found.shape == wanted.shape
    assert np.mean(np.abs(found - wanted).max(axis=1) <= 1e-6) > 0.9
    narrow = plain_outputs(path, rows, tmp_path / "narrow", precision="fixed<6,3>")
    assert np.abs(narrow - wanted).max() > np.abs(found - wanted).max()


def test_the_documented_precision_is_the_default() -> None:
    assert DOCUMENTED_PRECISION == "fixed<16,6>"
    assert backends.plain_outputs is plain_outputs


def test_missing_compiler_is_reported_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing) as caught:
        plain_outputs(tmp_path / "none.onnx", ROWS, tmp_path / "out")
    assert caught.value.message == 'external tool "g++" was not found'


@pytest.mark.tool("g++")
def test_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none.onnx"
    with pytest.raises(DataError) as caught:
        plain_outputs(path, ROWS, tmp_path / "out")
    assert str(caught.value) == f"{path}: no such file"
    assert not (tmp_path / "out").exists()


@needs_hls4ml
@pytest.mark.tool("g++")
@pytest.mark.filterwarnings("ignore")
def test_what_hls4ml_cannot_convert_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = model([quant("x s z b", "q"), node("Sin", "q")], GRID)
    path = saved(made, tmp_path)
    with pytest.raises(BackendError) as caught:
        plain_outputs(path, ROWS, tmp_path / "out")
    assert str(caught.value).startswith(f"hls4ml could not convert {path} (")
    assert "Sin" in str(caught.value)
    assert capsys.readouterr() == ("", "")


@pytest.mark.tool("g++")
def test_outputs_are_rows_of_values_and_hls4ml_gets_the_precision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for hls4ml, so that the call is tested without compiling anything."""
    called: dict[str, object] = {}

    class Design:
        def compile(self) -> None:
            called["compiled"] = True

        def predict(self, inputs: np.ndarray) -> np.ndarray:
            assert inputs.dtype == np.float32
            assert inputs.flags.c_contiguous
            return inputs[:, 0] * 2

    class Package:
        utils = converters = None

        @staticmethod
        def config_from_onnx_model(loaded: object, **options: object) -> str:
            called["config"] = (loaded, options)
            return "config"

        @staticmethod
        def convert_from_onnx_model(loaded: object, **options: object) -> Design:
            called["convert"] = (loaded, options)
            return Design()

    Package.utils = Package.converters = Package
    monkeypatch.setattr(plain, "cleaned", lambda path: f"cleaned {path}")
    monkeypatch.setattr(plain, "require", lambda *arguments, **options: Package)
    found = plain_outputs("a.onnx", np.arange(6.0).reshape(3, 2)[:, ::-1], tmp_path)
    assert found.dtype == np.float64
    assert found.tolist() == [[2.0], [6.0], [10.0]]
    assert called == {
        "compiled": True,
        "config": (
            "cleaned a.onnx",
            {"granularity": "name", "backend": "Vitis", "default_precision": "fixed<16,6>"},
        ),
        "convert": (
            "cleaned a.onnx",
            {"output_dir": str(tmp_path), "backend": "Vitis", "hls_config": "config"},
        ),
    }
