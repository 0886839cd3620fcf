"""The engine on whole machines; its arithmetic is compared with the oracle in test_bruteforce."""

from __future__ import annotations

import random
from itertools import product

import pytest

from netwright import arch, cost
from netwright.cost.loopnest import _points
from netwright.errors import MappingError
from netwright.mapping.loopnest import Keep, Loop, LoopNest
from netwright.mapping.operation import operation
from netwright.workload import Builder

INPUT, WEIGHT, OUTPUT = "input0", "linear0.weight", "linear0.out"
ROOT = (Keep("dram", INPUT, 0), Keep("dram", WEIGHT, 0), Keep("dram", OUTPUT, 0))


def matmul(rows, depth, features):
    b = Builder("m")
    b.linear(b.input((rows, depth)), features)
    workload = b.finish()
    return operation(workload, workload.einsums[0])


OPERATION = matmul(3136, 576, 64)
NEST = LoopNest(
    (
        Loop("B0", 784), Loop("M", 32), Loop("B1", 32), Loop("M", 1, "elements", 0),
        Loop("B1", 1, "elements", 1), Loop("B0", 1),
    ),
    (*ROOT, Keep("sram", INPUT, 1), Keep("sram", OUTPUT, 1), Keep("weights", WEIGHT, 5)),
)  # fmt: skip


def test_weight_stationary_product_by_hand():
    counts = cost.count(OPERATION, arch.find("tpu"), NEST)
    assert counts.num_steps == 4 * 2 * 18 * 784
    assert counts.num_operations == 3136 * 576 * 64
    assert counts.amount("dram", "read", INPUT) == 8 * 3136 * 576
    assert counts.amount("dram", "read", WEIGHT) == 8 * 576 * 64 * 4  # once for each quarter
    assert counts.amount("dram", "write", OUTPUT) == 8 * 3136 * 64
    assert counts.amount("dram", "read", OUTPUT) == 0
    assert counts.amount("sram", "read", INPUT) == 8 * 3136 * 576 * 2  # once for 32 features
    partial = 3136 * 64 * 17
    assert counts.amount("sram", "write", OUTPUT) == 16 * partial + 8 * 3136 * 64
    assert counts.amount("sram", "read", OUTPUT) == 16 * partial + 8 * 3136 * 64
    assert counts.amount("weights", "write") == 8 * 576 * 64 * 4
    assert counts.amount("weights", "read") == 8 * OPERATION.num_macs


def test_without_multicast_every_copy_is_served_alone():
    machine = arch.find("tpu")
    nodes = tuple(
        node.model_copy(update={"multicasts": False}) if isinstance(node, arch.Array) else node
        for node in machine.nodes
    )
    alone = cost.count(OPERATION, machine.model_copy(update={"nodes": nodes}), NEST)
    assert alone.amount("sram", "read", INPUT) == 8 * OPERATION.num_macs


def test_illegal_nest_is_refused():
    with pytest.raises(MappingError, match="the innermost tile must be 1"):
        cost.count(OPERATION, arch.find("tpu"), LoopNest((), ROOT))


def test_counts_stay_exact_beyond_64_bits():
    """A trillion times a million MACs: Python integers do not overflow."""
    op = matmul(10**6, 10**6, 10**6)
    nest = LoopNest((Loop("B0", 10**6), Loop("M", 10**6)), ROOT)
    assert op.num_macs == 10**18
    from netwright.cost.loopnest import flow_between

    assert flow_between(op, nest, WEIGHT, 0, 2, stays=True).down == 10**12


def test_points_off_the_padding_are_counted_as_one_by_one():
    chance = random.Random(3)
    for _ in range(300):
        terms = tuple(sorted(
            (chance.randint(1, 5), chance.choice((-3, -2, -1, 0, 1, 2, 3)))
            for _ in range(chance.randint(0, 3))
        ))  # fmt: skip
        offset, extent = chance.randint(-6, 6), chance.randint(1, 12)
        indices = product(*(range(size) for size, _ in terms))
        values = [
            offset + sum(i * own[1] for i, own in zip(x, terms, strict=True)) for x in indices
        ]
        assert _points(terms, offset, extent) == sum(0 <= value < extent for value in values)
