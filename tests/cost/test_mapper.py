from __future__ import annotations

import pytest

from netwright import arch, cost
from netwright.cost.mapper import value_of
from netwright.errors import ConfigError, Infeasible
from netwright.mapping import nest_faults
from tests.cost.small import conv, figure, linear, machine, one_memory


@pytest.mark.parametrize("name", arch.names())
def test_every_machine_of_the_library_gets_the_proven_best_mapping(name):
    op = conv(8, 16, 6)
    target = arch.find(name)
    found = cost.search(op, target)
    assert found.is_optimal
    assert found.num_counted <= 5
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


def test_more_room_never_costs_more():
    op = conv(4, 4, 6)
    values = [cost.search(op, one_memory(size=s), goal="energy").value for s in (60, 200, 2000)]
    assert values == sorted(values, reverse=True)


def test_search_that_ends_early_says_how_far_it_is():
    op = conv(6, 6, 7, stride=2)
    found = cost.search(op, machine(size=120, register=20), max_counted=1)
    assert found.num_counted <= found.num_spreads[0]
    assert found.bound <= found.value
    best = cost.search(op, machine(size=120, register=20))
    assert found.bound <= best.value * (1 + 1e-9)


def test_too_small_memory_is_named():
    with pytest.raises(Infeasible) as caught:
        cost.search(linear(), machine(size=3))
    assert caught.value.message == (
        "the smallest tiles of linear0 need 10 B in pad "
        "(input 4 B, weight 2 B, output 4 B), which has 3 B"
    )
    assert caught.value.smallest == 10


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
