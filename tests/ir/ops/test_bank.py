from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.formats.bfloat import lane_product
from netwright.ir import SPECS, HostArithmetic, Node
from netwright.testing import OperatorCase, OperatorSuite

RANDOM = np.random.default_rng(0)
WEIGHTS = RANDOM.normal(size=(21, 5))
KEEP = (RANDOM.random((5, 6)) < 0.7).astype(np.float64)
ADDED = RANDOM.normal(size=(1, 4, 5, 6))
ATTENTION = {"scale": (0.5,), "causal": 0, "mask": "add", "lanes": 4, "piece": 5}


class TestSuite(OperatorSuite):
    cases = (
        OperatorCase(SPECS["BankMatMul"], ((3, 21),), (WEIGHTS,), {"piece": 16, "sum_bits": 16}),
        OperatorCase(
            SPECS["BankAttention"], ((4, 5, 8), (2, 6, 8), (2, 6, 3)), (ADDED,), ATTENTION,
            low=-2, high=2,
        ),
        OperatorCase(
            SPECS["BankAttention"], ((4, 5, 8), (1, 6, 8), (1, 6, 3)), (KEEP,),
            {**ATTENTION, "mask": "keep", "causal": 1}, low=-2, high=2,
        ),
    )  # fmt: skip


def test_a_product_has_the_order_that_the_node_says() -> None:
    x = RANDOM.normal(size=(2, 3, 21))
    for order in ({}, {"lanes": 1}, {"lanes": 8, "piece": 10, "sum_bits": 16}):
        node = Node("n", "BankMatMul", ("x", "w"), "y", order)
        wanted = lane_product(x.astype(np.float32), WEIGHTS.astype(np.float32), **order)
        assert np.array_equal(SPECS["BankMatMul"].execute(node, [x, WEIGHTS]), wanted)


def test_attention_is_two_products_in_banks_and_shares_of_the_host() -> None:
    queries, keys = RANDOM.normal(size=(1, 2, 3, 8)), RANDOM.normal(size=(1, 1, 7, 8))
    values = RANDOM.normal(size=(1, 1, 7, 4))
    node = Node("n", "BankAttention", ("q", "k", "v"), "y", {**ATTENTION, "causal": 1})
    made = SPECS["BankAttention"].execute(node, [queries, keys, values])
    host, order = HostArithmetic(), {"lanes": 4, "piece": 5}
    q, k, v = (part.astype(np.float32) for part in (queries, keys, values))
    for head in range(2):
        scores = lane_product(q[0, head], k[0, 0].T, **order) * np.float32(0.5)
        scores[np.arange(7) > np.arange(3)[:, None] + 4] = -np.inf
        wanted = lane_product(host.softmax(scores), v[0, 0], **order)
        assert np.array_equal(made[0, head], wanted)


def test_keys_that_are_left_out_behind_the_others_change_no_bit() -> None:
    queries, keys = RANDOM.normal(size=(1, 1, 2, 8)), RANDOM.normal(size=(1, 1, 40, 8))
    node = Node("n", "BankAttention", ("q", "k", "v", "m"), "y", {**ATTENTION, "mask": "keep"})
    keep = np.ones((2, 40))
    keep[:, 23:] = 0
    whole = SPECS["BankAttention"].execute(node, [queries, keys, keys, keep])
    short = SPECS["BankAttention"].execute(
        node, [queries, keys[:, :, :23], keys[:, :, :23], keep[:, :23]]
    )
    assert np.array_equal(whole, short)


@pytest.mark.parametrize(
    ("attrs", "text"),
    [
        ({"lanes": 12}, "lanes must be a power of two up to 1024, not 12"),
        ({"piece": 0}, "piece must be from 1 to 16777216, not 0"),
        ({"sum_bits": 8}, "sum_bits must be 16 or 32, not 8"),
    ],
)
def test_orders_that_no_unit_has_are_refused(attrs: dict[str, int], text: str) -> None:
    node = Node("n", "BankMatMul", ("x", "w"), "y", attrs)
    with pytest.raises(GraphError, match=text):
        SPECS["BankMatMul"].shape(node, [(1, 3), (3, 2)])
