from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.cost.dataflows import Shape, Window, flow
from netwright.mapping import Operation
from tests.cost.dataflows.agreement import (
    closed_form_equals_engine,
    nest_is_walked,
    products_do_too,
)
from tests.cost.dataflows.layers import convolutions, machine

TEMPLATE = "row_stationary"


@settings(max_examples=25, deadline=None)
@given(
    own=convolutions(),
    elements=st.sampled_from((1, 4, 6, 12, 24, 64)),
    room=st.sampled_from((60, 200, 1000, 100_000)),
)
def test_closed_forms_equal_the_engine(own: Operation, elements: int, room: int) -> None:
    closed_form_equals_engine(TEMPLATE, own, elements, room)


def test_products_of_matrices_do_too() -> None:
    products_do_too(TEMPLATE)


@settings(max_examples=5, deadline=None)
@given(own=convolutions())
def test_the_nest_moves_what_walking_it_moves(own: Operation) -> None:
    nest_is_walked(TEMPLATE, own)


def test_cycles_by_hand():
    """3 filter rows on 12 x 4 elements: 4 features and 4 rows at a time, 3 of 12 rows, 2 of 8."""
    _, size = machine("row_stationary", 48, 1 << 20)
    found = flow(
        Shape(1, 1, 8, 5, Window(12, 3, extent=14), Window(6, 3, extent=8), (8, 8, 8)), size
    )
    assert found is not None
    assert found.cycles == 2 * 3 * 5 * 3 * 6
    assert found.amounts["port", "cross"] == 8 * (5 * 14 * 8 + 9 * 8 * 5 + 8 * 72)


def test_a_filter_of_more_rows_than_the_array_does_not_run():
    _, size = machine("row_stationary", 48, 1 << 20)
    tall = Shape(1, 1, 1, 1, Window(2, 13, extent=14), Window(), (8, 8, 8))
    assert flow(tall, size) is None
