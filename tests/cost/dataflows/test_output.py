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

TEMPLATE = "shidiannao"


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
    """10 x 7 pixels on 4 x 4: 3 x 2 tiles, for each of 5 features 9 taps of 3 channels."""
    _, size = machine("shidiannao", 16, 1 << 20)
    found = flow(
        Shape(1, 1, 5, 3, Window(10, 3, extent=12), Window(7, 3, extent=9), (8, 8, 8)), size
    )
    assert found is not None
    assert found.cycles == 3 * 2 * 5 * 9 * 3
    assert found.amounts["port", "cross"] == 8 * (3 * 12 * 9 + 9 * 5 * 3 + 5 * 70)
    windows = (6 + 6 + 4) * (6 + 5)  # rows and columns that the tiles need
    assert found.amounts["window", "write"] == 8 * 5 * 3 * windows
