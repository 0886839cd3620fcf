from __future__ import annotations

import random
from time import monotonic

import pytest

from netwright import arch, cost
from netwright.cost import mapper
from netwright.cost.mapper import FIRST, value_of
from netwright.errors import ConfigError, Infeasible
from netwright.mapping import nest_faults
from tests.cost.every_nest import best_of_all
from tests.cost.small import conv, figure, linear, machine, memory, one_memory, random_machine


@pytest.mark.parametrize("name", arch.names())
def test_every_machine_of_the_library_gets_the_proven_best_mapping(name):
    op = conv(4, 8, 5)
    target = arch.find(name)
    found = cost.search(op, target)
    assert found.is_optimal
    assert found.num_counted <= 12
    (unit,) = found.counts.steps[0]
    assert nest_faults(op, target.branch(unit), found.nest) == ()
    assert found.counts == cost.count(op, target.branch(unit), found.nest)
    assert found.value == value_of(found.estimate, "edp")


def test_goals_are_best_in_their_own():
    op = conv(4, 4, 4)
    target = one_memory(size=100, speed=0.5)
    found = {goal: cost.search(op, target, goal=goal).estimate for goal in cost.GOALS}
    assert found["energy"].joules == min(e.joules for e in found.values())
    assert found["latency"].seconds == min(e.seconds for e in found.values())
    assert found["edp"].energy_delay == min(e.energy_delay for e in found.values())


def test_result_is_the_same_each_time():
    op = conv(4, 4, 4)
    assert cost.search(op, one_memory()).nest == cost.search(op, one_memory()).nest


def test_proof_is_given_up_after_enough_ways_and_the_bound_holds():
    op, target = linear(7, 6, 5), machine(size=2000, fanout=(4, 4))
    whole, few = cost.search(op, target), cost.search(op, target, max_known=1)
    assert whole.is_optimal
    assert not few.is_optimal
    assert 0 < few.bound <= whole.value <= few.value


def test_more_room_never_costs_more():
    op = conv(4, 4, 6)
    values = [cost.search(op, one_memory(size=s), goal="energy").value for s in (60, 200, 2000)]
    assert values == sorted(values, reverse=True)


def test_search_that_ends_early_says_how_far_it_is():
    op = conv(6, 6, 7, stride=2)
    found = cost.search(op, machine(size=120, register=20), max_counted=1)
    assert found.num_counted <= FIRST + found.num_spreads[0]
    assert found.bound <= found.value
    best = cost.search(op, machine(size=120, register=20))
    assert found.bound <= best.value * (1 + 1e-9)


def test_too_small_memory_is_named():
    with pytest.raises(Infeasible) as caught:
        cost.search(linear(), machine(size=3))
    assert caught.value.message == (
        "the smallest tiles of linear0 need 4 B in pad "
        "(input 1 B, weight 1 B, output 2 B), which has 3 B"
    )
    assert caught.value.smallest == 4


def test_what_would_do_does_and_less_does_not():
    with pytest.raises(Infeasible) as caught:
        cost.search(linear(), machine(size=1))
    needed = caught.value.smallest
    assert cost.search(linear(), machine(size=needed)).is_optimal
    with pytest.raises(Infeasible):
        cost.search(linear(), machine(size=needed - 1))


def test_too_small_register_is_named():
    with pytest.raises(Infeasible, match=r"need 4 B in reg .* which has 1 B"):
        cost.search(linear(), machine(register=1))


def test_missing_figure_is_refused():
    broken = machine()
    nodes = (broken.nodes[0].model_copy(update={"bandwidth": None}), *broken.nodes[1:])
    with pytest.raises(ConfigError, match=r"nodes\[0\].bandwidth: an estimate needs it"):
        cost.search(linear(), broken.model_copy(update={"nodes": nodes}))


