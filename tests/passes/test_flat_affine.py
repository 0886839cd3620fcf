"""Constants for every element."""

from __future__ import annotations

import numpy as np

from netwright.ir import Graph, Node, TensorType, interpret, real_values
from netwright.passes import integerize
from netwright.passes.flat_affine import flat_affine

GRID = {"bits": 6, "signed": 1, "rounding": "half-even", "axis": None}
SHAPE = (1, 2, 3)
FACTOR = np.array([[[1.0, 0.5, 0.75], [0.25, 1.5, -2.0]]])
ADDEND = np.arange(6.0).reshape(SHAPE) / 8


def graph(*nodes: Node, ends: str) -> Graph:
    made = (Node("in", "Quant", ("x",), "q", {**GRID, "scale": (0.125,)}), *nodes)
    types = {name: TensorType(SHAPE) for name in ("x", *(node.output for node in made))}
    types |= {"f": TensorType(SHAPE), "c": TensorType(SHAPE)}
    return Graph("g", ("x",), (ends,), made, types, {"f": FACTOR, "c": ADDEND})


def rows() -> np.ndarray:
    return np.random.default_rng(5).normal(size=(200, *SHAPE[1:])) * 2


def test_the_quantizer_behind_rounds_once() -> None:
    out = Node("out", "Quant", ("m",), "y", {**GRID, "scale": (0.25,)})
    made = graph(
        Node("mul", "Mul", ("q", "f"), "p"), Node("add", "Add", ("p", "c"), "m"), out, ends="y"
    )
    flat = flat_affine(made)
    assert [node.op for node in flat.nodes] == [
        "Quant",
        "Reshape",
        "Mul",
        "Add",
        "Quant",
        "Reshape",
    ]
    exact = integerize(made)
    assert not exact.notes
    found = real_values(exact, "y", interpret(exact, rows())["y"])
    codes = np.clip(np.rint(rows() / 0.125), -32, 31) * 0.125
    wanted = np.clip(np.rint((codes * FACTOR + ADDEND) / 0.25), -32, 31) * 0.25
    np.testing.assert_array_equal(found, wanted)


def test_a_sum_at_an_output_is_exact() -> None:
    exact = integerize(graph(Node("add", "Add", ("q", "c"), "y"), ends="y"))
    found = real_values(exact, "y", interpret(exact, rows())["y"])
    codes = np.clip(np.rint(rows() / 0.125), -32, 31) * 0.125
    np.testing.assert_array_equal(found, codes + ADDEND)


def test_what_varies_along_one_axis_stays() -> None:
    made = graph(Node("add", "Add", ("q", "c"), "y"), ends="y")
    line = np.array([0.5, 0.25]).reshape(1, 2, 1)
    types = {**made.types, "c": TensorType(line.shape)}
    plain = Graph("g", made.inputs, made.outputs, made.nodes, types, {"f": FACTOR, "c": line})
    assert flat_affine(plain) is plain
