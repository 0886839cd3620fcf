from __future__ import annotations

import pytest

from netwright import arch, cost
from netwright.arch import Figure
from netwright.cost.price import assumed_figures, check_figures
from netwright.errors import ConfigError


def figure(value, unit="B/s", fidelity="published"):
    return Figure(value=value, unit=unit, source="a test", fidelity=fidelity)


def machine(**changes):
    memory = {
        "bandwidth": figure(4.0),
        "read_energy": figure(2.0, "J"),
        "write_energy": figure(3.0, "J"),
    }
    nodes = (
        arch.Memory(kind="memory", name="dram", **{**memory, **changes}),
        arch.Link(kind="link", name="bus", parent="dram", energy=figure(0.5, "J")),
        arch.Array(kind="array", name="grid", parent="bus", fanout=(2,)),
        arch.Compute(kind="compute", name="mac", parent="grid", rate=figure(10.0, "op/s"),
                     energy=figure(1.0, "J")),
    )  # fmt: skip
    return arch.Architecture(name="a", nodes=nodes)


def counts(*, waits=False):
    actions = (
        cost.Action("dram", "read", 80, "input", waits=waits),
        cost.Action("dram", "write", 16, "output"),
        cost.Action("bus", "cross", 96, "input"),
        cost.Action.compute("mac", 20),
    )
    return cost.Counts("op", "loopnest", ({"mac": 10},), actions, ("ideal",))


def test_price_by_hand():
    estimate = cost.price(counts(), machine())
    assert estimate.joules == 10 * 2 + 2 * 3 + 12 * 0.5 + 20 * 1
    assert estimate.seconds == 12 / 4  # the memory takes 3 s, the units one
    assert estimate.bound == "dram"
    assert estimate.utilization == pytest.approx(20 / (3 * 10 * 2))
    assert estimate.bytes_moved == {"dram": 12}
    assert estimate.assumptions == ("ideal",)
    assert estimate.fidelity == "modelled"
    assert estimate.energy_delay == estimate.joules * 3
    assert str(estimate.quantity("seconds")) == "3 s"


def test_transfers_that_wait_come_on_top():
    estimate = cost.price(counts(waits=True), machine())
    assert estimate.seconds == 10 / 4 + 1.0


def test_one_assumed_figure_taints_the_estimate():
    tainted = machine(bandwidth=figure(4.0, fidelity="assumed"))
    assert cost.price(counts(), tainted).fidelity == "assumed"
    assert assumed_figures(tainted) == ("dram.bandwidth",)


def test_missing_figures_are_refused_together():
    with pytest.raises(ConfigError) as caught:
        cost.price(counts(), machine(bandwidth=None, read_energy=None))
    assert caught.value.message == (
        'architecture "a" cannot be priced\n'
        '  nodes[0].bandwidth: an estimate needs it ("dram")\n'
        '  nodes[0].read_energy: an estimate needs it ("dram")'
    )


def test_sequence_adds_up():
    one = cost.price(counts(), machine())
    both = cost.sequence("net", [one, one], assumptions=("in order",))
    assert both.seconds == 2 * one.seconds
    assert both.joules == 2 * one.joules
    assert both.utilization == pytest.approx(one.utilization)
    assert both.bytes_moved == {"dram": 24}
    assert both.assumptions == ("in order", "ideal")


def test_figures_without_a_finite_result_are_refused():
    """No file has such a figure; counts could be as large."""
    plain = machine()
    slow = plain.nodes[0].model_copy(update={"bandwidth": figure(1e-310)})
    with pytest.raises(ConfigError, match="give no finite time or energy"):
        cost.price(counts(), plain.model_copy(update={"nodes": (slow, *plain.nodes[1:])}))


def two_units():
    """The machine of above with a unit beside its grid that divides in 4 cycles."""
    divider = arch.Compute(
        kind="compute", name="divider", parent="bus", rate=figure(4.0, "op/s"),
        energy=figure(5.0, "J"),
        operators={"divide": arch.Operator(cycles=4, energy=figure(7.0, "J")),
                   "max": arch.Operator()},
    )  # fmt: skip
    plain = machine()
    return plain.model_copy(update={"nodes": (*plain.nodes, divider)})