def test_depthwise_channels_run_at_the_same_time():
    """One channel alone has 3 rows of work for the array; the mapper spreads channels too."""
    op = conv(64, 64, 14, groups=64)
    found = cost.search(op, arch.find("eyeriss").with_fanout("elements", (64, 64)), goal="latency")
    groups = [r for r, meant in op.directions.items() if meant == "G"]
    assert any(loop.is_spatial and loop.rank in groups for loop in found.nest.loops)
    assert found.counts.num_operations / found.counts.num_steps > 3 * 14


def test_of_two_units_the_better_one_is_taken():
    """The unit beside the registers needs a tenth of the energy, and ten times the time."""
    small = machine(size=200, register=40)
    slow = arch.Compute(
        kind="compute", name="slow", parent="pad", rate=figure(1e8, "op/s"), energy=figure(1e-13),
        accumulator_bits=16, operators={"mac": arch.Operator(), "exp": arch.Operator(cycles=4)},
    )  # fmt: skip
    both = small.model_copy(update={"nodes": (slow, *small.nodes)})
    op = conv(2, 2, 3)
    alone = cost.search(op, small, goal="latency")
    assert cost.search(op, both, goal="latency").compute == "mac"
    assert cost.search(op, both, goal="latency").nest == alone.nest
    only = both.with_changes("mac", {"operators": {"max": arch.Operator()}})
    assert cost.search(op, only, goal="latency").compute == "slow"
    none = only.with_changes("slow", {"operators": {"exp": arch.Operator()}})
    with pytest.raises(ConfigError, match="has no unit that does mac"):
        cost.search(op, none)


def test_leakage_is_part_of_what_is_minimized():
    """The proof holds with leakage: bound and value agree, and time weighs more."""
    leaking = one_memory(size=100, speed=0.5).with_changes("mac", {"leakage": figure(1.0, "W")})
    found = cost.search(conv(4, 4, 4), leaking, goal="energy")
    fastest = cost.search(conv(4, 4, 4), leaking, goal="latency")
    assert found.is_optimal
    assert found.estimate.joules == pytest.approx(fastest.estimate.joules, rel=0.01)


def searched(op, target, goal):
    """The least value and whether it is proven; infinite where nothing fits."""
    try:
        found = cost.search(op, target, goal=goal)
    except Infeasible:
        return float("inf")
    assert found.is_optimal
    return found.value


def check_all_nests(seed, shapes):
    rng = random.Random(seed)
    op = linear(*rng.choice(shapes))
    target = random_machine(rng, (rng.choice(arch.ROLES),))
    best = best_of_all(op, target, cost.GOALS)
    assert best == {goal: pytest.approx(searched(op, target, goal), rel=1e-9) for goal in best}


@pytest.mark.parametrize("seed", range(8))
def test_proven_best_is_the_best_of_all_legal_nests(seed):
    """Any order of loops, any tiles, arrays used in any way; not only nests of the mapspace."""
    check_all_nests(seed, [(1, 3, 2), (2, 1, 3), (3, 2, 1), (1, 5, 1), (1, 1, 4)])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_proven_best_is_the_best_of_more_legal_nests(seed):
    check_all_nests(seed, [(2, 3, 2), (3, 2, 2), (1, 5, 2), (5, 1, 2), (1, 3, 3), (2, 1, 5)])


def value_or_lack(op, target, goal):
    try:
        return cost.search(op, target, goal=goal).value
    except Infeasible as error:
        return str(error)


@pytest.mark.parametrize("seed", range(4))
def test_no_way_to_use_arrays_is_left_out_that_would_be_better(seed, monkeypatch):
    """What bounds leave out, on arrays of two axes; without bounds nothing is left out."""
    rng = random.Random(seed)
    shapes = ((4, 6, 4), (5, 3, 6), (2, 7, 4))
    asked = [
        (
            linear(*shape),
            machine(size=rng.choice([20, 64]), register=rng.choice([6, 12]),
                    fanout=(rng.choice([2, 3]), rng.choice([2, 4])), speed=rng.choice([0.5, 2, 8])),
            goal,
        )
        for shape in shapes
        for goal in cost.GOALS
    ]  # fmt: skip
    bounded = [value_or_lack(*one) for one in asked]
    monkeypatch.setattr(mapper, "SLACK", -1e9)
    for one, value in zip(asked, bounded, strict=True):
        whole = value_or_lack(*one)
        assert value == (whole if isinstance(whole, str) else pytest.approx(whole, rel=1e-9))


