from __future__ import annotations

import pytest

from netwright.mapping import BUDGETS, compare, default_schedule
from netwright.workload import NETWORKS, fuse
from tests.mapping.graphs import machine, random_workload

pytest.importorskip("scipy", reason="solves the gap program")


@pytest.mark.parametrize("seed", range(4))
def test_ours_is_between_bound_and_baselines(seed):
    workload = random_workload(seed, most=9)
    for budget in BUDGETS:
        found = compare(workload, machine(1), budget, search_s=0.2)
        assert found.searched is not None
        assert found.bound == found.searched.bound <= found.solution.num_bytes
        assert found.solution.objective == found.solution.num_bytes
        assert all(0 <= share <= 1 for share in found.reductions)
        assert found.seconds >= found.solution.seconds
    assert found.solution.num_bytes == 0  # the last budget is the peak


@pytest.mark.parametrize("places_weights", [False, True])
def test_budgets_of_a_network(places_weights):
    workload = fuse(NETWORKS["vit_b16"]())
    schedule = default_schedule(workload, places_weights=places_weights)
    rows = [compare(workload, machine(1), b, places_weights=places_weights) for b in BUDGETS]
    sizes = [row.capacity_bytes for row in rows]
    assert sizes == [schedule.largest_demand, sum((sizes[0], sizes[2])) // 2, schedule.peak]
    once = 12 * 2 * 197 * 768  # in every layer a tensor of all tokens leaves and comes back
    first = once if places_weights else 2 * once  # room for weights is room for a tensor
    assert [row.solution.num_bytes for row in rows] == [first, once, 0]
    assert {kind for row in rows for kind, _ in row.baselines} == {"given"}
    assert rows[0].bound == rows[0].solution.bound
