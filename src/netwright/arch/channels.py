"""Whether the parts of a memory with banks are there, and how many channels it has."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from pydantic import ValidationError

from netwright.arch.architecture import Architecture
from netwright.arch.faults import sentences
from netwright.arch.nodes import Array, Compute, Link, Memory, Node
from netwright.errors import ConfigError

NEEDED = ("load", "compute", "unload", "write")
"""What commands of a memory with units beside its banks do."""


def check_banks(architecture: Architecture, *, source: str = "") -> None:
    """Refuse a machine whose memories with banks name parts that it does not have.

    Args:
        architecture: The machine.
        source: Its file, for messages.

    Raises:
        ConfigError: With all faults.
    """
    found = [fault for memory in architecture.memories for fault in _faults(architecture, memory)]
    if found:
        raise ConfigError(found, path=source)


def with_channels(architecture: Architecture, channels: int) -> Architecture:
    """A copy whose memory with units beside its banks has another number of channels.

    What a channel has (banks, buffer, units, pins and their bandwidths) is there as often.

    Raises:
        ConfigError: There is no such memory, or its channels are no array of their own.
    """
    memory = next((m for m in architecture.memories if m.dram is not None and m.dram.unit), None)
    if memory is None or memory.dram is None:
        raise ConfigError(f'architecture "{architecture.name}" has no unit beside its banks')
    dram = memory.dram
    arrays = [
        node
        for node in architecture.path_to(dram.unit)
        if isinstance(node, Array) and node.fanout == (dram.channels,)
    ]
    if not arrays:
        raise ConfigError(
            f'the {dram.channels} channels of "{memory.name}" are no array of their own',
            hint=f"put an array with fanout = [{dram.channels}] above what each channel has",
        )
    ratio = channels / dram.channels

    def changed(node: Node) -> Node:
        changes: dict[str, object] = {}
        if node is arrays[0]:
            changes["fanout"] = (channels,)
        if node is memory:
            changes["dram"] = dram.model_copy(update={"channels": channels})
        is_path = node is memory or node.name == dram.pins
        if is_path and isinstance(node, Memory | Link) and node.bandwidth is not None:
            value = node.bandwidth.value * ratio
            changes["bandwidth"] = node.bandwidth.model_copy(update={"value": value})
        return type(node).model_validate({**dict(node), **changes}) if changes else node

    try:
        nodes = tuple(map(changed, architecture.nodes))
        return type(architecture).model_validate({**dict(architecture), "nodes": nodes})
    except ValidationError as error:
        raise ConfigError(sentences(error)).at(f'memory "{memory.name}"') from None


def _faults(architecture: Architecture, memory: Memory) -> Iterator[str]:
    dram = memory.dram
    if dram is None:
        return
    kinds = (
        ("unit", dram.unit, Compute),
        ("pins", dram.pins, Link),
        ("buffer", dram.buffer, Memory),
    )
    by_name = {node.name: node for node in architecture.nodes}
    place = f'memory "{memory.name}": dram'
    for setting, name, kind in kinds:
        if name and not isinstance(by_name.get(name), kind):
            known = [node.name for node in architecture.nodes if isinstance(node, kind)]
            near = get_close_matches(name, known, n=1)
            meant = f'; did you mean "{near[0]}"?' if near else ""
            yield f'{place}.{setting} names "{name}", which is no {kind.__name__.lower()}{meant}'
            return
    if not dram.unit:
        return
    missing = [does for does in NEEDED if does not in {c.does for c in dram.commands.values()}]
    if missing:
        yield f"{place}: has a unit beside its banks, and no command does {', '.join(missing)}"
    banks, units = dram.channels * dram.banks, architecture.copies(dram.unit)
    if memory not in architecture.path_to(dram.unit):
        yield f'{place}.unit names "{dram.unit}", which is not below "{memory.name}"'
    elif units % banks:
        yield f'{place}: {units} copies of "{dram.unit}" are not equally many for {banks} banks'
    buffer = architecture.memory(dram.buffer)
    if buffer is None:
        return
    if architecture.copies(buffer.name) != dram.channels:
        yield (
            f'{place}.buffer names "{buffer.name}", of which there are '
            f"{architecture.copies(buffer.name)}, and there are {dram.channels} channels"
        )
    if buffer.capacity is not None and buffer.capacity.value < dram.access_bytes:
        yield (
            f'memory "{buffer.name}": its capacity of {buffer.capacity.value:g} B holds no column '
            f"of {dram.access_bytes} B"
        )
