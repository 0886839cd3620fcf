from __future__ import annotations

import random

import pytest

from netwright.mapping import Precedence, Schedule, default_schedule, solve_gaps
from netwright.mapping.anneal import Simulation, anneal, places
from tests.mapping.graphs import random_workload


@pytest.mark.parametrize("seed", range(15))
def test_search_keeps_orders_legal_and_costs_true(seed):
    """What it reports equals a simulation from scratch, which no exact solution exceeds."""
    workload = random_workload(seed, most=16)
    schedule = default_schedule(workload)
    precedence = Precedence(schedule)
    simulation = Simulation(precedence, schedule.largest_demand)
    seen = []
    calls = iter(range(10))
    anneal(
        simulation,
        list(range(len(schedule.order))),
        draw=random.Random(seed),
        is_over=lambda: next(calls) / 9,
        found=lambda order, cost: seen.append((order, cost)),
    )
    for order, cost in seen:
        place = places(order)
        assert all(place[s] < place[v] for v in order for s in precedence.before[v])
        assert simulation.whole(order)[-1].cost == cost
        names = tuple(schedule.order[step] for step in order)
        exact = solve_gaps(Schedule(workload, names), schedule.largest_demand).num_bytes
        assert exact <= cost
    costs = [cost for _, cost in seen]
    assert costs == sorted(costs, reverse=True)


def test_nothing_moves_where_all_fits():
    schedule = default_schedule(random_workload(3, most=16))
    simulation = Simulation(Precedence(schedule), 10 * schedule.peak)
    assert simulation.whole(list(range(len(schedule.order))))[-1].cost == 0
