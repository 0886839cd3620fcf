from __future__ import annotations

import pytest

from netwright.errors import Infeasible
from netwright.mapping import POLICIES, baseline, default_schedule, solve_gaps
from netwright.workload import NETWORKS
from tests.mapping.graphs import chain_with_skips, machine, random_workload

KIB = 1024


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("seed", range(30))
def test_baseline_is_legal_and_never_beats_the_bound(seed, policy):
    """The replay inside refuses an illegal mapping."""
    workload = random_workload(seed, most=20)
    schedule = default_schedule(workload)
    for capacity in (schedule.largest_demand, schedule.peak):
        found = baseline(workload, machine(capacity), policy=policy)
        assert found.traffic.non_compulsory_bytes >= solve_gaps(schedule, capacity).bound
    found = baseline(workload, machine(10 * schedule.peak), policy=policy)
    assert (found.traffic.non_compulsory_bytes, found.num_fresh_starts) == (0, 0)


@pytest.mark.parametrize(
    ("name", "expected"), [("resnet50", 4704), ("resnext50", 1568), ("densenet121", 392)]
)
def test_belady_with_best_fit_at_the_peak(name, expected):
    """Figures in KiB of an independent implementation of the same baseline."""
    workload = NETWORKS[name]()
    budget = default_schedule(workload, line_bytes=KIB).peak
    found = baseline(workload, machine(budget, line_bytes=KIB), policy="belady")
    assert found.traffic.non_compulsory_bytes == expected * KIB


def test_policies_choose_by_their_rule():
    # Before e3, t0 (4 bytes, needed last), t1 (2 bytes) and t2 fill all; e3 makes 2 bytes.
    workload = chain_with_skips([4, 2, 3, 2, 1, 1], [[], [0], [1], [2], [1, 3], [0, 4]])
    spilled = {}
    for policy in POLICIES:
        found = baseline(workload, machine(9), policy=policy)
        spilled[policy] = [t.tensor for t in found.traffic.transfers if t.kind == "spill"]
    assert spilled == {"belady": ["t0"], "fewest-bytes": ["t1"]}


def test_too_small_scratchpad_is_refused():
    with pytest.raises(Infeasible):
        baseline(random_workload(1), machine(3), policy="belady")
