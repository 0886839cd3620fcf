from __future__ import annotations

import pytest

from netwright.errors import Infeasible
from netwright.mapping import (
    Schedule,
    cosma,
    default_schedule,
    kib,
    minimum_peak,
    search_order,
    solve_gaps,
)
from netwright.workload import NETWORKS, fuse
from tests.mapping.graphs import chain_with_skips, machine, random_workload
from tests.mapping.test_order_bounds import every_order

pytest.importorskip("scipy", reason="solves the gap program")


@pytest.mark.parametrize("seed", range(12))
def test_small_workloads_reach_the_best_of_all_orders(seed):
    workload = random_workload(seed, most=7)
    capacity = default_schedule(workload).largest_demand
    best = min(
        solve_gaps(Schedule(workload, order), capacity).num_bytes for order in every_order(workload)
    )
    found = search_order(workload, machine(capacity), time_limit_s=0.3)
    assert found.bound <= found.num_bytes == best <= found.first
    peaks = [Schedule(workload, order).peak for order in every_order(workload)]
    lowest = minimum_peak(workload, time_limit_s=0.5)
    assert lowest.bound <= lowest.num_bytes == min(peaks)
    assert Schedule(workload, lowest.order).peak == lowest.num_bytes


def test_search_beats_the_given_order_of_a_network_found_by_search():
    workload = fuse(NETWORKS["amoebanet_d"]())
    machine_ = machine(2352 * 1024)
    said = []
    found = search_order(
        workload, machine_, time_limit_s=4, progress=lambda *step: said.append(step)
    )
    assert found.num_bytes < 0.5 * found.first
    assert found.bound <= found.num_bytes
    assert 0 <= found.gap <= 1
    assert all(0 <= done <= total == 4 for done, total, _ in said)
    values = [text.partition(" off-chip, bound ")[0] for _, _, text in said]
    assert values[0] == kib(found.first)
    assert values[-1] == kib(found.num_bytes)
    assert len(set(values)) > 1
    assert cosma(workload, machine_, order=found.order, time_limit_s=5).num_bytes >= found.bound


def test_better_start_is_taken():
    workload = fuse(NETWORKS["amoebanet_d"]())
    first = search_order(workload, machine(2352 * 1024), time_limit_s=1)
    again = search_order(workload, machine(2352 * 1024), start=first.order, time_limit_s=0.1)
    assert again.num_bytes <= first.num_bytes < again.first == first.first


def test_only_order_is_proven_best():
    workload = chain_with_skips([4, 3, 3, 1], [[], [0], [1], [0, 2]])
    found = search_order(workload, machine(8), time_limit_s=60)
    assert found.is_optimal
    assert found.num_bytes == found.bound == found.first == 8
    assert found.gap == 0


def test_interrupt_returns_the_best_so_far():
    workload = fuse(NETWORKS["amoebanet_d"]())
    calls = []

    def tell(done, total, text):
        calls.append(text)
        if len(calls) == 2:
            raise KeyboardInterrupt

    found = search_order(workload, machine(2352 * 1024), time_limit_s=60, progress=tell)
    assert found.is_interrupted
    assert found.num_bytes < found.first
    assert calls[0].startswith(f"{kib(found.first)} off-chip")
    assert sorted(found.order) == sorted(einsum.name for einsum in workload.einsums)


def test_interrupt_of_the_proof_leaves_the_given_order(monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("netwright.mapping.order.bound_of_all_orders", interrupted)
    workload = fuse(NETWORKS["amoebanet_d"]())
    found = search_order(workload, machine(2352 * 1024), time_limit_s=60)
    assert found.is_interrupted
    assert found.order == tuple(einsum.name for einsum in workload.einsums)
    assert (found.num_bytes, found.bound) == (found.first, 0)


def test_too_small_scratchpad_is_refused():
    with pytest.raises(Infeasible):
        search_order(random_workload(1), machine(3))
