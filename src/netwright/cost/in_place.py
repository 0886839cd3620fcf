"""Work inside of steps: functions of values that are read, and what an operator makes inside.

Such Einsums read and write no tensor of their own, so that only their operations count: on the unit
that is done first, of those that can, once for each value, and after the step whose values they
take. Where no unit does one of them, it takes nothing, and whoever asks is told.
"""

from __future__ import annotations

from netwright.arch import Architecture
from netwright.cost import stream
from netwright.cost.price import Estimate, price
from netwright.mapping.binding import operators_of, undone
from netwright.workload import Einsum, Workload

DONE = "{names}: done in place, once for each value, and not at the same time as other work"


def done_in_place(workload: Workload, architecture: Architecture) -> tuple[Estimate, ...]:
    """What units do inside of steps, one estimate for each Einsum that they can do."""
    found = []
    for einsum in _work(workload):
        if undone(einsum, architecture):
            continue
        counts = stream.operations(einsum, architecture)
        if counts.actions:
            found.append(price(counts, architecture))
    return tuple(found)


def told_in_place(workload: Workload, architecture: Architecture) -> tuple[str, ...]:
    """What is said about work inside of steps: what counts, and what no unit does."""
    done: dict[str, None] = {}
    lacks: dict[str, None] = {}
    for einsum in _work(workload):
        own = undone(einsum, architecture)
        if own and not einsum.is_sum_of_products:  # such products are missing in totals
            lacks.update(dict.fromkeys(own))
        elif not own:
            done.update(dict.fromkeys(operators_of(einsum)))
    lines = []
    if done:
        lines.append(DONE.format(names=", ".join(sorted(done))))
    if lacks:
        names = ", ".join(sorted(lacks))
        units = architecture.abilities
        lines.append(f"no unit does {names} ({units}): done in place, without time or energy")
    return tuple(lines)


def makers(workload: Workload) -> dict[str, str]:
    """For each Einsum in place the step that makes what it takes, if one does."""
    inside = {einsum.output.tensor: einsum for einsum in workload.in_place}
    found: dict[str, str] = {}
    for einsum in workload.in_place:
        name, seen = einsum.output.tensor, set[str]()
        while name in inside and name not in seen:
            seen.add(name)
            name = next((own for own in inside[name].reads if _is_data(workload, own)), "")
        if name in workload.producers:
            found[einsum.name] = workload.producers[name].name
    return found


def _is_data(workload: Workload, name: str) -> bool:
    return name not in workload.by_name or workload.by_name[name].kind != "weight"


def _work(workload: Workload) -> tuple[Einsum, ...]:
    return tuple(einsum for einsum in workload.in_place if operators_of(einsum))
