from __future__ import annotations

import pytest

from netwright.errors import MappingError
from netwright.mapping import Transfer, default_schedule, replay, solve_gaps
from netwright.mapping.mapping import Mapping
from netwright.mapping.placement import residencies, stays
from tests.mapping.graphs import chain_with_skips, machine, random_workload
from tests.mapping.test_legality import LEGAL, MACHINE, WORKLOAD, stay


def test_kept_tensor_moves_compulsory_bytes_only():
    traffic = replay(WORKLOAD, MACHINE, LEGAL)
    assert traffic.transfers == (Transfer(0, "x", 3, "fetch"), Transfer(3, "t3", 1, "store"))
    assert (traffic.compulsory_bytes, traffic.non_compulsory_bytes) == (4, 0)


def test_broken_stay_is_spilled_and_retrieved():
    kept = [own for own in LEGAL.residencies if own.tensor != "t0"]
    broken = (*kept, stay("t0", 0, 1, 0), stay("t0", 3, 3, 0))
    mapping = Mapping("unfused", LEGAL.order, broken)
    assert replay(WORKLOAD, MACHINE, mapping).transfers[1:3] == (
        Transfer(1, "t0", 4, "spill"),
        Transfer(3, "t0", 4, "retrieve"),
    )


def test_stay_that_goes_on_elsewhere_is_a_move():
    kept = [own for own in LEGAL.residencies if own.tensor != "t0"]
    stays_of_t0 = (stay("t0", 0, 1, 0), stay("t0", 2, 3, 50))
    mapping = Mapping("unfused", LEGAL.order, (*kept, *stays_of_t0))
    traffic = replay(WORKLOAD, machine(1000), mapping)
    assert Transfer(2, "t0", 4, "move") in traffic.transfers
    assert traffic.non_compulsory_bytes == 0


def test_second_return_needs_no_second_write():
    workload = chain_with_skips([4, 1, 1, 1, 1], [[], [0], [1], [0, 2], [3]])
    longer = chain_with_skips([4, 1, 1, 1, 1, 1], [[], [0], [1], [0, 2], [3], [0, 4]])
    for case, expected in ((workload, 8), (longer, 12)):
        schedule = default_schedule(case)
        mapping = Mapping(
            "unfused",
            schedule.order,
            residencies(
                stays(schedule, ()),
                tuple(10 * i for i in range(len(stays(schedule, ())))),
                memory="scratchpad",
            ),
        )
        traffic = replay(case, machine(1000), mapping)
        assert traffic.num_bytes("spill", "retrieve") == expected


@pytest.mark.parametrize("seed", range(40))
def test_replay_counts_what_the_gap_program_says(seed):
    """Two routes to one figure: the objective, and the walk over every access."""
    workload = random_workload(seed, most=20)
    schedule = default_schedule(workload)
    capacity = (2 * schedule.largest_demand + schedule.peak) // 3
    found = solve_gaps(schedule, capacity)
    wanted = stays(schedule, found.kept)
    apart = tuple(sum(s.num_bytes for s in wanted[:i]) for i in range(len(wanted)))
    mapping = Mapping("unfused", schedule.order, residencies(wanted, apart, memory="scratchpad"))
    traffic = replay(workload, machine(10**6), mapping)
    assert traffic.non_compulsory_bytes == found.num_bytes == found.bound


def test_illegal_mapping_is_not_replayed():
    with pytest.raises(MappingError, match="the mapping has 9 faults"):
        replay(WORKLOAD, MACHINE, Mapping("unfused", LEGAL.order, ()))
