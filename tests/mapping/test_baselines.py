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
    assert (found.traffic.non_compulsory_bytes, found.num_compactions) == (0, 0)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("resnet50", (4704, 4704, 4704)),
        ("resnext50", (1568, 1568, 1568)),
        ("densenet121", (2156, 1470, 392)),
    ],
)
def test_belady_with_best_fit(name, expected):
    """Figures in KiB at the smallest, half-way and peak budget.

    An independent implementation of the same baseline has the same figures except for the first of
    DenseNet-121, where it moves one feature map of 98 KiB more: all maps of a dense block are
    needed next by the same step, and nothing says which of them goes first.
    """
    schedule = default_schedule(NETWORKS[name](), line_bytes=KIB)
    low, high = schedule.largest_demand, schedule.peak
    for budget, kib in zip((low, (low + high) // 2, high), expected, strict=True):
        found = baseline(schedule.workload, machine(budget, line_bytes=KIB), policy="belady")
        assert found.traffic.non_compulsory_bytes == kib * KIB


def test_operand_in_the_way_is_moved_on_the_chip():
    # e2 leaves t2 at bytes 2 and 3 of 8; e3 needs t2 and 6 more bytes.
    workload = chain_with_skips([1, 2, 2, 6], [[], [0], [1], [2]])
    found = baseline(workload, machine(8), policy="belady")
    moved = [t for t in found.traffic.transfers if t.kind == "move"]
    assert found.num_compactions == 1
    assert [(t.step, t.tensor, t.num_bytes) for t in moved] == [(3, "t2", 2)]
    assert found.traffic.non_compulsory_bytes == 0


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
