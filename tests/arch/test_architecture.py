from __future__ import annotations

import pytest

from netwright import arch
from netwright.errors import ConfigError
from tests.cost.small import figure, memory


def test_scratchpad_is_the_first_limited_memory():
    machine = arch.find("scratchpad")
    assert machine.scratchpad is machine.memory("scratchpad")
    assert machine.memory("l3") is None
    assert [memory.name for memory in machine.memories] == [
        "dram", "scratchpad", "registers",
    ]  # fmt: skip


def test_another_capacity_leaves_the_rest():
    machine = arch.find("scratchpad")
    small = machine.with_scratchpad(1000)
    assert small.scratchpad.capacity_bytes == 960  # whole lines of 64 bytes
    assert small.memory("dram") == machine.memory("dram")
    assert machine.with_scratchpad(1000, line_bytes=1).scratchpad.capacity_bytes == 1000


def test_path_leads_from_the_root_to_the_compute_unit():
    machine = arch.find("eyeriss")
    assert [node.name for node in machine.path] == [
        "dram", "buffer", "network", "elements", "filters", "images", "sums", "mac",
    ]  # fmt: skip
    assert machine.copies("buffer") == 1
    assert machine.copies("mac") == 12 * 14


def test_library_is_enough_for_an_estimate():
    for name in arch.names():
        assert arch.find(name).missing_figures() == ()


def test_missing_figures_are_named_with_their_place():
    nodes = (
        arch.Memory(kind="memory", name="dram"),
        arch.Compute(kind="compute", name="mac", parent="dram"),
    )
    assert arch.Architecture(name="a", nodes=nodes).missing_figures() == (
        'nodes[0].bandwidth: an estimate needs it ("dram")',
        'nodes[0].read_energy: an estimate needs it ("dram")',
        'nodes[0].write_energy: an estimate needs it ("dram")',
        'nodes[1].rate: an estimate needs it ("mac")',
        'nodes[1].energy: an estimate needs it ("mac")',
    )
    assert arch.Architecture(name="a", nodes=nodes[:1]).missing_figures() == (
        "nodes: an estimate needs a node of kind compute",
    )


def test_fanout_can_be_changed():
    machine = arch.find("eyeriss").with_fanout("elements", (64, 64))
    assert machine.copies("mac") == 4096


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.with_fanout("grid", (2, 2)), 'there is no array "grid"'),
        (lambda m: m.with_fanout("elemnts", (2, 2)), 'did you mean "elements"?'),
        (lambda m: m.with_fanout("elements", (2,)), "fanout must have 2 sizes, as it has now, not"),
        (lambda m: m.with_fanout("elements", (0, 2)), r"fanout\[0\]: should be greater than or eq"),
        (lambda m: m.with_fanout("elements", (2.5, 2)), r"fanout\[0\]: should be a valid integer"),
        (lambda m: m.with_scratchpad(0), "capacity: must be above 0, not 0 B"),
        (lambda m: m.with_scratchpad(-3), "must be 0 or more, not -3 B"),
        (lambda m: m.with_scratchpad(64, line_bytes=0), "line_bytes: should be greater than or eq"),
        (lambda m: m.with_changes("mac", {"speed": 3}), "speed: is not known; accepted: kind"),
        (lambda m: m.with_changes("elements", {"ranks": (("M",),)}), "of each of the 2 axes"),
        (lambda m: m.with_changes("buffer", {"parent": "mac"}), '"buffer" lies below itself'),
        (lambda m: m.with_changes("bufer", {}), 'did you mean "buffer"?'),
    ],
)
def test_changes_are_checked_like_a_file(change, message):
    with pytest.raises(ConfigError, match=message):
        change(arch.find("eyeriss"))


def test_machine_without_a_scratchpad_says_so():
    machine = arch.Architecture(name="a", nodes=(memory("dram"),))
    with pytest.raises(ConfigError, match="has no scratchpad: no memory with a capacity"):
        machine.with_scratchpad(64)


def unit(name, parent, *operators, energy=1e-12):
    return arch.Compute(
        kind="compute", name=name, parent=parent, rate=figure(1e9, "op/s"), energy=figure(energy),
        operators={operator: arch.Operator(cycles=2) for operator in operators},
    )  # fmt: skip


def two_units():
    """An array of multipliers, and a unit for vectors beside it."""
    return arch.Architecture(name="two", nodes=(
        unit("vector", "pad", "exp", "max"),
        memory("pad", "dram", size=64),
        memory("dram"),
        arch.Array(kind="array", name="grid", parent="pad", fanout=(4,)),
        unit("mac", "grid"),
    ))  # fmt: skip


def test_every_unit_has_its_own_path():
    machine = two_units()
    assert [node.name for node in machine.path_to("vector")] == ["dram", "pad", "vector"]
    assert [node.name for node in machine.branch("mac").path] == ["dram", "pad", "grid", "mac"]
    assert [unit.name for unit in machine.units_for("exp", "max")] == ["vector"]
    assert [unit.name for unit in machine.units_for("mac")] == ["mac"]
    with pytest.raises(ConfigError, match="has 2 compute units: vector, mac"):
        _ = machine.path
    with pytest.raises(ConfigError, match='has no compute unit "pad"'):
        machine.path_to("pad")


def test_operator_that_no_unit_does_is_named():
    with pytest.raises(ConfigError) as caught:
        two_units().units_for("divide")
    assert caught.value.message == 'architecture "two" has no unit that does divide'
    assert caught.value.hint == "vector does exp, max; mac does mac"


def test_operators_may_carry_all_energies():
    machine = two_units()
    bare = {"energy": None, "operators": {"exp": arch.Operator(energy=figure(3e-12))}}
    assert machine.with_changes("vector", bare).missing_figures() == ()
    assert "vector.operators.exp.energy" in machine.with_changes("vector", bare).figures
    bare["operators"] |= {"max": arch.Operator()}
    assert machine.with_changes("vector", bare).missing_figures() == (
        'nodes[0].energy: an estimate needs it ("vector")',
    )


def test_area_and_leakage_count_every_copy():
    machine = two_units()
    assert machine.area_m2 is None
    area = {"area": figure(2.0, "mm2"), "leakage": figure(1.0, "mW")}
    machine = machine.with_changes("mac", area).with_changes("dram", area)
    assert machine.area_m2 == pytest.approx(5 * 2e-6)
    assert machine.leakage_w == {"dram": 1e-3, "mac": 4e-3}


def test_root_that_is_no_memory_is_refused_for_an_estimate():
    nodes = (
        arch.Array(kind="array", name="grid", parent="", fanout=(2,)),
        unit("mac", "grid"),
    )
    machine = arch.Architecture(name="a", nodes=nodes)
    assert machine.missing_figures() == ('nodes[0]: the root "grid" must be a memory',)
