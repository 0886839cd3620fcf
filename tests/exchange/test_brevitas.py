"""Models that Brevitas exported mean here what they mean to Brevitas and to qonnx."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netwright.exchange import read_qonnx, referee
from netwright.ir import Graph, interpret, real_values
from netwright.passes import integerize

pytest.importorskip("qonnx")

FOLDER = Path(__file__).parent / "data"
NAMES = ("brevitas_mlp_po2", "brevitas_mlp_float", "brevitas_conv")


def read(name: str, folder: Path = FOLDER) -> tuple[Graph, np.ndarray, np.ndarray]:
    """The graph, inputs, and Brevitas's outputs."""
    with np.load(folder / f"{name}.npz") as data:
        inputs = data["inputs"].astype(np.float64)
        outputs = data["outputs"].astype(np.float64).reshape(len(inputs), -1)
    return read_qonnx(folder / f"{name}.onnx"), inputs, outputs


def reals(graph: Graph, inputs: np.ndarray) -> np.ndarray:
    name = graph.outputs[0]
    return real_values(graph, name, interpret(graph, inputs)[name])


@pytest.mark.parametrize("name", NAMES)
def test_import_computes_what_brevitas_computes(name: str) -> None:
    graph, inputs, outputs = read(name)
    found = interpret(graph, inputs)[graph.outputs[0]]
    np.testing.assert_allclose(found, outputs, rtol=1e-5, atol=1e-6)


def test_power_of_two_scales_and_quantized_biases_are_exact() -> None:
    graph, inputs, outputs = read("brevitas_mlp_po2")
    integers = integerize(graph)
    assert integers.notes == ()
    np.testing.assert_array_equal(reals(integers, inputs), outputs)


@pytest.mark.parametrize("name", ["brevitas_mlp_float", "brevitas_conv"])
def test_float_scales_are_noted_and_close(name: str) -> None:
    graph, inputs, outputs = read(name)
    integers = integerize(graph)
    (note,) = integers.notes  # the float bias of the last layer; all codes before it are exact
    assert 0 < note.error < 1e-5
    off = np.max(np.abs(reals(integers, inputs) - outputs))
    float32_noise = 1e-6 * np.max(np.abs(outputs))
    assert off < note.output_bound + float32_noise


@pytest.mark.parametrize("name", NAMES)
def test_qonnx_agrees_on_every_integer(name: str) -> None:
    graph, inputs, _ = read(name)
    integers = integerize(graph)
    model = referee(integers)
    found = model.run(inputs, keep=sorted(model.realized.carriers))
    expected = interpret(integers, inputs, keep=sorted(model.realized.carriers))
    for tensor, codes in found.items():
        np.testing.assert_array_equal(codes, expected[tensor], err_msg=tensor)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMES)
def test_fresh_export_reads_like_the_stored_one(name: str, tmp_path: Path) -> None:
    pytest.importorskip("brevitas")
    pytest.importorskip("onnxoptimizer")
    from tests.exchange.make_fixtures import write

    write(name, tmp_path)
    graph, inputs, outputs = read(name, tmp_path)
    found = interpret(graph, inputs)[graph.outputs[0]]
    np.testing.assert_allclose(found, outputs, rtol=1e-5, atol=1e-6)