def two_phases():
    actions = (
        cost.Action("dram", "read", 64, "x"),
        cost.Action.compute("mac", 20),
        cost.Action.compute("divider", 3, operator="divide", phase=1),
        cost.Action.compute("divider", 2, operator="max", phase=1),
        cost.Action("dram", "write", 32, "y", phase=1),
    )
    return cost.Counts("op", "pipeline", ({"mac": 10}, {"divider": 14, "mac": 0}), actions)


def test_phases_by_hand():
    """Two seconds of DRAM beside one of the grid, then 14 cycles at 4 a second beside one."""
    estimate = cost.price(two_phases(), two_units())
    assert estimate.seconds == 2.0 + 3.5
    assert estimate.joules == 8 * 2 + 20 * 1 + 3 * 7 + 2 * 5 + 4 * 3
    assert estimate.bound == "divider"
    assert estimate.num_operations == 25
    assert estimate.utilization_by == {
        "mac": pytest.approx(20 / (5.5 * 20)), "divider": pytest.approx(14 / (5.5 * 4)),
    }  # fmt: skip
    assert estimate.utilization == pytest.approx(34 / (5.5 * 24))
    assert estimate.seconds_by == {"mac": 1.0, "dram": 3.0, "divider": 3.5}


def test_operator_that_the_unit_does_not_do_is_refused():
    counts = cost.Counts("op", "x", (), (cost.Action.compute("divider", 1, operator="exp"),))
    with pytest.raises(ConfigError) as caught:
        cost.price(counts, two_units())
    assert str(caught.value).startswith('compute unit "divider" does not do exp')
    assert caught.value.hint == "it does divide, max"


def test_leakage_takes_energy_all_the_time():
    leaking = machine().with_changes("mac", {"leakage": figure(3.0, "W")})
    plain, more = (cost.price(counts(), m) for m in (machine(), leaking))
    assert more.joules == pytest.approx(plain.joules + 3.0 * 2 * plain.seconds)
    assert more.joules_by["mac"] == pytest.approx(plain.joules_by["mac"] + 18)


@pytest.mark.parametrize(("num_bytes", "seconds", "bound"), [(4, 3.0, "mac"), (40, 11.0, "dram")])
def test_what_goes_on_beside_the_phases_decides_where_it_takes_longer(num_bytes, seconds, bound):
    actions = (
        cost.Action("dram", "read", 8 * num_bytes, "x", phase=None),
        cost.Action("dram", "read", 8 * 4, "x", phase=1),
    )
    found = cost.price(cost.Counts("x", "test", ({"mac": 10}, {"mac": 20}), actions), machine())
    assert found.seconds == seconds
    assert found.bound == bound
    assert found.seconds_by == {"mac": 3.0, "dram": (num_bytes + 4) / 4}


def test_what_goes_on_beside_the_phases_may_wait():
    actions = (cost.Action("dram", "write", 8 * 4, "x", waits=True, phase=None),)
    found = cost.price(cost.Counts("x", "test", ({"mac": 10},), actions), machine())
    assert found.seconds == 2.0


def test_operators_that_there_are_not_are_refused():
    wrong = {"divde": arch.Operator(), "subtract_then_exp": arch.Operator()}
    changed = two_units().with_changes("divider", {"operators": wrong})
    with pytest.raises(ConfigError) as caught:
        cost.price(counts(), changed)
    assert caught.value.message == (
        'architecture "a" cannot be priced\n'
        '  "divider" does divde, which is no operator; did you mean "divide"?'
    )
    changed = two_units().with_changes("divider", {"operators": {"xyz": arch.Operator()}})
    with pytest.raises(ConfigError, match="xyz, which is no operator; operators are absolute, add"):
        cost.price(counts(), changed)


def test_library_names_operators_that_there_are():
    for name in arch.names():
        check_figures(arch.find(name))