@pytest.mark.parametrize("seed", range(10))
def test_more_of_anything_is_never_worse(seed):
    """Larger buffers and arrays, more bandwidth: the old best is still in the mapspace."""
    rng = random.Random(seed)
    small = random_machine(rng, (rng.choice(arch.ROLES),))
    op = linear(rng.randint(1, 9), rng.randint(1, 9), rng.randint(2, 9))
    name, setting, more = rng.choice([
        ("grid", "fanout", (rng.randint(5, 9),)),
        ("pad", "capacity", figure(rng.randint(41, 99), "B")),
        ("reg", "capacity", figure(rng.randint(9, 30), "B")),
        ("dram", "bandwidth", figure(8e9, "B/s")),
        ("pad", "bandwidth", figure(64e9, "B/s")),
        ("reg", "bandwidth", figure(16e9, "B/s")),
    ])  # fmt: skip
    large = small.with_changes(name, {setting: more})
    for goal in cost.GOALS:
        assert searched(op, large, goal) <= searched(op, small, goal) * (1 + 1e-9)


def two_levels():
    """Arrays inside arrays: four cores of sixteen lanes, which want the same rank."""
    return arch.Architecture(name="two", nodes=(
        memory("dram", speed=64.0, energy=100.0),
        arch.Array(kind="array", name="cores", parent="dram", fanout=(4,), ranks=(("M",),)),
        memory("sram", "cores", size=1 << 20, speed=128.0, energy=5.0),
        arch.Array(kind="array", name="lanes", parent="sram", fanout=(16,), ranks=(("M",),)),
        arch.Compute(kind="compute", name="mac", parent="lanes", rate=figure(1e9, "op/s"),
                     energy=figure(1e-12), accumulator_bits=32),
    ))  # fmt: skip


def test_rank_that_two_array_levels_want_fills_both():
    op = conv(16, 64, 14)
    found = cost.search(op, two_levels(), goal="latency")
    assert found.is_optimal
    assert found.counts.num_steps == op.num_macs // 64


def test_time_limit_holds_and_gives_the_best_so_far():
    """The machine takes every rank everywhere; nothing is proven in no time."""
    free = arch.find("eyeriss").with_changes("elements", {"ranks": ()})
    op = conv(64, 64, 28)
    started = monotonic()
    found = cost.search(op, free, time_limit_s=0.0)
    assert monotonic() - started < 5
    assert nest_faults(op, free, found.nest) == ()
    assert not found.is_optimal
    assert 0 < found.bound < found.value
    longer = cost.search(op, free, time_limit_s=3.0)
    assert longer.value <= found.value
    assert longer.bound >= found.bound * (1 - 1e-9)


def test_array_that_takes_every_rank_is_searched_in_seconds():
    free = arch.find("eyeriss").with_changes("elements", {"ranks": ()})
    started = monotonic()
    found = cost.search(conv(32, 32, 14), free, goal="latency")
    assert monotonic() - started < 30
    assert found.estimate.utilization > 0.8


def test_a_memory_that_is_too_small_is_told_in_whole_lines():
    """Lines of 64 bytes: of 40 none fit, and what would do is a number of whole lines."""
    small = machine(size=40).with_changes("pad", {"line_bytes": 64})
    with pytest.raises(Infeasible, match="which has 0 B in whole lines of 64 B") as caught:
        cost.search(linear(4, 4, 4), small)
    assert caught.value.hint == "64 B would do"
    cost.search(linear(4, 4, 4), machine(size=64).with_changes("pad", {"line_bytes": 64}))
