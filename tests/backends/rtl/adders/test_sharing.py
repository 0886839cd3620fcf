import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from netwright.backends.rtl.adders.adder_graph import lift, width
from netwright.backends.rtl.adders.digits import signed_digits
from netwright.backends.rtl.adders.sharing import share

MATRICES = st.tuples(st.integers(1, 6), st.integers(1, 6)).flatmap(
    lambda shape: arrays(np.int64, shape, elements=st.integers(-300, 300))
)


def unshared(matrix: np.ndarray) -> int:
    """Adders of a product without any sharing."""
    digits = [sum(len(signed_digits(int(w))) for w in column) for column in matrix.T]
    return sum(max(count - 1, 0) for count in digits)


@given(MATRICES, st.integers(0, 20), st.integers(0, 20))
@settings(max_examples=200)
def test_coefficients_are_exactly_the_matrix(matrix: np.ndarray, low: int, span: int) -> None:
    graph = share(matrix, [(low, low + span)] * len(matrix))
    assert np.array_equal(graph.matrix, matrix)
    assert len(graph.sums) <= unshared(matrix)


@given(MATRICES, st.integers(0, 2**32))
@settings(max_examples=100)
def test_the_values_are_the_products_and_never_negative(matrix: np.ndarray, seed: int) -> None:
    graph = share(matrix, [(0, 11)] * len(matrix))
    values = list(np.random.default_rng(seed).integers(0, 12, len(matrix)))
    for adder in graph.sums:
        low, high = values[adder.low], values[adder.high] << adder.shift
        bits = [width(graph.intervals[number]) for number in (adder.low, adder.high)]
        values.append(low - high + lift(*bits, adder.shift) if adder.subtract else low + high)
    assert all(
        low <= value <= high and low >= 0
        for value, (low, high) in zip(values, graph.intervals, strict=True)
    )
    made = [
        0
        if product.value is None
        else (values[product.value] << product.shift) * (-1 if product.negate else 1)
        + product.offset
        for product in graph.products
    ]
    assert made == (values[: len(matrix)] @ matrix).tolist()


@pytest.mark.parametrize("bits", [2, 3, 4, 6, 8])
def test_large_matrix(bits: int) -> None:
    top = 1 << (bits - 1)
    matrix = np.random.default_rng(bits).integers(-top, top, (24, 20))
    graph = share(matrix, [(0, 63)] * 24)
    assert np.array_equal(graph.matrix, matrix)
    assert len(graph.sums) < 0.75 * unshared(matrix)


def test_a_pair_that_occurs_everywhere_is_made_once() -> None:
    matrix = np.array([[1, 2, 4, -1], [1, 2, 4, -1]])
    assert len(share(matrix, [(0, 15)] * 2).sums) == 1


def test_a_product_by_15_is_one_subtraction() -> None:
    assert len(share(np.array([[15]]), [(0, 3)]).sums) == 1


def test_the_same_matrix_gives_the_same_graph() -> None:
    matrix = np.random.default_rng(1).integers(-32, 32, (12, 9))
    assert share(matrix, [(0, 63)] * 12) == share(matrix.copy(), [(0, 63)] * 12)


def test_the_tree_of_equal_terms_is_shallow() -> None:
    graph = share(np.ones((64, 1), dtype=np.int64), [(0, 3)] * 64)
    assert len(graph.sums) == 63
    assert max(graph.depths) == 6
