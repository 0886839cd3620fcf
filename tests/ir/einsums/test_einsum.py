from __future__ import annotations

import pytest

from netwright.ir.einsums.einsum import Access, Affine, Einsum, Rank


def test_bias_counts_its_product():
    m, n, k = (Affine(((rank, 1),)) for rank in "mnk")
    inputs = (Access("x", (m, k)), Access("w", (k, n)), Access("b", (n,)))
    ranks = (Rank("m", 2), Rank("n", 3), Rank("k", 5))
    product = Einsum("p", ranks, Access("y", (m, n)), inputs, "multiply", (), "add")
    assert product.num_macs == 30


@pytest.mark.parametrize(
    ("map_op", "unary", "reduce_op", "moves", "each"),
    [
        ("copy", (), "none", True, False),
        ("copy", ("relu",), "none", False, True),
        ("add", (), "none", False, True),
        ("copy", (), "max", False, False),
        ("opaque", (), "none", False, False),
    ],
)
def test_what_is_a_move_and_what_works_element_by_element(map_op, unary, reduce_op, moves, each):
    at = (Affine((("B", 1),)),)
    step = Einsum(
        "e", (Rank("B", 4),), Access("y", at), (Access("x", at),), map_op, unary, reduce_op
    )
    assert (step.is_move, step.is_elementwise, step.num_macs) == (moves, each, 0)
