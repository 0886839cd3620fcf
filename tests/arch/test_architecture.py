from __future__ import annotations

from netwright import arch


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
