from __future__ import annotations

import pytest

from netwright.mapping import Precedence, default_schedule
from netwright.mapping.cuts import least_live
from tests.mapping.graphs import chain_with_skips, random_workload
from tests.mapping.test_order_bounds import every_order

pytest.importorskip("scipy", reason="solves the cuts")


def live_bytes(schedule, order, step):
    """Bytes that live while an operator runs in one order, besides its operands."""
    names = [schedule.order[v] for v in range(len(schedule.order))]
    place = {name: order.index(name) for name in names}
    at = place[names[step]]
    total = 0
    for name, users in schedule.uses.items():
        steps = [place[names[user]] for user in users]
        if step not in users and min(steps) < at < max(steps):
            total += schedule.sizes[name]
    return total


@pytest.mark.parametrize("seed", range(30))
def test_cut_equals_the_least_of_all_orders(seed):
    workload = random_workload(seed, most=7)
    schedule = default_schedule(workload)
    precedence = Precedence(schedule)
    orders = every_order(workload)
    for step in range(len(schedule.order)):
        least = min(live_bytes(schedule, order, step) for order in orders)
        assert least_live(precedence, step) == least


def test_what_may_live_can_be_left_for_later_or_done_before():
    # e1 and e2 read t0; e3 joins their results. While e1 runs, t2 lives or e2 waits, so t0 lives.
    workload = chain_with_skips([9, 1, 2, 1], [[], [0], [0], [1, 2]])
    precedence = Precedence(default_schedule(workload))
    assert precedence.lives[1] == ()
    assert precedence.may_live[1] == ("t2",)
    assert least_live(precedence, 1) == 0
    assert least_live(precedence, 1, enough=100) == 0
