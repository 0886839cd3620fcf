from __future__ import annotations

import numpy as np

from netwright.ir import SPECS, Node
from netwright.ir.tolerance import RELATIVE, SMALLEST, Tolerance, absolute_terms, of_terms, walk

NODE = Node("n", "Add", ("a", "b"), "y")


def test_the_magnitude_is_that_of_the_result_unless_terms_cancel() -> None:
    a, b = np.array([[1.0, 1000.0]]), np.array([[1.0, -999.0]])
    plain = Tolerance().allowed(NODE, [a, b], a + b)
    terms = Tolerance(magnitude=of_terms).allowed(NODE, [a, b], a + b)
    np.testing.assert_allclose(plain, RELATIVE * np.array([[2.0, 1.0]]))
    np.testing.assert_allclose(terms, RELATIVE * np.array([[4.0, 2000.0]]))


def test_zero_may_be_what_float32_calls_zero() -> None:
    assert Tolerance().allowed(NODE, [], np.zeros(3)).tolist() == [SMALLEST] * 3


def test_products_count_by_their_magnitudes() -> None:
    spec = SPECS["MatMul"]
    node = Node("n", "MatMul", ("x", "w"), "y")
    x, w = np.array([[3.0, -3.0]]), np.array([[2.0], [2.0]])
    magnitude = absolute_terms(spec.execute, lambda node, inputs: len(inputs[1]))
    assert magnitude(node, [x, w], x @ w).tolist() == [[12.0]]
    assert spec.tolerance.allowed(node, [x, w], x @ w).tolist() == [[12.0 * RELATIVE]]


def test_sums_of_many_terms_may_err_like_a_random_walk() -> None:
    """One large term in front of many small ones: every addition rounds at its size."""
    assert [walk(n) for n in (1, 16, 64)] == [1.0, 1.0, 2.0]
    random = np.random.default_rng(0)
    x = random.normal(size=(40, 1024)).astype(np.float32)
    x[:, 0] = 500
    w = np.ones((1024, 1), np.float32)
    total = np.zeros((40, 1), np.float32)
    for column in x.T:  # one after the other, as a processor may
        total[:, 0] += column
    exact = x.astype(np.float64).sum(axis=1, keepdims=True)
    node = Node("n", "MatMul", ("x", "w"), "y")
    wide = [x.astype(np.float64), w.astype(np.float64)]
    allowed = SPECS["MatMul"].tolerance.allowed(node, wide, exact)
    assert (np.abs(total - exact) <= allowed).all()
    assert (allowed < 1e-4 * np.abs(x).sum(axis=1, keepdims=True)).all()
