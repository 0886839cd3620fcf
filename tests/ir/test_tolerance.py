from __future__ import annotations

import numpy as np

from netwright.ir import SPECS, Node
from netwright.ir.tolerance import RELATIVE, SMALLEST, Tolerance, absolute_terms, of_terms

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
    assert absolute_terms(spec.execute)(node, [x, w], x @ w).tolist() == [[12.0]]
    assert spec.tolerance.allowed(node, [x, w], x @ w).tolist() == [[12.0 * RELATIVE]]
