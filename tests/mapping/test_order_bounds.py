from __future__ import annotations

import pytest

from netwright.mapping import (
    Precedence,
    Schedule,
    bound_of_all_orders,
    default_schedule,
    solve_gaps,
)
from netwright.mapping.order_bounds import peak_bound
from netwright.workload import NETWORKS, fuse
from tests.mapping.graphs import chain_with_skips, random_workload


def every_order(workload):
    """All orders of a small workload."""
    einsums = {einsum.name: einsum for einsum in workload.einsums}
    external = {tensor.name for tensor in workload.tensors if tensor.is_external}

    def grow(order, made):
        if len(order) == len(einsums):
            yield tuple(order)
        for name, einsum in einsums.items():
            if name not in order and made >= set(einsum.reads):
                yield from grow([*order, name], made | {einsum.output.tensor})

    return list(grow([], external))


@pytest.mark.parametrize("seed", range(25))
def test_bounds_hold_in_every_order(seed):
    workload = random_workload(seed, most=7)
    first = default_schedule(workload)
    precedence = Precedence(first)
    schedules = [Schedule(workload, order) for order in every_order(workload)]
    assert peak_bound(precedence) <= min(schedule.peak for schedule in schedules)
    assert precedence.has_one_order == (len(schedules) == 1)
    for capacity in {first.largest_demand, (first.largest_demand + first.peak) // 2}:
        best = min(solve_gaps(schedule, capacity).num_bytes for schedule in schedules)
        assert bound_of_all_orders(precedence, capacity) <= best


def test_bound_is_reached_where_everything_is_forced():
    # t0 must live while e2 runs, whatever the order.
    workload = chain_with_skips([4, 3, 3, 1], [[], [0], [1], [0, 2]])
    schedule = default_schedule(workload)
    precedence = Precedence(schedule)
    assert precedence.lives == ((), (), ("t0",), ())
    assert peak_bound(precedence) == schedule.peak == 10
    assert bound_of_all_orders(precedence, 8) == solve_gaps(schedule, 8).num_bytes == 8


@pytest.mark.parametrize("name", ["resnet50", "densenet121", "r2plus1d_18", "vit_b16"])
def test_default_order_has_the_least_peak(name):
    """Proven before by a constraint program, independently of this code."""
    schedule = default_schedule(fuse(NETWORKS[name]()))
    assert peak_bound(Precedence(schedule)) == schedule.peak
