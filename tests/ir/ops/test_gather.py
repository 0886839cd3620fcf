from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import DataError, GraphError
from netwright.formats import Int
from netwright.ir import SPECS, Graph, Node, TensorType, bounds, check, interpret
from netwright.testing import OperatorCase, OperatorSuite
from netwright.workload import from_graph

TABLE = np.random.default_rng(0).integers(-5, 6, (7, 3))
SPEC = SPECS["Gather"]


class TestSuite(OperatorSuite):
    cases = (
        OperatorCase(SPEC, ((4,),), (TABLE,), low=0, high=6),
        OperatorCase(SPEC, ((2, 3),), (TABLE,), low=0, high=6),
    )

    def test_what_keeps_values_makes_no_new_ones(self) -> None:
        """The elements are those of the table, not of the places."""
        for case in self.cases:
            places, table = case.drawn()
            assert np.isin(case.spec.execute(case.node, [places, table]), table).all()

    def test_bounds_grow_with_those_of_the_inputs(self) -> None:
        """They are those of the table."""
        for case in self.cases:
            assert (self._bounds(case).low, self._bounds(case).high) == (-5, 5)


def graph(number=None) -> Graph:
    table = TensorType((7, 3)) if number is None else TensorType((7, 3), number, (0.5,))
    made = TensorType((1, 4, 3), table.dtype, table.scale)
    types = {"ids": TensorType((1, 4), Int(3, signed=False)), "t": table, "y": made}
    constants = {"t": TABLE.astype(np.float64) if number is None else TABLE}
    node = Node("embed", "Gather", ("ids", "t"), "y")
    return Graph("g", ("ids",), ("y",), (node,), types, constants)


@pytest.mark.parametrize("number", [None, Int(4)])
def test_rows_are_those_of_the_table(number) -> None:
    ids = np.array([[0, 6, 6, 3]])
    found = interpret(check(graph(number)), ids)["y"]
    np.testing.assert_array_equal(found, TABLE[ids])
    assert found.dtype == (np.float64 if number is None else np.int64)


def test_codes_of_a_table_have_its_bounds() -> None:
    assert (bounds(graph(Int(4)))["y"].low, bounds(graph(Int(4)))["y"].high) == (-5, 5)


def test_a_row_that_does_not_exist_is_named() -> None:
    with pytest.raises(DataError, match='"embed" looks up rows 0 to 6 of its table, not 0 to 7'):
        interpret(graph(), np.array([[0, 7, 1, 1]]))


def test_places_are_whole_numbers_of_their_format() -> None:
    for wrong, told in ((0.5, "0.5"), (8, "8"), (-1, "-1")):
        message = f'input "ids" must hold whole numbers from 0 to 7, not {told} in row 0'
        with pytest.raises(DataError, match=message):
            interpret(graph(), np.array([[0, wrong, 1, 1]]))


def test_real_places_are_refused() -> None:
    with pytest.raises(GraphError, match='node "embed" must read codes; "ids" holds real values'):
        check(graph().with_type("ids", TensorType((1, 4))))


def test_a_lookup_reads_as_many_rows_as_there_are_places() -> None:
    (einsum,) = from_graph(graph()).einsums
    assert einsum.map_op == "lookup"
    assert einsum.num_macs == 0


def test_a_table_without_rows_is_refused() -> None:
    with pytest.raises(GraphError, match="the table must be"):
        SPEC.shape(graph().nodes[0], [(1, 4), (0, 3)])
