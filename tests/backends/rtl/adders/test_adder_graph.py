from itertools import product

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from netwright.backends.rtl.adders.adder_graph import (
    AdderGraph,
    Product,
    Sum,
    has_chain,
    lift,
    width,
)

GRAPH = AdderGraph(
    inputs=((0, 3), (1, 3)),
    sums=(Sum(0, 1, 2, False), Sum(2, 0, 1, True)),
    products=(Product(2), Product(3, 1, True, 12), Product(None)),
)
"""``x0 + 4 x1``; that less ``2 x0`` plus 6; outputs the first, minus twice the second, and zero."""


def test_matrix() -> None:
    assert GRAPH.matrix.tolist() == [[1, 2, 0], [4, -8, 0]]
    assert GRAPH.constants == (0, 0, 0, 6)


def test_the_offset_takes_the_constant_off() -> None:
    product = GRAPH.products[1]
    assert product.value is not None
    assert product.offset == GRAPH.constants[product.value] << product.shift


def test_intervals_are_reached() -> None:
    values = [(x, y, x + 4 * y, x + 4 * y + 2 * (3 - x)) for x, y in product(range(4), range(1, 4))]
    lows, highs = np.min(values, axis=0).tolist(), np.max(values, axis=0).tolist()
    assert list(GRAPH.intervals) == list(zip(lows, highs, strict=True))


def test_operands_side_by_side_take_no_lut() -> None:
    assert GRAPH.depths == (0, 0, 0, 1)
    assert GRAPH.num_luts == 2


@given(st.integers(-1000, 1000), st.integers(0, 1000))
@example(-1, 0)
@example(-4, 0)
def test_width_is_the_narrowest(low: int, span: int) -> None:
    high = low + span
    bits = width((low, high))
    if low >= 0:
        assert high < 1 << bits
        assert bits == 1 or high >= 1 << (bits - 1)
    else:
        assert -(1 << (bits - 1)) <= low
        assert high < 1 << (bits - 1)
        assert bits == 1 or low < -(1 << (bits - 2)) or high >= 1 << (bits - 2)


def test_wires_side_by_side_are_no_carry_chain_but_a_subtraction_is() -> None:
    assert not has_chain(Sum(0, 1, 2, False), (0, 3), (0, 3))
    assert has_chain(Sum(0, 1, 1, False), (0, 3), (0, 3))
    assert has_chain(Sum(0, 1, 2, True), (0, 3), (0, 3))


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 7))
def test_a_subtraction_is_never_negative_and_one_bit_wider(low: int, high: int, shift: int) -> None:
    constant = lift(low, high, shift)
    assert constant >= ((1 << high) - 1) << shift
    top = max(low, high + shift)
    assert (1 << low) - 1 + constant < 1 << (top + 1)
