"""Float files with operators of transformers: the graph gives what ONNX Runtime gives."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from netwright.errors import DataError, GraphError
from netwright.exchange import FileReferee, read_qonnx
from netwright.flows.reals import drawn
from netwright.ir import Graph, Interpreter
from netwright.passes import recognize
from netwright.verify import compare_real_file
from tests.exchange.onnx_files import node, saved

runtime = pytest.importorskip("onnxruntime", reason="needs the extra qonnx")

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
FLOAT16 = TensorProto.FLOAT16
RANDOM = np.random.default_rng(7)
VALUES = RANDOM.normal(size=(3, 4, 6)).astype(np.float32)
FLAGS = (np.arange(4) < np.array([[4], [2], [1]])).astype(np.int64)
LOW = np.float32(-np.inf)


def network(
    nodes: list[Any],
    inputs: Mapping[str, tuple[int, tuple[Any, ...]]],
    constants: Mapping[str, Any],
    folder: Path,
    *,
    opset: int = 20,
) -> Path:
    """A file with these inputs, (element type, shape), and the output ``y``."""
    kinds = {kind: kind for kind, _ in inputs.values()}
    graph = helper.make_graph(
        nodes,
        "reals",
        [helper.make_tensor_value_info(n, kind, shape) for n, (kind, shape) in inputs.items()],
        [helper.make_tensor_value_info("y", kinds.get(FLOAT16, FLOAT), None)],
        [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()],
    )
    opsets = [helper.make_opsetid("", opset)]
    return saved(helper.make_model(graph, opset_imports=opsets, ir_version=9), folder)


def check_same(path: Path, rows: Mapping[str, np.ndarray]) -> Graph:
    """Require the outputs of ONNX Runtime, row by row, of the graph and of what is recognized."""
    graph = read_qonnx(path, reals={})
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    count = len(next(iter(rows.values())))
    wanted = np.concatenate(
        [session.run(None, {n: a[i : i + 1] for n, a in rows.items()})[0] for i in range(count)]
    )
    reals = {name: array.astype(np.float64) for name, array in rows.items()}
    for found in (graph, recognize(graph)):
        (made,) = Interpreter.of(found).run(reals).values()
        np.testing.assert_allclose(made.reshape(wanted.shape), wanted, atol=3e-6, rtol=3e-6)
    return graph


CASES: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "functions": (
        [node("Exp", "x", "a"), node("Sqrt", "a", "b"), node("Reciprocal", "b", "c"),
         node("Erf", "c", "d"), node("Sin", "d", "e"), node("Gelu", "e", "f", approximate="tanh"),
         node("Pow", "a p", "g"), node("Log", "g", "h"), node("Add", "f h", "i"),
         node("Selu", "i", "j"), node("HardSigmoid", "j", "y", alpha=0.3)],
        {"p": np.float32(1.5)},
    ),
    "limits": ([node("Max", "x p", "a"), node("Min", "a q")], {"p":
               np.float32(-0.5), "q": np.float32(0.5)}),
    "quotients": (
        [node("Abs", "x", "a"), node("Add", "a p", "b"), node("Div", "x b", "c"),
         node("Div", "p b", "d"), node("Mul", "c d")],
        {"p": np.float32(1)},
    ),
    "reductions": (
        [node("ReduceMean", "x a", "m", keepdims=1), node("Sub", "x m", "c"),
         node("ReduceSum", "c b", "s", keepdims=0), node("ReduceMax", "x b", "t", keepdims=0),
         node("Mul", "s t")],
        {"a": np.array([1]), "b": np.array([-1])},
    ),
    "normalizations": (
        [node("LayerNormalization", "x g o", "a", epsilon=1e-3), node("Softmax", "a", "b", axis=1),
         node("Add", "a b")],
        {"g": VALUES[0, 0], "o": VALUES[1, 1]},
    ),
    "products of activations": (
        [node("Transpose", "x", "t", perm=[0, 2, 1]), node("MatMul", "x t", "a"),
         node("Softmax", "a", "b"), node("MatMul", "b x")],
        {},
    ),
    "tokens first": (
        [node("Transpose", "x", "t", perm=[1, 0, 2]), node("MatMul", "t w", "a"),
         node("Unsqueeze", "a k", "u"), node("Squeeze", "u k", "q"), node("Gather", "q i", "g"),
         node("ReduceSum", "g k", "s", keepdims=0), node("Reshape", "s r", "v"),
         node("Softmax", "v", "y", axis=1)],
        {"w": VALUES[0].T.copy(), "k": np.array([0]), "i": np.array([2, 0, 1]),
         "r": np.array([1, 4])},
    ),
    "heads in the batch": (
        [node("Reshape", "x r", "a"), node("Transpose", "a", "b", perm=[0, 2, 1]),
         node("Slice", "b s e", "c"), node("Concat", "c b", "d", axis=0),
         node("ReduceMean", "d k", "m", keepdims=0), node("Reshape", "m o")],
        {"r": np.array([2, 2, 6]), "s": np.array([0]), "e": np.array([1]), "k": np.array([0]),
         "o": np.array([1, 12])},
    ),
    "a causal mask": (
        [node("Transpose", "x", "t", perm=[0, 2, 1]), node("MatMul", "x t", "a"),
         node("Add", "a m", "b"), node("Softmax", "b", "c"), node("MatMul", "c x")],
        {"m": np.where(np.tri(4, dtype=bool), np.float32(0), LOW)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_real_values_are_those_of_onnx_runtime(name: str, tmp_path: Path) -> None:
    nodes, constants = CASES[name]
    path = network(nodes, {"x": (FLOAT, (1, 4, 6))}, constants, tmp_path)
    check_same(path, {"x": VALUES})


SCORES = [node("Transpose", "x", "t", perm=[0, 2, 1]), node("MatMul", "x t", "a")]
BEHIND = [node("Softmax", "s", "p"), node("MatMul", "p x", "y")]
MASKS: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "minus infinity by Where": (
        [node("Cast", "mask", "b", to=BOOL), node("Unsqueeze", "b k", "u"),
         node("Where", "u z n", "m"), node("Add", "a m", "s")], {"n": LOW},
    ),
    "scores by Where": (
        [node("Equal", "mask i", "b"), node("Unsqueeze", "b k", "u"), node("Where", "u n a", "s")],
        {"n": LOW, "i": np.int64(0)},
    ),
    "moved": (
        [node("Cast", "mask", "b", to=BOOL), node("Where", "b z n", "m"),
         node("Unsqueeze", "m k", "u"), node("Expand", "u e", "v"), node("Add", "v a", "s")],
        {"n": LOW, "e": np.array([1, 4, 4])},
    ),
    "a mask of floats": (
        [node("Cast", "mask", "f", to=FLOAT), node("Mul", "f c", "g"),
         node("Cast", "g", "b", to=BOOL), node("Unsqueeze", "b k", "u"),
         node("Where", "u z n", "m"), node("Add", "a m", "s")],
        {"n": LOW, "c": np.float32(0.25)},
    ),
    "a large negative number": (
        [node("Cast", "mask", "f", to=FLOAT), node("Sub", "one f", "g"), node("Mul", "g n", "h"),
         node("Unsqueeze", "h k", "u"), node("Add", "a u", "s")],
        {"n": np.float32(-1e9), "one": np.float32(1)},
    ),
    "with a causal one": (
        [node("Cast", "mask", "b", to=BOOL), node("Unsqueeze", "b k", "u"),
         node("And", "u tri", "v"), node("Where", "v z n", "m"), node("Add", "a m", "s")],
        {"n": LOW, "tri": np.tri(4, dtype=bool)},
    ),
    "not a number": (
        [node("Greater", "mask i", "b"), node("Unsqueeze", "b k", "u"), node("Not", "u", "v"),
         node("Where", "v n a", "s")],
        {"n": LOW, "i": np.int64(0)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MASKS)
def test_masks_are_those_of_onnx_runtime(name: str, tmp_path: Path) -> None:
    nodes, constants = MASKS[name]
    constants = {"k": np.array([1]), "z": np.float32(0), **constants}
    inputs = {"x": (FLOAT, (1, 4, 6)), "mask": (INT64, (1, 4))}
    path = network([*SCORES, *nodes, *BEHIND], inputs, constants, tmp_path)
    graph = check_same(path, {"x": VALUES, "mask": FLAGS})
    found = [n.op for n in recognize(graph).nodes]
    assert found.count("Attention") == 1
    assert "BatchMatMul" not in found


def test_a_query_that_sees_no_key_gets_zeros_where_the_file_says_so(tmp_path: Path) -> None:
    nodes = [
        *SCORES, node("Cast", "mask", "b", to=BOOL), node("Unsqueeze", "b k", "u"),
        node("Where", "u z n", "m"), node("Add", "a m", "s"), node("Softmax", "s", "p"),
        node("IsNaN", "p", "q"), node("Where", "q z p", "r"), node("MatMul", "r x", "y"),
    ]  # fmt: skip
    constants = {"k": np.array([1]), "z": np.float32(0), "n": LOW}
    inputs = {"x": (FLOAT, (1, 4, 6)), "mask": (INT64, (1, 4))}
    path = network(nodes, inputs, constants, tmp_path)
    check_same(path, {"x": VALUES, "mask": FLAGS * np.array([[1], [0], [1]])})


def test_rows_of_tables_are_inputs_of_whole_numbers(tmp_path: Path) -> None:
    nodes = [
        node("Unsqueeze", "ids k", "u"), node("Gather", "table u", "g"),
        node("Squeeze", "g k", "s"), node("Equal", "ids pad", "b"),
        node("Cast", "b", "f", to=FLOAT), node("Unsqueeze", "f l", "v"), node("Mul", "s v"),
    ]  # fmt: skip
    constants = {"k": np.array([1]), "l": np.array([2]), "pad": np.int64(3),
                 "table": RANDOM.normal(size=(9, 6)).astype(np.float32)}  # fmt: skip
    path = network(nodes, {"ids": (INT64, (1, 4))}, constants, tmp_path)
    graph = check_same(path, {"ids": RANDOM.integers(0, 9, (5, 4))})
    assert str(graph.types["ids"].dtype) == "uint4"


def test_columns_of_an_input_are_for_tables_of_their_own(tmp_path: Path) -> None:
    nodes = [
        node("Gather", "c i", "a", axis=1), node("Slice", "c s e k", "b"),
        node("Squeeze", "b k", "d"), node("Gather", "t a", "u"), node("Gather", "v d", "w"),
        node("Add", "u w"),
    ]  # fmt: skip
    constants = {
        "i": np.array(0), "s": np.array([1]), "e": np.array([2]), "k": np.array([1]),
        "t": VALUES[0, :3], "v": VALUES.reshape(-1, 6)[:5],
    }  # fmt: skip
    path = network(nodes, {"c": (INT64, (1, 2))}, constants, tmp_path)
    graph = check_same(path, {"c": np.array([[0, 4], [2, 0], [1, 3]])})
    assert drawn(graph, 64).inputs.max() == 2  # random rows are for the smaller table
    with pytest.raises(DataError, match="looks up rows 0 to 2 of its table, not 3 to 3"):
        Interpreter.of(graph).run({"c": np.array([[3.0, 3.0]])})


def test_extents_that_the_file_leaves_open_are_those_of_the_rows(tmp_path: Path) -> None:
    path = network([node("Exp", "x")], {"x": (FLOAT, ("n", "tokens"))}, {}, tmp_path)
    assert read_qonnx(path, reals={"x": (1, 7)}).types["y"].shape == (1, 7)
    with pytest.raises(GraphError, match="or those that rows of your own give"):
        read_qonnx(path, reals={})


REFUSED: dict[str, tuple[list[Any], str]] = {
    "a decision": ([node("Greater", "x p", "b"), node("Cast", "b", "y", to=FLOAT)],
                   "is a decision, which is not supported"),
    "a cast": ([node("Cast", "x", "i", to=INT64), node("Cast", "i", "y", to=FLOAT)],
               "changes them"),
    "infinity": ([node("Cast", "mask", "b", to=BOOL), node("Where", "b p n", "m"),
                  node("Exp", "m")], "holds minus infinity where a mask says so"),
    "rows": ([node("ReduceMean", "x k", "y", keepdims=1)], "must not run over the rows"),
    "a quotient of integers": ([node("Div", "mask mask", "d"), node("Cast", "d", "y", to=FLOAT)],
                               "cuts fractions off"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_meaning_is_refused(name: str, tmp_path: Path) -> None:
    nodes, reason = REFUSED[name]
    inputs = {"x": (FLOAT, (1, 4, 6)), "mask": (INT64, (1, 4))}
    constants = {"p": np.float32(0), "n": LOW, "k": np.array([0])}
    read = {name for item in nodes for name in item.input}
    path = network(
        nodes, {name: value for name, value in inputs.items() if name in read},
        {name: value for name, value in constants.items() if name in read}, tmp_path,
    )  # fmt: skip
    with pytest.raises(GraphError, match=reason):
        read_qonnx(path, reals={})


def test_attention_of_the_standard_is_read(tmp_path: Path) -> None:
    if onnx.defs.onnx_opset_version() < 23:
        pytest.skip("this onnx knows no Attention")
    made = [node("Attention", "x x x", "y", q_num_heads=2, kv_num_heads=2, is_causal=1)]
    path = network(made, {"x": (FLOAT, (1, 4, 6))}, {}, tmp_path, opset=23)
    check_same(path, {"x": VALUES})


@pytest.mark.parametrize(
    ("threshold", "chosen"), [(20.0, "x"), (17.0, "x"), (10.0, "x"), (20.0, "n")]
)
def test_softplus_as_an_exporter_writes_it(threshold: float, chosen: str, tmp_path: Path) -> None:
    nodes = [node("Neg", "x", "n"), node("Softplus", "x", "p"), node("Greater", "x t", "b"),
             node("Where", f"b {chosen} p")]  # fmt: skip
    path = network(
        nodes, {"x": (FLOAT, (1, 4, 6))}, {"t": np.float32(threshold)}, tmp_path, opset=18
    )
    if threshold < 17 or chosen != "x":
        with pytest.raises(GraphError, match="Greater of real values is a decision"):
            read_qonnx(path, reals={})
        return
    rows = np.concatenate([VALUES * 9, np.linspace(-40, 40, 24, dtype=np.float32).reshape(1, 4, 6)])
    graph = check_same(path, {"x": rows})
    assert [made.op for made in graph.nodes if made.output == "y"] == ["Function"]


@pytest.mark.parametrize(
    ("made", "opset"),
    [
        (node("HardSigmoid", "x"), 20),
        (node("LeakyRelu", "x"), 20),
        (node("Attention", "x x x", scale=0.7, q_num_heads=2, kv_num_heads=2), 23),
        (node("LayerNormalization", "x g"), 20),
    ],
    ids=["HardSigmoid", "LeakyRelu", "Attention", "LayerNormalization"],
)
def test_a_default_and_a_scale_are_the_same_in_both_routes(
    tmp_path: Path, made: Any, opset: int
) -> None:
    """Defaults are of float32, and no root is: in float64 the file and the graph agree."""
    gains = {"g": np.linspace(1, 2, 6, dtype=np.float32)} if "g" in made.input else {}
    path = network([made], {"x": (FLOAT, (1, 4, 6))}, gains, tmp_path, opset=opset)
    graph = read_qonnx(path, reals={})
    found = compare_real_file(graph, FileReferee(path, graph), VALUES.astype(np.float64))
    assert found.holds, found.first
    assert found.apart < 1e-14
