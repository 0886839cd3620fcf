"""Closed forms against figures of other simulators, exhaustive placement and hand cases."""

from __future__ import annotations

from itertools import product

import pytest

from netwright.cost.systolic import (
    Shape,
    matrix_product,
    mean_utilization,
    row_stationary,
    shape_of,
    systolic,
    total_cycles,
)
from tests.cost.small import conv


@pytest.mark.parametrize(
    ("product", "weight", "output"),
    [
        ((3136, 576, 64), 116_279, 125_047),
        ((784, 256, 256), 56_191, 63_599),
        ((196, 9, 1), 289, 496),
    ],
)
def test_matrix_products_take_the_cycles_of_scale_sim(product, weight, output):
    """SCALE-Sim 3.0.0, 32 x 32, no stalls: six runs. It gives the number of the last cycle."""
    assert matrix_product(*product, (32, 32), "weight") - 1 == weight
    assert matrix_product(*product, (32, 32), "output") - 1 == output


def executed(rows, depth, features, array, dataflow):
    """Cycles of a product, moved through the array step by step."""
    height, width = array
    cycles = 0
    outer, inner = (depth, rows) if dataflow == "weight" else (rows, depth)
    for _ in range(-(-outer // height) * -(-features // width)):
        cycles += height if dataflow == "weight" else 0  # weights come in, a row a cycle
        waves = [[-1] * width for _ in range(height)]  # which operand an element works on
        sent = 0
        while True:
            for i in reversed(range(height)):
                for j in reversed(range(width)):
                    if i == j == 0:
                        waves[i][j] = sent if sent < inner else -1
                    else:
                        waves[i][j] = waves[i][j - 1] if j else waves[i - 1][j]
            sent += 1
            if all(wave < 0 for row in waves for wave in row):
                break
            cycles += 1
    return cycles


@pytest.mark.parametrize("dataflow", ["weight", "output"])
@pytest.mark.parametrize("array", [(1, 1), (4, 4), (2, 5)])
@pytest.mark.parametrize("product", [(4, 4, 4), (1, 1, 1), (7, 3, 6)])
def test_fill_and_drain_are_those_of_an_executed_array(product, array, dataflow):
    cycles = matrix_product(*product, array, dataflow)
    assert cycles == executed(*product, array, dataflow)
    rows, depth, features = product
    assert rows * depth * features <= cycles * array[0] * array[1]


def test_product_of_the_size_of_its_array():
    assert matrix_product(4, 4, 4, (4, 4), "output") == 10


def test_row_stationary_by_hand():
    """Four output rows, filters of 3: one set is 3 x 4; the array holds 2 x 2 of them."""
    shape = Shape(2, 4, (3, 3), (4, 5))
    found = row_stationary(shape, (6, 8))
    assert found.cycles == 3 * 5 * min(2 * 2, 1 * 2)  # two inputs added, two features side by side
    assert found.utilization == shape.num_macs / (found.cycles * 48)


def brute(shape, array):
    """Try every split of the copies of a set on an array that no set outgrows."""
    height, width = array
    up, side = height // shape.window[0], width // shape.output[0]
    best = None
    for added, more in product(range(1, up + 1), repeat=2):
        if added * more != up:
            continue
        pending, passes = [], 0
        depth = shape.channels // shape.groups
        loads = -(-depth // min(added, depth))
        per_pass = min(more * side, shape.features // shape.groups)
        pending = list(range(shape.features))
        while pending:
            pending, passes = pending[per_pass:], passes + loads
        best = passes if best is None else min(best, passes)
    return best * shape.window[1] * shape.output[1]


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("array", [(3, 4), (6, 9), (12, 13), (13, 8)])
def test_row_stationary_equals_exhaustive_placement(groups, array):
    shape = Shape(8, 12, (3, 3), (4, 6), groups)
    assert row_stationary(shape, array).cycles == brute(shape, array)


def test_sets_that_are_too_large_are_folded():
    tall = Shape(1, 1, (5, 1), (2, 2))
    assert row_stationary(tall, (3, 2)).cycles == 2 * 2
    wide = Shape(1, 1, (1, 1), (6, 2))
    assert row_stationary(wide, (1, 3)).cycles == 2 * 2
    assert row_stationary(wide, (2, 3)).cycles == 2  # the second half below the first


@pytest.mark.parametrize("dataflow", ["row", "weight", "output"])
def test_larger_arrays_do_the_same_work_in_no_more_folds(dataflow):
    shape = Shape(64, 64, (3, 3), (28, 28))
    sizes = [systolic(shape, (n, n), dataflow) for n in (8, 16, 32)]
    assert all(0 < part.utilization <= 1 for part in sizes)
    assert [part.cycles for part in sizes] == sorted((p.cycles for p in sizes), reverse=True)


def test_depthwise_layer_leaves_the_array_empty_unless_channels_share_it():
    shape = Shape(512, 512, (3, 3), (14, 14), 512)
    alone = row_stationary(shape, (64, 64))
    together = row_stationary(shape, (64, 64), rule="many-groups")
    assert alone.utilization == pytest.approx(3 * 14 / 4096)
    assert alone.cycles == 512 * 3 * 14
    assert together.cycles == -(-512 // (21 * 4)) * 3 * 14


def test_shape_of_an_operation():
    op = conv(4, 6, 5, 3, groups=2)
    assert shape_of(op) == Shape(4, 6, (3, 3), (5, 5), 2)
    assert shape_of(op).num_macs == op.num_macs


def test_sums_over_layers():
    parts = [systolic(Shape(8, 8, (1, 1), (4, 4)), (4, 4), "weight")] * 2
    assert total_cycles(parts) == 2 * parts[0].cycles
    assert mean_utilization(parts) == pytest.approx(parts[0].utilization)
