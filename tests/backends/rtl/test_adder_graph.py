from itertools import product

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from netwright.backends.rtl.adder_graph import AdderGraph, Product, Sum, width

GRAPH = AdderGraph(
    inputs=((-2, 1), (0, 3)),
    sums=(Sum(0, 1, 2, False), Sum(2, 0, 0, True)),
    products=(Product(2), Product(3, 1, True), Product(None)),
)
"""``x0 + 4 x1``; that less ``x0``; outputs the first, minus twice the second, and zero."""


def test_matrix() -> None:
    assert GRAPH.matrix.tolist() == [[1, 0, 0], [4, -8, 0]]


def test_intervals_are_reached() -> None:
    values = [(x, y, x + 4 * y, x + 4 * y - x) for x, y in product(range(-2, 2), range(4))]
    lows, highs = np.min(values, axis=0).tolist(), np.max(values, axis=0).tolist()
    assert list(GRAPH.intervals) == list(zip(lows, highs, strict=True))


def test_depths() -> None:
    assert GRAPH.depths == (0, 0, 1, 2)


def test_adder_bits_leave_out_what_the_shift_passes() -> None:
    assert GRAPH.adder_bits == (5 - 2) + 4


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
