"""Places of elements against each other and against the room that a layout says it takes."""

from __future__ import annotations

from itertools import pairwise
from itertools import product as pairs

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright import arch
from netwright.mapping import Layout
from netwright.mapping.bank_columns import columns_of, fillings, held, places, rows_of
from netwright.mapping.layout import Product

BITS = 16


def small():
    """Two channels of four banks, rows of four columns of two elements."""
    dram = arch.find("gddr6-aim").memories[0].dram
    return dram.model_copy(
        update={"channels": 2, "bank_groups": 2, "banks_per_group": 2, "columns": 4,
                "access_bytes": 4}
    )  # fmt: skip


@st.composite
def layouts(draw):
    """A layout with room for a product, and some of it unused."""
    dram = small()
    product = Product(*(draw(st.integers(1, most)) for most in (4, 11, 20)), 1)
    spread = draw(st.sampled_from(["banks", "channels"]))
    groups = product.groups if spread == "banks" else -(-product.groups // dram.channels)
    banks = dram.banks * (dram.channels if spread == "banks" else 1)
    per_bank = -(-product.outputs // banks) + draw(st.integers(0, 2))
    length = product.length + draw(st.integers(0, 5))
    channels = dram.channels if spread == "banks" else -(-product.groups // groups)
    layout = Layout(
        "x", "banks", draw(st.integers(0, 3)), 1, groups, per_bank, channels, spread,
        draw(st.sampled_from([2, 4, 6, 16])), draw(st.booleans()), draw(st.booleans()),
        draw(st.booleans()), length, draw(st.integers(1, 3)),
    )  # fmt: skip
    return layout, product


def every_place(layout, product):
    points = np.meshgrid(*map(np.arange, (product.groups, product.outputs, product.length)),
                         indexing="ij")  # fmt: skip
    return places(layout, product, small(), BITS, *(axis.ravel() for axis in points))


@settings(max_examples=30, deadline=None)
@given(layouts())
def test_no_two_elements_share_a_place(made):
    layout, product = made
    dram = small()
    found = every_place(layout, product)
    assert len(np.unique(found, axis=0)) == len(found) == product.groups * product.outputs * (
        product.length)  # fmt: skip
    assert (found >= 0).all()
    assert found[:, 0].max() < layout.channels
    assert found[:, 1].max() < dram.banks
    rows = rows_of(layout, product, dram, BITS)
    assert layout.first_row <= found[:, 2].min() <= found[:, 2].max() < layout.first_row + rows
    assert found[:, 3].max() < dram.columns
    assert found[:, 4].max() < 2


@settings(max_examples=30, deadline=None)
@given(layouts())
def test_room_is_the_sum_of_the_blocks(made):
    layout, product = made
    blocks = list(fillings(layout, product, small(), BITS))
    if layout.summed_along_rows and layout.packed:
        wanted = sum(b.num_groups * layout.per_bank * -(-b.room // 2) for b in blocks)
        assert columns_of(layout, product, small(), BITS) == wanted
    for before, after in pairwise(blocks):
        assert before.column < after.column
    assert columns_of(layout, product, small(), BITS) > blocks[-1].column


@settings(max_examples=30, deadline=None)
@given(layouts())
def test_fullest_bank_of_a_channel_is_the_one_with_the_most_vectors(made):
    layout, product = made
    found = every_place(layout, product)
    for channel in range(2):
        groups, vectors = held(layout, product, small(), channel)
        own = found[found[:, 0] == channel]
        most = max(np.bincount(own[:, 1])) if len(own) else 0
        assert most == groups * vectors * product.length


def test_heads_share_rows():
    """Vectors of a token follow each other, head by head; without packing each begins a row."""
    product = Product(3, 2, 8, 1)
    for packed, rows in ((True, 1), (False, 3)):
        layout = Layout("x", "banks", 0, rows, 3, 1, 2, "banks", 2, packed, shared=3)
        found = places(layout, product, small(), BITS, *map(np.array, ([0, 1, 2], [5] * 3, [0])))
        assert found[:, :2].tolist() == [[1, 1]] * 3
        assert len(set(found[:, 2])) == rows
        assert found[:, 3].tolist() == ([0, 1, 2] if packed else [0, 0, 0])


@pytest.mark.parametrize(("dealt", "slot"), list(pairs((True, False), (0,))))
def test_vectors_are_dealt_or_fill_a_bank_first(dealt, slot):
    product = Product(1, 2, 16, 1)
    layout = Layout("x", "banks", slot, 1, 1, 2, 2, "banks", 2, dealt=dealt)
    numbers = np.arange(16)
    found = places(layout, product, small(), BITS, np.zeros(16, int), numbers, np.zeros(16, int))
    banks = 4 * found[:, 0] + found[:, 1]
    assert banks.tolist() == (numbers % 8 if dealt else numbers // 2).tolist()
