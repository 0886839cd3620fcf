"""Steps whose operands all stay in one memory: such a step runs below that memory."""

from __future__ import annotations

from collections.abc import Mapping as Table

from netwright.arch import Architecture, Memory
from netwright.mapping.mapping import Mapping, Residency
from netwright.mapping.schedule import Schedule
from netwright.workload import Workload


def homes(workload: Workload, mapping: Mapping) -> Table[str, str]:
    """For each Einsum all of whose operands stay in one memory while it runs, that memory.

    Weights count where they pass through the memory too. A step without any operand that counts
    has no home.
    """
    stays: dict[str, list[Residency]] = {}
    for stay in mapping.residencies:
        stays.setdefault(stay.tensor, []).append(stay)
    found = {}
    schedule = Schedule(workload, mapping.order, places_weights=mapping.places_weights)
    for step, (name, operands) in enumerate(zip(mapping.order, schedule.operands, strict=True)):
        shared: set[str] | None = None
        for operand in operands:
            own = {s.memory for s in stays.get(operand, ()) if s.first <= step <= s.last}
            shared = own if shared is None else shared & own
        if shared:
            found[name] = min(shared)
    return found


def inner_memory(architecture: Architecture, unit: str, outside: str) -> Memory | None:
    """The memory next to a compute unit, if it lies within another one."""
    path = architecture.path_to(unit)
    names = [node.name for node in path]
    inside = path[names.index(outside) + 1 :] if outside in names else ()
    return next((node for node in reversed(inside) if isinstance(node, Memory)), None)
