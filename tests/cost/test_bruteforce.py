"""The oracle itself, against figures counted by hand, and the engine against the oracle."""

from __future__ import annotations

import pytest

from netwright.cost.bruteforce import execute
from netwright.cost.loopnest import Flow, flow_between
from netwright.mapping.loopnest import Loop, LoopNest
from netwright.mapping.operation import operation
from netwright.workload import Builder
from tests.cost.nests import random_case


def matmul(rows, depth, features):
    b = Builder("m")
    b.linear(b.input((rows, depth)), features)
    workload = b.finish()
    return operation(workload, workload.einsums[0])


def test_matrix_product_by_hand():
    """2 x 3 times 3 x 2; weights stay inside, the rows move past them."""
    nest = LoopNest((Loop("M", 1), Loop("B1", 1), Loop("B0", 1)), ())
    op = matmul(2, 3, 2)
    source, weight, made = op.tensors
    assert execute(op, nest, weight, 0, 2, stays=True) == Flow(6, 6)
    assert execute(op, nest, source, 0, 0, stays=True) == Flow(6, 6)
    assert execute(op, nest, source, 0, 1, stays=True) == Flow(6, 6)  # whole: it never changes
    assert execute(op, nest, source, 0, 2, stays=True) == Flow(12, 12)
    assert execute(op, nest, made, 0, 1, stays=True) == Flow(0, 0, 4, 4, 4)
    assert execute(op, nest, made, 0, 3, stays=True) == Flow(8, 8, 12, 12, 4)
    assert execute(op, nest, source, 0, 3, stays=False) == Flow(12, 12)


def test_neighbors_share_a_halo():
    """Three output columns at once, three taps each: five inputs, read once."""
    b = Builder("c")
    b.conv(b.input((1, 1, 1, 6)), 1, (1, 3), padding=0)
    workload = b.finish()
    op = operation(workload, workload.einsums[0])
    nest = LoopNest((Loop("P1", 3), Loop("P1", 1, "grid"), Loop("R1", 1)), ())
    # The second step has one column: elements 3 to 5, of which its copy held none.
    assert execute(op, nest, "input0", 0, 2, stays=True) == Flow(5 + 3, 9 + 3)


def check(seed):
    op, nest, parent, child = random_case(seed)
    for tensor in op.tensors:
        for stays in (True, False):
            for multicasts in (True, False):
                if not stays and child != len(nest.loops):
                    continue
                ask = {"stays": stays, "multicasts": multicasts}
                ours = flow_between(op, nest, tensor, parent, child, **ask)
                assert ours == execute(op, nest, tensor, parent, child, **ask), (seed, tensor, ask)


@pytest.mark.parametrize("block", range(10))
def test_engine_equals_brute_force(block):
    for seed in range(20 * block, 20 * block + 20):
        check(seed)


def test_copies_that_never_work_visit_nothing():
    """Five sums along nested arrays of 2 x 3 copies: one of the six never works."""
    check(2124)


@pytest.mark.slow
def test_engine_equals_brute_force_on_many():
    for seed in range(1000, 6000):
        check(seed)
