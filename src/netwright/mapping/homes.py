"""Steps whose operands all stay in one memory: such a step runs below that memory."""

from __future__ import annotations

from collections.abc import Mapping as Table

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
