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

TEMPLATE = "nvdla"


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
    """128 channels by 8 features on 64 x 4: 2 x 2 rounds of 9 taps and 6 x 5 pixels."""
    _, size = machine("nvdla", 256, 1 << 20)
    found = flow(
        Shape(1, 1, 8, 128, Window(6, 3, extent=8), Window(5, 3, extent=7), (8, 8, 8)), size
    )
    assert found is not None
    assert found.cycles == 2 * 2 * 9 * 30
    assert found.amounts["port", "cross"] == 8 * (128 * 8 * 7 + 9 * 8 * 128 + 8 * 30)
    assert found.amounts["weights", "write"] == 8 * 9 * 8 * 128  # every weight is loaded once


def test_long_rows_need_accumulators():
    _, size = machine("nvdla", 64, 1 << 30)
    wide = Shape(1, 1, 1, 1, Window(1, extent=1), Window(600, extent=600), (8, 8, 8))
    assert flow(wide, size) is None
