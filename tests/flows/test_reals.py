"""Float files for processors: read with their real values, products in named formats."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from netwright.errors import ConfigError, GraphError, NumericsError
from netwright.flows.conversion import compare_source, make_certificate
from netwright.flows.reals import (
    Coding,
    drawn,
    is_uniform,
    open_model,
    quantize_model,
    quantize_real_file,
    split_names,
)
from netwright.ir import load, save
from netwright.verify import Stimulus

pytest.importorskip("onnxruntime", reason="needs the extra qonnx")

from tests.exchange.onnx_files import node
from tests.exchange.qonnx.test_read_reals import FLOAT, FLOAT16, network

RANDOM = np.random.default_rng(5)


@pytest.fixture
def case(tmp_path: Path) -> tuple[Path, Path]:
    """Two products with a normalization and a GELU between, and rows."""
    nodes = [
        node("LayerNormalization", "x g", "n"), node("MatMul", "n a", "m"), node("Gelu", "m", "h"),
        node("MatMul", "h b"),
    ]  # fmt: skip
    constants = {
        "g": np.ones(32, np.float32), "a": RANDOM.normal(size=(32, 16)).astype(np.float32),
        "b": RANDOM.normal(size=(16, 3)).astype(np.float32),
    }  # fmt: skip
    path = network(nodes, {"x": (FLOAT, ("n", "tokens", 32))}, constants, tmp_path)
    np.savez(tmp_path / "rows.npz", x=RANDOM.normal(size=(20, 5, 32)).astype(np.float32))
    return path, tmp_path / "rows.npz"


def test_names_of_quantizers_are_one_or_two() -> None:
    assert split_names("mx , half") == ("mx", "half")
    assert is_uniform(None)
    assert is_uniform("mse,absmax")
    assert not is_uniform("mse(numbers=flint)")
    coding = Coding.of("outlier(rule=left),half", None)
    assert coding.names == ("outlier(rule=left) 4", "half 16")
    for text in ("", "mx,", "a,b,c", "x" * 2000):
        with pytest.raises(ConfigError, match="must be one name, or those of weights and inputs"):
            split_names(text)
    with pytest.raises(ConfigError, match='"nvpf4" is not one of the quantizers'):
        Coding.of("nvpf4", None)


def test_a_float_file_begins_a_certificate(case: tuple[Path, Path]) -> None:
    path, rows = case
    source, why = open_model(path, reals=True, rows=rows)
    assert why
    stimulus = drawn(source.graph, 5)
    source, table = compare_source(source, [stimulus])
    certificate = make_certificate(source, table)
    assert certificate.holds
    assert certificate.verdict.startswith("model.onnx within tolerance of graph on 5 of 5 rows")
    assert "computed in float64" in certificate.verdict
    with pytest.raises(GraphError):
        open_model(path, reals=False)


def test_rows_are_those_that_a_file_of_float16_takes(tmp_path: Path) -> None:
    weights = RANDOM.normal(size=(8, 3)).astype(np.float16)
    nodes = [node("MatMul", "x w", "a"), node("Tanh", "a")]
    path = network(nodes, {"x": (FLOAT16, ("n", 8))}, {"w": weights}, tmp_path)
    source, _ = open_model(path, reals=True)
    certificate = make_certificate(*compare_source(source, [drawn(source.graph, 9)]))
    assert certificate.holds, certificate.verdict


def test_values_beside_a_border_of_an_input_quantizer_are_no_difference(tmp_path: Path) -> None:
    nodes = [node("QuantizeLinear", "x s", "q"), node("DequantizeLinear", "q s", "d"),
             node("LayerNormalization", "d g", "y")]  # fmt: skip
    constants = {"s": np.float32(0.1), "g": np.ones(64, np.float32)}
    path = network(nodes, {"x": (FLOAT, ("n", 64))}, constants, tmp_path)
    borders = (RANDOM.integers(0, 200, (20, 64)) + 0.5) * np.float64(np.float32(0.1))
    source, _ = open_model(path, reals=True)
    certificate = make_certificate(*compare_source(source, [Stimulus("borders", borders)]))
    assert certificate.holds, certificate.verdict
    assert source.file is not None
    taken = source.file.taken(borders)
    own, exact = (source.file.run(taken, precision=p)[0] for p in ("file", "all-float64"))
    assert np.abs(own - exact).max() > 1e-3  # float32 gives other codes


@pytest.mark.parametrize(("part", "factor"), [("written", 1 + 1e-7), ("recognized", 1 + 1e-4)])
def test_a_file_that_is_another_network_fails(
    case: tuple[Path, Path], part: str, factor: float
) -> None:
    source, _ = open_model(case[0], reals=True, rows=case[1])
    graph = source.written if part == "written" else source.recognized or source.graph
    assert graph is not None
    name = next(n.inputs[1] for n in graph.nodes if n.op == "MatMul")
    changed = {**graph.constants, name: graph.constants[name] * factor}
    parts = {part: replace(graph, constants=changed)}
    source, table = compare_source(replace(source, **parts), [drawn(source.graph, 4)])
    certificate = make_certificate(source, table)
    assert not certificate.holds
    told = {
        "written": "FAILED: 4 of 4 rows of model.onnx are not the graph's",
        "recognized": "FAILED: recognized network differs on 4 of 4 rows",
    }
    assert told[part] in certificate.verdict


@pytest.mark.parametrize(
    ("quantizer", "bits", "ops", "left"),
    [
        ("outlier", None, {"FormatQuantize"}, 0),
        ("hadamard(inner=absmax)", "8", {"FormatQuantize"}, 0),
        ("mx,half", None, {"FormatQuant"}, 1),
        ("absmax", "8", {"FormatQuantize"}, 0),
    ],
)
def test_products_are_coded_and_the_error_is_measured(
    case: tuple[Path, Path], tmp_path: Path, quantizer: str, bits: str | None, ops: set[str],
    left: int,
) -> None:  # fmt: skip
    path, rows = case
    source, told, notes = quantize_model(
        path, tmp_path, quantizer=quantizer, backend="cpu", reals=True, calibrate=rows, bits=bits,
        bops=None, scale="float", rows=None, labels=None,
    )  # fmt: skip
    assert source.written is not None
    assert ops <= {item.op for item in source.graph.nodes}
    assert len([note for note in notes if "stays real" in note]) == left
    assert len(told.widths) == 2 - left
    assert 0 < told.rms_error < 0.3 * told.rms_output
    assert told.num_rows == 20
    assert load(save(source.graph, tmp_path / "graph.npz")) == source.graph


def test_a_product_that_cannot_be_rotated_stays_real_and_names_are_free(tmp_path: Path) -> None:
    nodes = [
        node("MatMul", "x a", "x_rotated"), node("Tanh", "x_rotated", "x_format0"),
        node("MatMul", "x_format0 b"),
    ]  # fmt: skip
    constants = {name: RANDOM.normal(size=shape).astype(np.float32)
                 for name, shape in (("a", (8, 5)), ("b", (5, 3)))}  # fmt: skip
    path = network(nodes, {"x": (FLOAT, ("n", 8))}, constants, tmp_path)
    np.savez(tmp_path / "rows.npz", x=RANDOM.normal(size=(9, 8)))
    coding = Coding.of("hadamard", None)
    source, _, notes = quantize_real_file(path, calibrate=tmp_path / "rows.npz", coding=coding)
    assert sum(item.op == "FormatQuantize" for item in source.graph.nodes) == 1
    assert [note.partition(": ")[2] for note in notes] == [
        "a rotation needs an even number of inputs, not 5"
    ]


def test_hardware_has_no_such_products(case: tuple[Path, Path], tmp_path: Path) -> None:
    path, rows = case

    def made(quantizer: str, **changed: object) -> None:
        options: dict[str, object] = {
            "backend": "rtl", "reals": False, "calibrate": rows, "bits": None, "bops": None,
            "scale": "float", "rows": None, "labels": None, **changed,
        }  # fmt: skip
        quantize_model(path, tmp_path, quantizer=quantizer, **options)  # type: ignore[arg-type]

    with pytest.raises(ConfigError, match='backend "rtl" has no products of such codes'):
        made("outlier")
    with pytest.raises(ConfigError, match="--bops chooses widths of integers"):
        made("outlier", reals=True, bops=1e6)
    with pytest.raises(ConfigError, match="chooses formats from rows, and none are given"):
        made("outlier", reals=True, calibrate=None)
    with pytest.raises(ConfigError, match="bits"):
        made("outlier", reals=True, bits="5")


def test_activations_that_no_format_holds_are_told_by_name(
    case: tuple[Path, Path], tmp_path: Path
) -> None:
    values = np.full((3, 5, 32), 1e-30)
    values[1] = 3e38
    np.savez(tmp_path / "large.npz", x=values)
    nodes = [node("Mul", "x x", "m"), node("Mul", "m m", "n"), node("MatMul", "n a")]
    constants = {"a": np.ones((32, 2), np.float32)}
    path = network(nodes, {"x": (FLOAT, (1, 5, 32))}, constants, tmp_path)
    coding = Coding.of("outlier", None)
    with pytest.raises(NumericsError, match='tensor "n": a quantizer needs values that fit single'):
        quantize_real_file(path, calibrate=tmp_path / "large.npz", coding=coding)


def test_drawn_rows_are_few_and_say_so(case: tuple[Path, Path]) -> None:
    source, _ = open_model(case[0], reals=True, rows=case[1])
    found = drawn(source.graph, 10_000)
    assert isinstance(found, Stimulus)
    assert (len(found), found.wanted) == (64, 10_000)
