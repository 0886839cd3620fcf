from __future__ import annotations

from itertools import product

import pytest

from netwright.cost.shaping import convolutions, is_depthwise, regroup, shape_layers
from netwright.cost.systolic import Shape, mean_utilization, row_stationary, total_cycles
from netwright.errors import Infeasible
from netwright.workload import mobilenet_v1

ARRAY = (64, 64)


@pytest.mark.parametrize(
    ("group_size", "cycles", "utilization", "macs"),
    [
        (1, 378_000, 0.4638, 567_716_352),
        (2, 265_104, 0.4946, 585_102_336),
        (4, 214_200, 0.5805, 619_874_304),
        (8, 220_752, 0.6675, 689_418_240),
        (16, 248_031, 0.7882, 828_506_112),
        (32, 324_723, 0.8401, 1_106_681_856),
    ],
)
def test_mobilenet_takes_the_cycles_of_the_authors_simulator(group_size, cycles, utilization, macs):
    shapes = convolutions(mobilenet_v1(group_size=group_size))
    parts = [row_stationary(shape, ARRAY) for shape in shapes]
    assert len(parts) == 27
    assert total_cycles(parts) == cycles
    assert mean_utilization(parts) == pytest.approx(utilization, abs=5e-5)
    assert sum(part.num_macs for part in parts) == macs


def test_several_channels_at_once_beat_every_group_size():
    shapes = convolutions(mobilenet_v1())
    parts = [row_stationary(shape, ARRAY, rule="many-groups") for shape in shapes]
    assert total_cycles(parts) == 158_151


def small_network():
    return (
        Shape(3, 8, (3, 3), (8, 8)),
        Shape(8, 8, (3, 3), (8, 8), 8),
        Shape(8, 16, (1, 1), (8, 8)),
        Shape(16, 16, (3, 3), (4, 4), 16),
    )


@pytest.mark.parametrize("share", [1.0, 1.1, 1.5, 9.9])
def test_group_sizes_are_best_within_the_budget(share):
    shapes = small_network()
    budget = int(share * sum(shape.num_macs for shape in shapes))
    found = shape_layers(shapes, (12, 16), max_macs=budget)
    networks = [
        (shapes[0], regroup(shapes[1], one), shapes[2], regroup(shapes[3], other))
        for one, other in product((1, 2, 4, 8), (1, 2, 4, 8, 16))
    ]
    best = min(
        sum(row_stationary(shape, (12, 16)).cycles for shape in network)
        for network in networks
        if sum(shape.num_macs for shape in network) <= budget
    )
    assert found.cycles == best
    assert found.num_macs <= budget


def test_only_depthwise_layers_are_shaped():
    found = shape_layers(small_network(), (12, 16))
    assert len(found.group_sizes) == 2
    assert found.shapes[0] == small_network()[0]
    assert [is_depthwise(shape) for shape in small_network()] == [False, True, False, True]


def test_budget_below_the_network_is_refused():
    with pytest.raises(Infeasible, match="multiply-accumulates as it is, the budget is 10") as e:
        shape_layers(small_network(), (12, 16), max_macs=10)
    assert e.value.smallest == sum(shape.num_macs for shape in small_network())
