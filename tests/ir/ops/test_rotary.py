from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.ir import SPECS, Node
from netwright.testing import OperatorCase, OperatorSuite

SPEC = SPECS["RotaryEmbedding"]
ANGLES = np.arange(5)[:, None] / 10.0 ** np.arange(3)
TABLES = (np.cos(ANGLES), np.sin(ANGLES))


class TestSuite(OperatorSuite):
    cases = (
        OperatorCase(SPEC, ((2, 5, 6),), TABLES, {"pairs": "halves"}),
        OperatorCase(SPEC, ((5, 8),), TABLES, {"pairs": "neighbors"}),
    )


@pytest.mark.parametrize("pairs", ["halves", "neighbors"])
def test_pairs_are_complex_numbers_times_an_angle(pairs: str) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 6))
    node = Node("n", "RotaryEmbedding", ("x", "c", "s"), "y", {"pairs": pairs})
    made = SPEC.execute(node, [x, *TABLES])
    halves = pairs == "halves"
    first, second = (slice(0, 3), slice(3, 6)) if halves else (slice(0, 6, 2), slice(1, 6, 2))
    wanted = (x[..., first] + 1j * x[..., second]) * np.exp(1j * ANGLES)
    np.testing.assert_allclose(made[..., first], wanted.real, atol=1e-12)
    np.testing.assert_allclose(made[..., second], wanted.imag, atol=1e-12)


def test_features_beside_the_pairs_stay() -> None:
    x = np.random.default_rng(0).normal(size=(2, 5, 8))
    node = Node("n", "RotaryEmbedding", ("x", "c", "s"), "y", {"pairs": "halves"})
    made = SPEC.execute(node, [x, *TABLES])
    np.testing.assert_array_equal(made[..., 6:], x[..., 6:])
    np.testing.assert_array_equal(made[:, 0], x[:, 0])


def test_tables_that_do_not_fit_are_refused() -> None:
    node = Node("n", "RotaryEmbedding", ("x", "c", "s"), "y", {"pairs": "halves"})
    for shapes, message in (
        ([(1, 5, 6), (4, 3), (4, 3)], r"cosines must have shape \(5, pairs\)"),
        ([(1, 5, 6), (5, 4), (5, 4)], "at most 3 pairs"),
        ([(1, 5, 6), (5, 3), (5, 2)], "the same shape"),
    ):
        with pytest.raises(GraphError, match=message):
            SPEC.shape(node, shapes)
