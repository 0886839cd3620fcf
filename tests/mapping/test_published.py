from __future__ import annotations

import pytest

from netwright.errors import ConfigError
from netwright.mapping import default_schedule, solve_gaps
from netwright.mapping.published import solve_published
from netwright.mapping.rectangles import solve_joint
from netwright.workload import NETWORKS
from tests.mapping.graphs import random_workload


@pytest.mark.parametrize("seed", range(60))
def test_gap_program_has_the_optimum_of_the_published_program(seed):
    schedule = default_schedule(random_workload(seed))
    for capacity in {schedule.largest_demand, (schedule.largest_demand + schedule.peak) // 2}:
        assert solve_gaps(schedule, capacity).num_bytes == solve_published(schedule, capacity)


@pytest.mark.parametrize("seed", range(6))
def test_joint_program_has_the_optimum_of_the_published_program_with_addresses(seed):
    pytest.importorskip("ortools", reason="CP-SAT places the tensors")
    schedule = default_schedule(random_workload(seed, most=6))
    capacity = schedule.largest_demand
    bound = solve_gaps(schedule, capacity).bound
    joint = solve_joint(schedule, capacity, bound=bound, time_limit_s=10)
    assert joint.bound == solve_published(schedule, capacity, places=True)


def test_large_workload_is_refused():
    with pytest.raises(ConfigError, match="takes at most 60 steps, not 68"):
        solve_published(default_schedule(NETWORKS["resnet18"]()), 1 << 20)
