from __future__ import annotations

import pytest

from netwright.mapping import Point, cosma, default_schedule, traffic_curve
from netwright.mapping.curve import _knee
from netwright.workload import NETWORKS, fuse
from tests.mapping.graphs import machine, random_workload


@pytest.mark.parametrize("seed", range(10))
def test_more_never_costs_more(seed):
    workload = random_workload(seed, most=14)
    schedule = default_schedule(workload)
    curve = traffic_curve(workload, machine(1000))
    sizes = [point.capacity_bytes for point in curve.points]
    traffic = [point.num_bytes for point in curve.points]
    assert (sizes[0], sizes[-1], traffic[-1]) == (schedule.largest_demand, schedule.peak, 0)
    assert sizes == sorted(set(sizes))
    assert traffic == sorted(traffic, reverse=True)


def test_curve_agrees_with_mappings():
    workload = fuse(NETWORKS["vit_b16"]())
    curve = traffic_curve(workload, machine(1, line_bytes=64), num_points=5)
    for point in curve.points:
        found = cosma(workload, machine(point.capacity_bytes, line_bytes=64))
        assert found.num_bytes == point.num_bytes


def test_knee_is_farthest_below_the_line():
    points = tuple(Point(size, traffic) for size, traffic in ((0, 100), (1, 20), (5, 15), (10, 0)))
    assert _knee(points) == 1
    assert _knee((Point(5, 0),)) == 0
