"""Tables of what is computed from one quantized tensor."""

from __future__ import annotations

import numpy as np

from netwright.ir import Graph, Node, TensorType, interpret, real_values
from netwright.passes import integerize
from netwright.passes.code_functions import fold_functions

GRID = {"bits": 5, "signed": 1, "rounding": "half-even", "axis": None}
CODES = np.arange(-16, 16) * 0.25


def graph(*nodes: Node) -> Graph:
    made = (Node("in", "Quant", ("x",), "q", {**GRID, "scale": (0.25,)}), *nodes)
    types = {name: TensorType((1, 2)) for name in ("x", *(node.output for node in made))}
    constants = {
        "three": np.array(3.0), "sixth": np.array(1 / 6), "four": np.array(4.0),
        "table": np.tile(1 / (1 + np.exp(-CODES)), (2, 1, 1)),
    }  # fmt: skip
    types |= {name: TensorType(value.shape) for name, value in constants.items()}
    return Graph("g", ("x",), ("y",), made, types, constants)


OUT = Node("out", "Quant", ("r",), "y", {**GRID, "scale": (0.5,)})
SIGMOID = (
    Node("codes", "Mul", ("q", "four"), "k"),
    Node("sigmoid", "Lookup", ("k", "table"), "s", {"first": -16}),
)


def results(made: Graph) -> np.ndarray:
    exact = integerize(made)
    assert not exact.notes
    rows = np.repeat(CODES[:, None], 2, axis=1)
    return real_values(exact, "y", interpret(exact, rows)["y"])[:, 0]


def quantized(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values / 0.5), -16, 15) * 0.5


def test_silu_written_out_is_a_table() -> None:
    made = graph(*SIGMOID, Node("gate", "Mul", ("q", "s"), "r"), OUT)
    folded = fold_functions(made)
    assert [node.op for node in folded.nodes].count("Lookup") == 2
    np.testing.assert_array_equal(results(made), quantized(CODES / (1 + np.exp(-CODES))))


def test_a_quantizer_inside_counts() -> None:
    inner = Node("inner", "Quant", ("s",), "i", {**GRID, "scale": (0.125,)})
    made = graph(*SIGMOID, inner, Node("gate", "Mul", ("q", "i"), "r"), OUT)
    gate = np.clip(np.rint(1 / (1 + np.exp(-CODES)) / 0.125), -16, 15) * 0.125
    np.testing.assert_array_equal(results(made), quantized(CODES * gate))


def test_hard_swish_written_out_is_a_table() -> None:
    made = graph(
        Node("a", "Add", ("q", "three"), "b"),
        Node("c", "Clip", ("b",), "d", {"low": (0.0,), "high": (6.0,)}),
        Node("e", "Mul", ("q", "d"), "f"), Node("g", "Mul", ("f", "sixth"), "r"), OUT,
    )  # fmt: skip
    np.testing.assert_array_equal(results(made), quantized(CODES * np.clip(CODES + 3, 0, 6) / 6))


def test_two_tensors_are_no_function_of_one() -> None:
    other = Node("other", "Quant", ("x",), "o", {**GRID, "scale": (0.5,)})
    made = graph(other, Node("e", "Mul", ("q", "o"), "r"), OUT)
    assert fold_functions(made) is made
