from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest

from netwright.errors import ConfigError, VerificationError
from netwright.formats import Int
from netwright.ir import Array, Graph, Interpreter, Node, TensorType
from netwright.verify import Stimulus, agree

ROWS = np.random.default_rng(0).normal(size=(40, 3))
CLAMP = {"low": -8, "high": 7, "rounding": "half-even", "scale": (0.25,)}


def mixed(epsilon: float = 1e-5) -> Graph:
    """A normalization, a product of codes, and what comes of it as real values."""
    types = {
        "x": TensorType((1, 3)), "n": TensorType((1, 3)), "q": TensorType((1, 3), Int(4), (0.25,)),
        "w": TensorType((3, 2), Int(3), (0.5,)), "s": TensorType((1, 2), Int(9), (0.125,)),
        "y": TensorType((1, 2)),
    }  # fmt: skip
    nodes = (
        Node("norm", "LayerNormalization", ("x",), "n", {"epsilon": (epsilon,)}),
        Node("quantize", "Quantize", ("n",), "q", CLAMP),
        Node("fc", "MatMul", ("q", "w"), "s"),
        Node("back", "Dequantize", ("s",), "y", {"scale": (0.125,)}),
    )
    weights = np.array([[1, -2], [3, 0], [-1, 2]])
    return Graph("mixed", ("x",), ("y",), nodes, types, {"w": weights})


@dataclass
class Disturbed:
    """An interpreter that adds something to a tensor, and hides others."""

    graph: Graph
    tensor: str = ""
    added: float = 0.0
    row: int = 0
    hidden: tuple[str, ...] = ()

    def run(self, inputs: Array, *, keep: Collection[str] = ()) -> Mapping[str, Array]:
        found = dict(Interpreter.of(self.graph).run(inputs, keep=keep))
        if self.tensor:
            found[self.tensor] = found[self.tensor].copy()
            found[self.tensor][self.row, 0] += self.added
        return {name: value for name, value in found.items() if name not in self.hidden}


def test_the_interpreter_agrees_with_itself() -> None:
    graph = mixed()
    found = agree(graph, Interpreter.of(graph), ROWS)
    assert found.require().agreeing == len(ROWS)
    assert (found.exact_nodes, found.real_nodes, found.worst) == (2, 2, 0.0)
    assert found.output_difference == 0
    assert found.sentence == (
        "2 operators on codes equal; 2 real operators within their tolerance (largest difference "
        "0 of it)"
    )


def test_rows_that_were_asked_for_are_told() -> None:
    graph = mixed()
    found = agree(graph, Interpreter.of(graph), Stimulus("random", ROWS, wanted=1000))
    assert (found.rows, found.wanted) == (len(ROWS), 1000)


@pytest.mark.parametrize(
    ("tensor", "added", "node"),
    [("n", 1e-4, "norm"), ("q", 1, "quantize"), ("s", 1, "fc"), ("y", 1e-4, "back")],
)
def test_the_first_operator_that_errs_is_named_and_those_behind_it_are_not(
    tensor: str, added: float, node: str
) -> None:
    graph = mixed()
    found = agree(graph, Disturbed(graph, tensor, added, row=7), ROWS)
    assert not found.holds
    assert found.first is not None
    assert (found.first.node, found.first.row) == (node, 7)
    assert found.sentence.startswith(f'1 of 40 rows differ: "{node}"')
    with pytest.raises(VerificationError, match=f'Disturbed differs .* in 1 of 40 rows .*"{node}"'):
        found.require()


def test_what_is_within_the_tolerance_is_measured() -> None:
    graph = mixed()
    found = agree(graph, Disturbed(graph, "y", 1e-8), ROWS)
    assert found.holds
    assert 0 < found.worst < 1
    assert found.worst_node == "back"
    assert found.output_difference > 0


def test_another_graph_differs() -> None:
    found = agree(mixed(), Interpreter.of(mixed(epsilon=1e-2)), ROWS)
    assert found.first is not None
    assert found.first.node == "norm"
    assert "at most" in str(found.first)


def test_codes_may_be_hidden_and_real_values_may_not() -> None:
    graph = mixed()
    found = agree(graph, Disturbed(graph, hidden=("s",)), ROWS)
    assert (found.holds, found.hidden_nodes, found.exact_nodes) == (True, 1, 1)
    with pytest.raises(VerificationError, match='does not show "n", which LayerNormalization'):
        agree(graph, Disturbed(graph, hidden=("n",)), ROWS)


def test_nan_is_no_agreement() -> None:
    graph = mixed()
    assert not agree(graph, Disturbed(graph, "y", np.nan), ROWS).holds


def test_the_same_infinity_is_no_difference_and_a_finite_number_for_it_is() -> None:
    types = {"x": TensorType((1, 2)), "y": TensorType((1, 2))}
    node = Node("r", "Function", ("x",), "y", {"name": "reciprocal"})
    graph = Graph("g", ("x",), ("y",), (node,), types, {})
    rows = np.array([[4.0, 8.0], [0.0, 2.0]])
    found = agree(graph, Interpreter.of(graph), rows)
    assert (found.holds, found.agreeing, found.worst, found.output_difference) == (True, 2, 0, 0)
    assert not agree(graph, Disturbed(graph, "y", np.inf), rows).holds

    class Finite:
        def run(self, inputs, *, keep=()):
            made = Interpreter.of(graph).run(inputs, keep=keep)
            return {name: np.nan_to_num(value, posinf=1e300) for name, value in made.items()}

    assert agree(graph, Finite(), rows).agreeing == 1


def test_no_rows_and_missing_outputs_are_refused() -> None:
    graph = mixed()
    with pytest.raises(ConfigError, match="has no rows"):
        agree(graph, Interpreter.of(graph), ROWS[:0])
    with pytest.raises(VerificationError, match='returned nothing for output "y"'):
        agree(graph, Disturbed(graph, hidden=("y",)), ROWS)


def test_a_mixed_graph_is_in_no_other_form() -> None:
    graph = mixed()
    assert graph.is_mixed
    assert not graph.is_integer
    codes = replace(graph, outputs=("s",), nodes=graph.nodes[1:3])
    assert not codes.is_mixed
    assert codes.is_integer
