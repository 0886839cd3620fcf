"""Parts of a mapping that are given: each of them is taken, or refused with the reason.

Mappers check what they are given before they search, and :func:`check_taken` looks at what they
found: whatever a mapper does not know how to take cannot be passed over in silence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from netwright.arch import Architecture
from netwright.errors import ConfigError, MappingError
from netwright.ir.einsums.einsum import UNKNOWN
from netwright.mapping.binding import able_units, binding_faults, undone
from netwright.mapping.group_legality import axis_faults, keep_names, loop_faults, phase_faults
from netwright.mapping.mapping import Group, Mapping
from netwright.mapping.names import no_einsum
from netwright.mapping.runs import bindings_of, joined_places
from netwright.workload import Workload


def check_granularity(workload: Workload, given: Mapping) -> None:
    """Refuse a mapping of other steps than those of a workload.

    Where every step has the same name, as in a cascade where nothing is done in place, it does not
    matter what the steps are called.

    Raises:
        ConfigError: The steps are others.
    """
    same = {einsum.name for einsum in workload.einsums} == set(given.order)
    if given.granularity != workload.granularity and not same:
        raise ConfigError(
            f"the mapping is of a network whose operators are {given.granularity}, and those of "
            f'"{workload.name}" are {workload.granularity}',
            hint=f"give a mapping of --granularity {workload.granularity}, or one that names the "
            "steps of this network and does not say its granularity",
        )


@dataclass(frozen=True, slots=True)
class Taker:
    """What a mapper can take of the groups that it is given.

    Attributes:
        name: The mapper, as the beginning of a sentence.
        memories: Where tensors may be kept; any memory if none is named.
        units: Whether it decides about units, arrays and time, so that they can be given.
        max_einsums: Most Einsums of a group.
    """

    name: str
    memories: tuple[str, ...] = ()
    units: bool = True
    max_einsums: int = 0


def check_given(
    workload: Workload, architecture: Architecture, given: Mapping, taker: Taker
) -> None:
    """Refuse bindings and groups that mean nothing, or that a mapper cannot take.

    Args:
        workload: In the order in which it runs; ranks that Einsums share have one name.
        architecture: The machine.
        given: What is given.
        taker: What the mapper takes.

    Raises:
        MappingError: With all faults.
    """
    found = list(binding_faults(workload, architecture, given.bindings, given.groups))
    place = {einsum.name: number for number, einsum in enumerate(workload.einsums)}
    group_of: dict[str, str] = {}
    names: set[str] = set()
    for group in given.groups:
        told = list(_member_faults(workload, place, group_of, group))
        if group.name in names:
            told.append("there are two of this name")
        names.add(group.name)
        if not told:
            bindings = bindings_of(workload, architecture, given)
            told = list(_part_faults(workload, architecture, bindings, group, taker))
        found += [f'group "{group.name}": {fault}' for fault in told]
    if found:
        raise MappingError(found)


def _member_faults(
    workload: Workload, place: dict[str, int], group_of: dict[str, str], group: Group
) -> Iterator[str]:
    if not group.einsums:
        yield "has no Einsum"
        return
    for name in dict.fromkeys(group.einsums):
        if name not in place:
            yield f'"{name}" {no_einsum(workload, name)}'
        elif name in group_of:
            yield f'Einsum "{name}" is in group "{group_of[name]}" already'
        group_of.setdefault(name, group.name)
    steps = [place[name] for name in group.einsums if name in place]
    if steps and steps != list(range(steps[0], steps[0] + len(steps))):
        yield "its Einsums must run one right after the other"


def _part_faults(
    workload: Workload,
    architecture: Architecture,
    bindings: dict[str, str],
    group: Group,
    taker: Taker,
) -> Iterator[str]:
    """What is wrong with the parts of a group, whatever is found besides."""
    einsums = {name: workload.einsum_of[name] for name in group.einsums}
    if taker.max_einsums and len(einsums) > taker.max_einsums:
        joined = joined_places(workload)  # what must run together counts as one, as in the search
        places = {einsum.name: place for place, einsum in enumerate(workload.einsums, 1)}
        size = sum(places[name] not in joined for name in einsums)
        if size > taker.max_einsums:
            yield f"has {len(einsums)} Einsums; a group has at most {taker.max_einsums}"
    alone = _streams_alone(workload, architecture, group)
    if alone and not group.is_stream:
        yield f"{alone}: it streams in a group of its own without loops, keeps, phases and lags"
        return
    units = {unit.name for unit in architecture.units}
    if group.phases or group.lags:
        known = {name: unit for name, unit in bindings.items() if unit in units}
        yield from phase_faults(architecture, Mapping("unfused", (), bindings=known), group)
    yield from loop_faults(einsums, group)
    yield from axis_faults(architecture, group)
    most = len(group.temporal) if group.temporal else None
    yield from keep_names(architecture, einsums, group, most=most)
    if not taker.units:
        yield from _untakeable(group, taker)
    elif not (group.phases or group.lags):
        kept = [keep.tensor for keep in group.keeps]
        for name in dict.fromkeys(name for name in kept if kept.count(name) > 1):
            yield f'"{name}" is kept in two memories, which is taken with phases only'


def _streams_alone(workload: Workload, architecture: Architecture, group: Group) -> str:
    """Why an Einsum can only stream; empty if all can run in groups."""
    for name in group.einsums:
        einsum = workload.einsum_of[name]
        if einsum.map_op in UNKNOWN:
            return f'nothing is known of "{name}"'
        if len(architecture.units) > 1 and not able_units(einsum, architecture):
            return f'no unit does {", ".join(undone(einsum, architecture))} of "{name}"'
    return ""


def _untakeable(group: Group, taker: Taker) -> Iterator[str]:
    """Parts of a group that mean nothing to a mapper that decides about traffic alone."""
    parts = [
        name
        for name, is_there in (
            ("phases", group.phases),
            ("lags", any(group.lags.values())),
            ("loops along arrays", any(loop.is_spatial for loop in group.loops)),
        )
        if is_there
    ]
    if parts:
        yield (
            f"{taker.name} takes loops in time and keeps, not {' and '.join(parts)}; fusion for "
            "latency, energy or edp does"
        )
    for keep in group.keeps:
        if keep.memory not in taker.memories:
            yield (
                f'"{keep.tensor}": {taker.name} keeps tensors in {", ".join(taker.memories)}, '
                f"not in {keep.memory}"
            )


def check_taken(given: Mapping, found: Mapping) -> None:
    """Refuse a result in which something that was given is missing.

    Raises:
        ConfigError: With everything that was not taken.
    """
    parts = tuple(_not_taken(given, found))
    if parts:
        raise ConfigError(
            f"what is given cannot be taken together with the rest: {', '.join(parts)}",
            hint="leave that out, or give more of the mapping around it",
        )


def _not_taken(given: Mapping, found: Mapping) -> Iterator[str]:
    order = [name for name in found.order if name in set(given.order)]
    if order != list(given.order):
        yield "the order"
    for name, unit in given.bindings.items():
        if found.bindings.get(name) != unit:
            yield f'the binding of "{name}" to {unit}'
    for name, nest in given.nests.items():
        if found.nests.get(name) != nest:
            yield f'the loop nest of "{name}"'
    groups = {group.name: group for group in found.groups}
    for group in given.groups:
        yield from _missing_of(group, groups.get(group.name))
    if not set(given.residencies) <= set(found.residencies):
        yield "stays"
    if not set(given.layouts) <= set(found.layouts):
        yield "layouts"
    if given.places_weights and not found.places_weights:
        yield "that weights are placed, which says something of stays only"


def _missing_of(group: Group, found: Group | None) -> Iterator[str]:
    if found is None or found.einsums != group.einsums:
        yield f'group "{group.name}"'
        return
    spatial = tuple(loop for loop in group.loops if loop.is_spatial)
    missing = {
        "loops": group.temporal and group.temporal != found.temporal,
        "loops along arrays": spatial and spatial != found.loops[len(found.temporal) :],
        "phases": group.phases and group.phases != found.phases,
        "keeps": not set(group.keeps) <= set(found.keeps),
        "lags": any(found.lags.get(name, 0) != lag for name, lag in group.lags.items()),
    }
    for part, is_missing in missing.items():
        if is_missing:
            yield f'the {part} of group "{group.name}"'
