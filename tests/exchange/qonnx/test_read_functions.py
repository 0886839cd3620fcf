"""Functions of quantized values and tables of vectors are lookup tables of codes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from netwright.errors import GraphError
from netwright.exchange import FileReferee, read_qonnx
from netwright.exchange.qonnx.read_functions import FUNCTIONS
from netwright.flows.conversion import compare_source, make_certificate, read_source, stimuli_for
from netwright.ir import Interpreter, interpret
from netwright.passes import integerize
from netwright.report import Certificate
from tests.exchange.onnx_files import GRID, model, node, quant, saved

pytest.importorskip("qonnx")

FINE = {"s2": np.float32(0.03125), "b2": np.float32(8)}
POSITIVE = {"Acosh", "Log", "Reciprocal", "Sqrt"}
BETWEEN = {"Acos", "Asin", "Atanh"}
NEWER = {"Gelu": 20, "Swish": 24, "Mish": 18, "HardSwish": 14}
WITH_CONSTANT = {"Pow": 2.0}


def certificate(path: Path) -> Certificate:
    source = read_source(path)
    source, rows = compare_source(source, stimuli_for(source, random_rows=20))
    return make_certificate(source, rows)


@pytest.mark.parametrize("op", sorted(FUNCTIONS - {"Mod"}))
def test_every_function_is_what_its_file_computes(op: str, tmp_path: Path) -> None:
    constants = {**GRID, **FINE}
    if op in POSITIVE:
        constants["z"] = np.float32(-8)  # the smallest code stands for 8 steps
    if op in BETWEEN:
        constants["s"] = np.float32(0.125)
    first = quant("x s z b", "q", signed=int(op not in POSITIVE), narrow=int(op in BETWEEN))
    read = "q"
    if op in WITH_CONSTANT:
        constants["c"] = np.float32(WITH_CONSTANT[op])
        read = "q c"
    constants["zero"] = np.float32(0)
    nodes = [first, node(op, read, "f"), quant("f s2 zero b2")]
    path = saved(model(nodes, constants, opset=NEWER.get(op, 13)), tmp_path)
    found = certificate(path)
    assert found.holds, found.verdict
    assert found.first.missing is None
    assert found.verdict.endswith("rows")
    assert [n.op for n in integerize(read_qonnx(path)).nodes] == ["Quantize", "Lookup"]


def test_a_function_in_the_middle_of_a_network_by_hand(tmp_path: Path) -> None:
    """Behind moves, with its attributes, and with two quantizers that read it."""
    nodes = [
        quant("x s z b", "q"),
        node("MaxPool", "q", "p", kernel_shape=[2]),
        node("Selu", "p", "f", alpha=2.0, gamma=0.5),
        quant("f s2 z b2", "a"),
        quant("f s z b", "c"),
        node("Add", "a c"),
    ]
    path = saved(model(nodes, {**GRID, **FINE}, shape=(1, 2, 4)), tmp_path)
    graph = integerize(read_qonnx(path))
    assert [n.op for n in graph.nodes].count("Lookup") == 2
    rows = np.arange(-8, 8).reshape(2, 2, 4) / 4
    pooled = np.maximum(rows[..., :-1], rows[..., 1:])
    values = np.where(pooled > 0, 0.5 * pooled, np.exp(pooled) - 1)
    wanted = np.rint(values * 32) / 32 + np.clip(np.rint(values * 4), -8, 7) / 4
    (codes,) = interpret(graph, rows).values()
    np.testing.assert_array_equal(codes * graph.types["y"].scale_array(), wanted)


def test_exact_functions_need_no_quantizer_behind(tmp_path: Path) -> None:
    nodes = [quant("x s z b", "q"), node("Abs", "q", "f"), node("Add", "f q")]
    graph = integerize(read_qonnx(saved(model(nodes, GRID), tmp_path)))
    rows = np.arange(-8, 7).reshape(-1, 3) / 4
    np.testing.assert_array_equal(interpret(graph, rows)["y"] / 4, np.abs(rows) + rows)


def lookup_file(
    folder: Path, *, element: int, shape: tuple[int, ...], quantized: bool = False
) -> tuple[Path, np.ndarray]:
    table = np.random.default_rng(0).integers(-40, 41, (11, 3)).astype(np.float32) / 8
    nodes = [node("Gather", "t x")]
    constants = {**GRID, "t": table}
    if quantized:
        constants |= {"s": np.float32(0.3)}
        nodes = [quant("t s z b", "tq"), node("Gather", "tq x")]
        table = np.clip(np.rint(table / np.float32(0.3)), -8, 7) * np.float64(np.float32(0.3))

    def integers(made: Any) -> None:
        value = helper.make_tensor_value_info("x", element, shape)
        made.graph.input[0].CopyFrom(value)

    return saved(model(nodes, constants, change=integers), folder), table


@pytest.mark.parametrize("element", [TensorProto.INT64, TensorProto.INT32])
@pytest.mark.parametrize("shape", [(1, 5), (1, 2, 2)])
def test_vectors_are_taken_by_an_integer_input(
    element: int, shape: tuple[int, ...], tmp_path: Path
) -> None:
    path, table = lookup_file(tmp_path, element=element, shape=shape)
    found = certificate(path)
    assert found.holds, found.verdict
    assert found.first.missing is None
    graph = integerize(read_qonnx(path))
    indices = np.random.default_rng(1).integers(0, 11, (6, *shape[1:]))
    codes = interpret(graph, indices.astype(float))["y"]
    np.testing.assert_array_equal(codes * graph.types["y"].scale_array(), table[indices])
    assert "indices are from 0 to 10" in graph.notes[0].text


def test_a_quantized_table_keeps_its_scale(tmp_path: Path) -> None:
    path, table = lookup_file(tmp_path, element=TensorProto.INT64, shape=(1, 4), quantized=True)
    assert certificate(path).holds
    graph = integerize(read_qonnx(path))
    indices = np.arange(8).reshape(2, 4)
    codes = interpret(graph, indices.astype(float))["y"]
    np.testing.assert_allclose(codes * graph.types["y"].scale_array(), table[indices], rtol=1e-12)


def refusal(nodes: list[Any], constants: dict[str, Any], folder: Path) -> str:
    with pytest.raises(GraphError) as caught:
        integerize(read_qonnx(saved(model(nodes, constants), folder)))
    return str(caught.value)


BITS = {"wide": np.float32(20)}
CHANNELS = {"sc": np.array([[0.5, 0.25, 1.0]], np.float32)}


@pytest.mark.parametrize(
    ("nodes", "text"),
    [
        (
            [node("Selu", "x", "f"), quant("f s z b")],
            "Selu must read a quantized tensor, so that it is a table of its codes; hint: put a "
            "quantizer with one scale in front of it; for inputs, --input-quant BITS,SCALE",
        ),
        (
            [quant("x s z wide", "q"), node("Selu", "q", "f"), quant("f s z b")],
            "Selu must read at most 65536 codes of one scale, not 1048576 of 1",
        ),
        (
            [quant("x sc z b", "q"), node("Selu", "q", "f"), quant("f s z b")],
            "Selu must read at most 65536 codes of one scale, not 16 of 3",
        ),
        (
            [quant("x s z b", "q"), node("Log", "q", "f"), quant("f s z b")],
            "Log has no finite value for -2, which its quantizer makes",
        ),
        (
            [quant("x s z b", "q"), node("Selu", "q", "f"), node("Concat", "f q", "r", axis=1),
             quant("r s z b")],
            "the values of its table lie on no grid of 48 bits",
        ),
        (
            [quant("x s z b", "q"), node("Selu", "q", "f"), quant("f sc z b")],
            "the quantizer behind a table must have one scale",
        ),
        (
            [quant("x s z b", "q"), node("Selu", "q", "f"), quant("f s", op="BipolarQuant")],
            "the values of its table lie on no grid of 48 bits",
        ),
        (
            [quant("x s z b", "q"), quant("x s z b", "r"), node("Pow", "q r", "f"),
             quant("f s z b")],
            "Pow of several activations is not supported",
        ),
        (
            [quant("x s z b", "q"), node("Pow", "q sc", "f"), quant("f s z b")],
            "Pow with a constant of more than one value is not supported",
        ),
    ],
)  # fmt: skip
def test_what_is_no_table_is_refused(nodes: list[Any], text: str, tmp_path: Path) -> None:
    assert text in refusal(nodes, {**GRID, **BITS, **CHANNELS}, tmp_path)


def test_other_readers_of_64_bit_integers_are_refused(tmp_path: Path) -> None:
    def integers(made: Any) -> None:
        made.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", TensorProto.INT64, (1, 3)))

    made = model([node("Cast", "x", "f", to=1), quant("f s z b")], GRID, change=integers)
    with pytest.raises(GraphError, match=r"64 bits, which are read as indices of constant tables"):
        read_qonnx(saved(made, tmp_path))


def narrowed(folder: Path, factor: float, addend: float, kind: int) -> tuple:
    """Codes of a quantizer, scaled and cast to a float of 16 bits and back: by file, by graph."""
    constants = {**GRID, "s": np.float32(1), "b": np.float32(13), "f": np.float32(factor)}
    constants["a"] = np.float32(addend)
    nodes = [
        quant("x s z b", "q"), node("Mul", "q f", "m"), node("Add", "m a", "n"),
        node("Cast", "n", "h", to=kind), node("Cast", "h", "w", to=1), quant("w s z b2", "y"),
    ]  # fmt: skip
    path = saved(model(nodes, {**constants, "b2": np.float32(20)}), folder)
    graph = integerize(read_qonnx(path))
    rows = np.arange(-3000, 3000, 7.0).reshape(-1, 3)[:285]
    codes = Interpreter.of(graph).run(rows)[graph.outputs[0]]
    return FileReferee(path, graph).run(rows)[0], codes


@pytest.mark.parametrize(("factor", "addend"), [(1.0, 16384.0), (3.0, 0.5), (1.0, 0.0)])
def test_a_cast_of_codes_to_float16_rounds_them(
    tmp_path: Path, factor: float, addend: float
) -> None:
    file, codes = narrowed(tmp_path, factor, addend, 10)
    np.testing.assert_array_equal(codes, file)


def test_a_cast_of_codes_beyond_float16_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match=r"\(Cast\): Cast of values from .* makes some infinite"):
        narrowed(tmp_path, 20000.0, 0.0, 10)


@pytest.mark.parametrize(
    ("op", "exact"),
    [
        ("Erf", math.erf),
        ("Gelu", lambda v: 0.5 * v * (1 + math.erf(v / math.sqrt(2)))),
        ("HardSwish", lambda v: v * min(max(v / 6 + 0.5, 0), 1)),
    ],
)
def test_tables_hold_values_of_float64(tmp_path: Path, op: str, exact: Any) -> None:
    """The reference computes these in float32, or with constants of it."""
    made = model([quant("x s z b", "q"), node(op, "q")], GRID, opset=20)
    graph = read_qonnx(saved(made, tmp_path))
    (table,) = (n for n in graph.nodes if n.op == "Lookup")
    entries = graph.constants[table.inputs[1]].reshape(3, -1)[0]
    wanted = [exact(code * 0.25) for code in range(-8, 8)]
    np.testing.assert_allclose(entries, wanted, rtol=1e-15, atol=1e-17)
