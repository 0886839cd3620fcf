from __future__ import annotations

import pytest

from netwright import arch
from netwright.cost.fused_group import GroupSearch
from netwright.cost.fused_run import RunMapper
from netwright.mapping import Loop
from netwright.mapping.ranks import aligned
from netwright.mapping.runs import Runs
from netwright.workload import cascade

PRODUCT = "rank a = 6, b = 10, c = 4\ninput A[a, b], B[b, c]\nT[a, c] = add(b: A[a, b] * B[b, c])\n"


def arrays(machine: arch.Architecture):
    workload = aligned(cascade.parse(PRODUCT))
    mapper = RunMapper(workload, machine, Runs(workload, machine, 4), "latency", {})
    return GroupSearch(mapper, 0, 1, [machine.units], None).arrays


def square(side: int, **changes: object) -> arch.Architecture:
    machine = arch.find("fusemax").with_fanout("square", (side, side))
    return machine.with_changes("square", changes) if changes else machine


def test_pieces_are_as_small_as_there_are_copies():
    """Ten points along four copies are pieces of three; two ranks are never on one axis."""
    for spread in arrays(square(4)).spreads(()):
        for loop in spread:
            copies = 4 if loop.array == "square" else 256
            assert loop.tile == -(-{"a": 6, "b": 10, "c": 4}[loop.rank] // copies)
        places = [(loop.array, loop.axis) for loop in spread]
        assert len(places) == len(set(places))


def test_points_of_the_busiest_copy():
    """Tiles of 4 and 2 along a, pieces of 3: three and two steps."""
    own = arrays(square(4))
    (points,) = own._points((Loop("a", 4),), (Loop("a", 3, "square", 0),))
    assert points == (3 + 2) * 10 * 4


def test_what_the_file_of_a_machine_forbids_is_no_way():
    constrained = square(4, ranks=(("C",), ("M",)))
    used = {
        (loop.rank, loop.axis)
        for spread in arrays(constrained).spreads(())
        for loop in spread
        if loop.array == "square"
    }
    assert used == {("b", 0), ("c", 1)}
    free = {len([x for x in s if x.array == "square"]) for s in arrays(square(4)).spreads(())}
    assert max(free) == 2


def test_no_way_to_use_the_arrays_takes_less_than_the_least():
    own = arrays(square(4))
    for loops in ((), (Loop("a", 1),), (Loop("a", 2), Loop("b", 5))):
        (least,) = own.least_steps(loops)
        every = [own.steps(loops, spread)[0] for spread in own.every_spread(loops)]
        for unit, seconds in least.items():
            assert 0 < seconds <= min(found[unit] for found in every) * (1 + 1e-9)
    (points,) = own.least_steps((Loop("a", 1), Loop("b", 1), Loop("c", 1)))
    (whole,) = own.least_steps(())
    assert points["square_elements"] == pytest.approx(whole["square_elements"] * 16)
