from __future__ import annotations

import pytest

from netwright.cost.fused_group import GroupSearch
from netwright.cost.fused_run import RunMapper
from netwright.mapping import Keep, Loop
from netwright.mapping.ranks import aligned
from netwright.mapping.runs import Runs
from netwright.workload import cascade
from tests.cost.fused_by_hand import machine

CHAIN = """
    rank a = 12, b = 4, c = 4
    input A[a, b], B[b, c], C[a, c]
    T[a, c] = add(b: A[a, b] * B[b, c])
    S[a, c] = T[a, c] + C[a, c]
"""


def search(*, is_whole: bool, seed: int = 2) -> GroupSearch:
    workload, chip = aligned(cascade.parse(CHAIN)), machine(seed)
    runs = Runs(workload, chip, 2)
    mapper = RunMapper(workload, chip, runs, "latency", {})
    return GroupSearch(mapper, 0, 2, [(chip.units[0],)] * 2, None, is_whole=is_whole)


@pytest.mark.parametrize(("is_whole", "sizes"), [(True, {2, 3, 4}), (False, {3, 4})])
def test_parts_of_a_tile_that_fit_an_axis(is_whole, sizes):
    own = search(is_whole=is_whole)
    assert set(own._fitting(12, (3, 4))) == sizes
    assert list(own._fitting(2, (3, 4))) == []


def test_everything_that_promises_most_is_in_the_whole_mapspace():
    few, every = search(is_whole=False), search(is_whole=True)
    assert set(few._loops()) <= set(every._loops())
    loops = (Loop("a", 3),)
    known = {(state.units, state.spread) for state in every._assigned(loops)}
    assert {(state.units, state.spread) for state in few._assigned(loops)} <= known


def test_what_stays_inside_may_rest_in_registers():
    own = next(
        own for own in (search(is_whole=True, seed=seed) for seed in range(9))
        if any(memory.name == "registers" for memory in own.architecture.memories)
    )  # fmt: skip
    loops = (Loop("a", 3),)
    state = next(iter(own._assigned(loops)))
    keeps = {way.keep for ways in own._treatments(loops, state) for way in ways if way.keep}
    assert {keep.tensor for keep in keeps if keep.memory == "registers"} == {"T"}
    assert Keep("buffer", "A", 1) in keeps


def test_the_bound_is_the_value_where_all_was_looked_at():
    whole, few = search(is_whole=True), search(is_whole=False)
    found = whole.solved()
    assert found is not None
    assert found.bound == found.seconds
    other = few.solved()
    assert other is not None
    assert found.seconds <= other.seconds
