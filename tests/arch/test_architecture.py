from __future__ import annotations

from netwright import arch


def test_scratchpad_is_the_first_limited_memory():
    machine = arch.find("scratchpad")
    assert machine.scratchpad is machine.memory("scratchpad")
    assert machine.memory("l3") is None
    assert [memory.name for memory in machine.memories] == ["dram", "scratchpad"]


def test_another_capacity_leaves_the_rest():
    machine = arch.find("scratchpad")
    small = machine.with_scratchpad(1000)
    assert small.scratchpad.capacity_bytes == 960  # whole lines of 64 bytes
    assert small.memory("dram") == machine.memory("dram")
    assert machine.with_scratchpad(1000, line_bytes=1).scratchpad.capacity_bytes == 1000
