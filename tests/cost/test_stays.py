"""Stays in an estimate, against the replay of the mapping and a machine without an outside."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netwright import arch, cost
from netwright.errors import ConfigError, MappingError
from netwright.mapping import Group, cosma, faults, load, replay, write
from netwright.workload import Builder, fuse
from tests.cost.small import figure, one_memory

PAD = 432


def network():
    b = Builder("net")
    x = b.activate(b.conv(b.input((1, 2, 6, 6)), 4, 3))
    y = b.conv(x, 4, 3)
    x = b.add(b.conv(b.conv(b.conv(y, 4, 1), 8, 3), 4, 3), y)  # y is away meanwhile in a small pad
    return fuse(b.finish(b.linear(b.global_pool(x), 3)))


def machine(**options):
    return one_memory(**{"size": PAD, **options})


def mapped(*, places_weights=False, size=PAD):
    return cosma(network(), machine(size=size), places_weights=places_weights).mapping


def bytes_of(found, name):
    return found.total.bytes_moved[name]


@pytest.mark.parametrize("size", [PAD, 576, 1000])
def test_outside_is_read_and_written_as_the_replay_says_and_weights_once(size):
    workload = network()
    mapping = mapped(size=size)
    traffic = replay(workload, machine(size=size), mapping).num_bytes(
        "fetch", "retrieve", "spill", "store"
    )
    weights = sum(t.num_bytes for t in workload.tensors if t.kind == "weight")
    found = cost.estimate_network(workload, machine(size=size), fixed=mapping)
    assert bytes_of(found, "dram") == traffic + weights
    if size == PAD:
        assert replay(workload, machine(size=size), mapping).num_bytes("spill", "retrieve") > 0
    free = cost.estimate_network(workload, machine(size=size))
    assert bytes_of(found, "dram") < bytes_of(free, "dram")


def test_weights_that_pass_through_the_memory_are_fetched_by_the_stays():
    workload = network()
    mapping = mapped(places_weights=True, size=1000)
    found = cost.estimate_network(workload, machine(size=1000), fixed=mapping)
    traffic = replay(workload, machine(size=1000), mapping).num_bytes(
        "fetch", "retrieve", "spill", "store"
    )
    assert bytes_of(found, "dram") == traffic


def test_a_step_costs_what_it_costs_where_there_is_no_outside():
    """The pad as the root of a machine of its own: same time, same energy, but for the DRAM's."""
    workload, whole = network(), machine(size=1000)
    nodes = tuple(node for node in whole.nodes if node.name != "dram")
    alone = whole.model_copy(update={"nodes": tuple(
        node.model_copy(update={"parent": "", "capacity": None}) if node.name == "pad" else node
        for node in nodes
    )})  # fmt: skip
    found = cost.estimate_network(workload, whole, fixed=mapped(places_weights=True, size=1000))
    wanted = {layer.name: layer.estimate for layer in cost.estimate_network(workload, alone).layers}
    steps = [layer for layer in found.layers if layer.engine != "transfers"]
    assert [layer.name for layer in steps] == list(wanted)
    for layer in steps:
        assert layer.estimate.joules == pytest.approx(wanted[layer.name].joules)
        assert layer.estimate.seconds == pytest.approx(wanted[layer.name].seconds)
    moved = [layer.estimate for layer in found.layers if layer.engine == "transfers"]
    assert moved
    assert found.total.joules == pytest.approx(
        sum(e.joules for e in wanted.values()) + sum(e.joules for e in moved)
    )


def test_what_is_written_is_read_again_and_judged(tmp_path):
    workload = network()
    found = cost.estimate_network(workload, machine(), fixed=mapped())
    assert faults(workload, machine(), found.mapping) == ()
    assert {keep.memory for keep in found.mapping.nests["conv2"].keeps} <= {"pad", "reg"}
    path = tmp_path / "mapping.toml"
    path.write_text(write(found.mapping))
    again = cost.estimate_network(workload, machine(), fixed=load(path))
    assert again.total.joules == found.total.joules
    assert again.total.seconds == found.total.seconds
    assert all(layer.is_fixed for layer in again.layers if layer.engine == "loopnest")
    gone = replace(found.mapping, residencies=found.mapping.residencies[1:])
    with pytest.raises(MappingError, match=r"the root dram must keep|is not there"):
        cost.estimate_network(workload, machine(), fixed=gone)


def test_what_leaks_outside_counts_in_the_choice_and_in_the_sum():
    leaky = machine().with_changes("dram", {"leakage": figure(0.5, "W")})
    assert leaky.below("pad").leakage_w == {"pad": 0.5}
    found = cost.estimate_network(network(), leaky, fixed=mapped())
    assert found.total.joules_by["dram"] >= 0.5 * found.total.seconds


def test_what_cannot_be_counted_is_refused_by_name():
    workload, mapping = network(), mapped()
    group = replace(mapping, groups=(Group("g", ("add6",)),))
    with pytest.raises(ConfigError, match='"add6" does not'):
        cost.estimate_network(workload, machine(), fixed=group)
    other = replace(mapping, granularity="unfused", order=(*mapping.order, "relu"))
    with pytest.raises(ConfigError, match="whose operators are unfused") as caught:
        cost.estimate_network(workload, machine(), fixed=other)
    assert "--granularity fused" in (caught.value.hint or "")


def test_machines_below_a_memory():
    small = machine()
    assert small.below("pad").root.name == "pad"
    assert small.below("pad").memory("pad").capacity is None
    with pytest.raises(ConfigError, match='did you mean "pad"'):
        small.below("pda")
    with pytest.raises(ConfigError, match='4 copies of the memory "reg"'):
        small.below("reg")
    beside = arch.Compute(kind="compute", name="host", parent="dram", rate=figure(1e9, "op/s"),
                          energy=figure(1e-12))  # fmt: skip
    two = small.model_copy(update={"nodes": (*small.nodes, beside)})
    with pytest.raises(ConfigError, match='"host" does not lie below "pad"'):
        two.below("pad")
