"""Tables of real values become tables of codes."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.ir import AttrValue, Graph, Node, TensorType, interpret
from netwright.passes import integerize

QUANT: dict[str, AttrValue] = {
    "bits": 3, "signed": 1, "narrow": 0, "rounding": "half-even", "zero_point": 0, "scale": (1.0,),
    "axis": None,
}  # fmt: skip


def network(tables: np.ndarray, *, behind: dict[str, AttrValue] | None, scale: float = 1) -> Graph:
    """A quantizer, a table of its codes, and a quantizer behind it where `behind` is given."""
    features = len(tables)
    made = features * tables.shape[1]
    nodes = [
        Node("q", "Quant", ("x",), "q", {**QUANT, "scale": (scale,)}),
        Node("t", "Lookup", ("q", "tables"), "t" if behind else "y", {"first": -4}),
    ]
    types = {
        "x": TensorType((1, features)),
        "q": TensorType((1, features)),
        "tables": TensorType(tables.shape),
        nodes[1].output: TensorType((1, made)),
        "y": TensorType((1, made)),
    }
    if behind:
        nodes.append(Node("b", "Quant", ("t",), "y", {**QUANT, **behind}))
    return Graph("net", ("x",), ("y",), tuple(nodes), types, {"tables": tables})


@pytest.mark.parametrize("rounding", ["half-even", "floor", "ceil", "half-up"])
@pytest.mark.parametrize("zero_point", [0, 2])
def test_entries_are_quantized_as_the_quantizer_would(rounding: str, zero_point: int) -> None:
    tables = np.random.default_rng(0).normal(size=(2, 3, 8)) * 2
    tables[0, 0, :4] = (0.25, 0.75, -0.25, 9)  # ties, and outside
    behind: dict[str, AttrValue] = {
        "bits": 4, "scale": (0.5,), "rounding": rounding, "zero_point": zero_point,
    }  # fmt: skip
    graph = network(tables, behind=behind)
    made = integerize(graph)
    assert [node.op for node in made.nodes] == ["Quantize", "Lookup"]
    rows = np.stack([np.arange(-4, 4), np.arange(-4, 4)[::-1]], axis=1).astype(float)
    wanted = interpret(graph, rows)["y"]
    np.testing.assert_array_equal(interpret(made, rows)["y"] * 0.5, wanted)
    assert len(np.unique(wanted)) > 4


def test_values_on_a_grid_need_no_quantizer() -> None:
    tables = (np.arange(8.0) ** 2 * 0.375 - 3).reshape(1, 1, 8)
    made = integerize(network(tables, behind=None))
    assert made.types["y"].scale == (0.375 / 3,)
    rows = np.arange(-4.0, 4)[:, None]
    codes = interpret(made, rows)["y"] * made.types["y"].scale_array()
    np.testing.assert_array_equal(codes, tables[0].T)


@pytest.mark.parametrize(
    ("scale", "behind", "text"),
    [
        (0.5, {"bits": 4}, "reads values that are no codes: their scale must be 1"),
        (1.0, None, "the values of its table lie on no grid of 48 bits"),
        (1.0, {"scale": (1.0, 0.5), "axis": 1}, "quantizer behind a table must have one scale"),
    ],
)
def test_refusals(scale: float, behind: dict[str, AttrValue] | None, text: str) -> None:
    tables = np.exp(np.arange(16.0)).reshape(2, 1, 8)
    with pytest.raises(GraphError, match=text):
        integerize(network(tables, behind=behind, scale=scale))
