from __future__ import annotations

from itertools import chain, combinations

import pytest

from netwright.errors import Infeasible
from netwright.mapping import default_schedule, solve_gaps, traffic_of
from tests.mapping.graphs import random_workload


@pytest.mark.parametrize("seed", range(40))
def test_optimum_equals_that_of_trying_every_choice(seed):
    schedule = default_schedule(random_workload(seed, most=8))
    capacity = (schedule.largest_demand + schedule.peak) // 2
    choices = chain.from_iterable(
        combinations(schedule.gaps, n) for n in range(len(schedule.gaps) + 1)
    )

    def fits(kept):
        return all(
            need + sum(schedule.sizes[g.tensor] for g in kept if step in g.inside) <= capacity
            for step, need in enumerate(schedule.demand)
        )

    best = min(traffic_of(schedule, kept) for kept in choices if fits(kept))
    found = solve_gaps(schedule, capacity)
    assert found.num_bytes == found.bound == best
    assert fits(found.kept)


def test_nothing_leaves_at_the_peak_and_more_room_never_hurts():
    schedule = default_schedule(random_workload(5, most=20))
    low, high = schedule.largest_demand, schedule.peak
    values = [solve_gaps(schedule, capacity).num_bytes for capacity in range(low, high + 1)]
    assert values == sorted(values, reverse=True)
    assert values[-1] == 0


def test_too_small_scratchpad_is_refused():
    schedule = default_schedule(random_workload(5))
    with pytest.raises(Infeasible, match="the scratchpad has"):
        solve_gaps(schedule, schedule.largest_demand - 1)
