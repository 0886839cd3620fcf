"""Every decision of a design is compared, and what it says goes on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from netwright.errors import DataError
from netwright.ir import Graph, Interpreter
from netwright.verify import InLoop
from tests.verify.graphs import dense


@pytest.fixture
def graph() -> Graph:
    return dense()


class Wrong:
    """The interpreter, but for one value of the third row."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.interpreter = graph, Interpreter.of(graph)

    def run(self, inputs: np.ndarray, *, keep: object = ()) -> Mapping[str, np.ndarray]:
        (name,) = self.graph.outputs
        found = np.array(self.interpreter.run(inputs)[name])
        found[2, 1] += 1
        return {name: found}


def rows(graph: Graph) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(5, *graph.types[graph.inputs[0]].shape[1:]))


def test_the_interpreter_is_identical_to_itself(graph: Graph) -> None:
    loop = InLoop(graph)
    read = rows(graph)
    assert loop(read).shape == (5, *graph.types[graph.outputs[0]].shape[1:])
    loop(read)
    assert (loop.rows, loop.identical, loop.first) == (10, 10, "")


def test_a_difference_is_counted_named_and_goes_on(graph: Graph) -> None:
    right, loop = InLoop(graph), InLoop(graph, Wrong(graph))
    read = rows(graph)
    right(read)
    said = [loop(read), loop(read)]
    assert (loop.rows, loop.identical) == (10, 8)
    assert loop.first.startswith("decision 2, place 1: ")
    assert np.argwhere(said[0] != right(read)).tolist() == [[2, 1]]


def test_rows_that_do_not_fit_are_refused(graph: Graph) -> None:
    with pytest.raises(DataError):
        InLoop(graph)(rows(graph)[:, :-1])
