"""Constants mean what ONNX says: ONNX Runtime computes the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.exchange.onnx.evaluate import evaluate, is_evaluated
from netwright.exchange.onnx.source_model import SourceNode
from tests.exchange.onnx_files import GRID, model, node, quant
from tests.exchange.qonnx.test_read import ROWS, assert_same

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

INTEGERS = np.array([-7, 7, -7, 5])
TWOS = np.array([2, 2, -2, 3])
FLOATS = np.array([[1.7, -1.7, 4.9, 0.5]], np.float32)


def computed(op: str, operands: list[np.ndarray], **attrs: Any) -> np.ndarray:
    names = tuple(f"c{i}" for i in range(len(operands)))
    made = SourceNode("n", op, "", names, ("y",), attrs)
    return evaluate(made, dict(zip(names, operands, strict=True)), {"": 17})["y"]


def test_codes_held_as_real_numbers_have_the_remainders_of_integers() -> None:
    found = computed("Mod", [INTEGERS.astype(np.float64), np.array([-3.0])])
    assert found.tolist() == [value % -3 for value in INTEGERS.tolist()]


def test_a_remainder_of_fractions_needs_the_sign_of_the_dividend() -> None:
    with pytest.raises(GraphError, match="Mod of real values must have fmod=1"):
        computed("Mod", [FLOATS, np.array([2.0])])
    assert computed("Mod", [FLOATS, np.float32(2)[None]], fmod=1)[0, 1] == np.float32(-1.7)


@pytest.mark.parametrize(
    ("op", "operands", "attrs"),
    [
        ("Div", [INTEGERS, TWOS], {}),
        ("Mod", [INTEGERS, TWOS], {}),
        ("Cast", [FLOATS], {"to": 6}),
        ("Cast", [FLOATS], {"to": 9}),
        ("Pow", [FLOATS**2, np.array([0.5], np.float32)], {}),
        ("Concat", [FLOATS, FLOATS], {"axis": 0}),
        ("Gather", [INTEGERS, np.array([-1, 0])], {}),
        ("Slice", [INTEGERS, np.array([3]), np.array([-9]), np.array([0]), np.array([-2])], {}),
        ("Reshape", [FLOATS, np.array([2, -1])], {}),
        ("Unsqueeze", [INTEGERS, np.array([0])], {}),
        ("ReduceSum", [INTEGERS], {"keepdims": 0}),
        ("Where", [INTEGERS > 0, INTEGERS, TWOS], {}),
        ("Round", [FLOATS], {}),
    ],
)
def test_constants_mean_what_onnx_runtime_computes(
    op: str, operands: list[np.ndarray], attrs: dict[str, Any]
) -> None:
    names = [f"c{i}" for i in range(len(operands))]
    kinds = [onnx.helper.np_dtype_to_tensor_dtype(v.dtype) for v in operands]
    infos = [
        onnx.helper.make_tensor_value_info(n, k, v.shape)
        for n, k, v in zip(names, kinds, operands, strict=True)
    ]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(op, names, ["y"], **attrs)],
        "one",
        infos,
        [onnx.helper.make_empty_tensor_value_info("y")],
    )
    opset = [onnx.helper.make_opsetid("", 17)]
    made = onnx.helper.make_model(graph, opset_imports=opset, ir_version=8)
    session = runtime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    expected = session.run(None, dict(zip(names, operands, strict=True)))[0]
    found = computed(op, operands, **attrs)
    assert found.dtype == expected.dtype
    assert found.tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("op", "operands"),
    [
        ("Range", [np.array(0), np.array(1 << 40), np.array(1)]),
        ("Expand", [np.zeros(1), np.array([1 << 20, 1 << 20])]),
        ("Tile", [np.zeros(2), np.array([1 << 40])]),
        ("ConstantOfShape", [np.array([1 << 40])]),
        ("Pad", [np.zeros(2), np.array([1 << 40, 0])]),
        ("Add", [np.zeros((1 << 13, 1)), np.zeros((1, 1 << 13))]),
        ("MatMul", [np.zeros((1 << 13, 1)), np.zeros((1, 1 << 13))]),
    ],
)
def test_large_results_are_refused_before_they_are_made(op: str, operands: list[Any]) -> None:
    with pytest.raises(
        GraphError, match=f"{op} makes a constant of [0-9]+ values; at most 8388608"
    ):
        computed(op, operands)


def test_malformed_operands_are_refused() -> None:
    with pytest.raises(GraphError, match="Reshape of these constants cannot be evaluated"):
        computed("Reshape", [np.zeros(3), np.array([7])])


def test_nodes_of_other_domains_are_not_evaluated() -> None:
    made = SourceNode("n", "Add", "somewhere", ("a", "b"), ("y",), {})
    assert not is_evaluated(made, {"a", "b"})


@pytest.mark.parametrize(
    ("nodes", "constants"),
    [
        ([node("Cast", "f", "i", to=6), node("Cast", "i", "c", to=1)], {"f": np.float32(1.7)}),
        (
            [node("Div", "n d", "i"), node("Cast", "i", "c", to=1)],
            {"n": np.array(7), "d": np.array(2)},
        ),
    ],
)
def test_factor_of_folded_constants(nodes: Any, constants: Any, tmp_path: Path) -> None:
    factor = [quant("x s z b", "q"), node("Mul", "q c", "m"), quant("m s z b")]
    assert_same(model([*nodes, *factor], {**GRID, **constants}), tmp_path, ROWS)
