"""The one judge of mappings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from netwright.arch import Architecture, Memory
from netwright.errors import ConfigError, GraphError, MappingError
from netwright.mapping.bank_legality import layout_faults
from netwright.mapping.binding import binding_faults, branch_of
from netwright.mapping.group_legality import group_faults
from netwright.mapping.homes import homes
from netwright.mapping.loopnest_legality import nest_faults
from netwright.mapping.mapping import Mapping, Residency
from netwright.mapping.names import no_einsum
from netwright.mapping.operation import operation
from netwright.mapping.ranks import aligned
from netwright.mapping.schedule import Schedule
from netwright.workload import Einsum, Workload
from netwright.workload.cycles import is_earlier


def check_legal(workload: Workload, architecture: Architecture, mapping: Mapping) -> None:
    """Refuse a mapping that cannot be executed.

    Raises:
        MappingError: With all faults.
    """
    found = faults(workload, architecture, mapping)
    if found:
        raise MappingError(found)


def faults(workload: Workload, architecture: Architecture, mapping: Mapping) -> tuple[str, ...]:
    """Everything that is wrong with a mapping, as sentences; empty if it is legal.

    The order must be one of the workload. Bindings must name compute units
    of the architecture that do the operators of the Einsum.
    Loop nests must be executable on their own, see :func:`netwright.mapping.nest_faults`; one that
    keeps nothing at the root runs below the memory where all its operands stay. An Einsum
    is in one group at most, and not if it has a nest; the Einsums of a group run one right after
    the other. Each stay must lie in a memory of the architecture, in whole lines, within its
    capacity, and share no byte with another stay at the same time. A tensor may not stay before it
    is made, nor twice at once, and every operand of an Einsum that has neither nest nor group must
    be present while it runs. Layouts must lie in rows of a memory with banks, and share none.
    """
    found = list(_order_faults(workload, mapping.order))
    if mapping.granularity != workload.granularity:
        found.append(
            f"the mapping is {mapping.granularity}, the workload is {workload.granularity}"
        )
    if found:  # steps mean nothing without an order
        return tuple(found)
    found += binding_faults(workload, architecture, mapping.bindings, mapping.groups)
    found += _nest_faults(workload, architecture, mapping)
    found += _group_faults(workload, architecture, mapping)
    found += _cycle_faults(workload, mapping)
    found += layout_faults(workload, architecture, mapping.layouts)
    stays: list[tuple[Residency, Memory]] = []
    for stay in mapping.residencies:
        memory = architecture.memory(stay.memory)
        if memory is None:
            found.append(f'{_shown(stay)}: there is no memory "{stay.memory}"')
        elif stay.tensor not in workload.by_name:
            found.append(f"{_shown(stay)}: there is no such tensor")
        else:
            found += _stay_faults(workload, mapping, stay, memory)
            stays.append((stay, memory))
    sizes = {id(stay): _occupied(workload.by_name[stay.tensor].num_bytes, m) for stay, m in stays}
    found += _overlaps(stays, sizes)
    found += _absences(workload, mapping, [stay for stay, _ in stays])
    return tuple(found)


def _order_faults(workload: Workload, order: Sequence[str]) -> Iterator[str]:
    step_of = {name: step for step, name in enumerate(order)}
    names = {einsum.name for einsum in workload.einsums}
    for name in sorted(names - set(order)):
        yield f'Einsum "{name}" is not in the order'
    for name in sorted(set(order) - names):
        yield f'the order names "{name}", which {no_einsum(workload, name)}'
    for name in sorted({name for name in order if order.count(name) > 1}):
        yield f'Einsum "{name}" is in the order more than once'
    for einsum in workload.einsums:
        for tensor in einsum.reads:
            producer = workload.producers.get(tensor)
            if producer is None or not {einsum.name, producer.name} <= set(step_of):
                continue
            if _only_earlier(einsum, producer):
                continue
            if step_of[producer.name] >= step_of[einsum.name]:
                yield f'Einsum "{einsum.name}" runs before "{producer.name}", from which it reads'


def _cycle_faults(workload: Workload, mapping: Mapping) -> Iterator[str]:
    """Einsums that need each other's earlier points and do not run in one group."""
    step_of = {name: step for step, name in enumerate(mapping.order)}
    group_of = {name: group.name for group in mapping.groups for name in group.einsums}
    for einsum in workload.einsums:
        for tensor in einsum.reads:
            maker = workload.producers.get(tensor)
            if maker is None or step_of[maker.name] <= step_of[einsum.name]:
                continue
            if group_of.get(maker.name, "") != group_of.get(einsum.name):
                yield (
                    f'Einsum "{einsum.name}" reads earlier points of "{tensor}", so it must run in '
                    f'one group with "{maker.name}"'
                )


def _only_earlier(reader: Einsum, maker: Einsum) -> bool:
    """Whether all that is read was made for an earlier point of an iterative rank."""
    reads = [access for access in reader.inputs if access.tensor == maker.output.tensor]
    return all(is_earlier(access, maker) for access in reads)


def _nest_faults(workload: Workload, architecture: Architecture, mapping: Mapping) -> Iterator[str]:
    einsums = {einsum.name: einsum for einsum in workload.einsums}
    below = homes(workload, mapping) if mapping.residencies else {}
    for name, nest in mapping.nests.items():
        if name not in einsums:
            yield f'a loop nest names "{name}", which {no_einsum(workload, name)}'
            continue
        try:
            own = operation(workload, einsums[name])
        except GraphError as error:
            yield f'Einsum "{name}" has a loop nest and {error.message}'
            continue
        branch = branch_of(architecture, einsums[name], mapping.bindings)
        if branch is None:
            yield f'Einsum "{name}" has a loop nest and no binding to one of the compute units'
            continue
        if name in below and not any(keep.memory == branch.root.name for keep in nest.keeps):
            try:
                branch = branch.below(below[name])
            except ConfigError as error:
                yield f'loop nest of "{name}": {error.message}'
                continue
        for fault in nest_faults(own, branch, nest):
            yield f'loop nest of "{name}": {fault}'


def _group_faults(
    workload: Workload, architecture: Architecture, mapping: Mapping
) -> Iterator[str]:
    step_of = {name: step for step, name in enumerate(mapping.order)}
    seen: dict[str, str] = {}
    shared = aligned(workload) if mapping.groups else workload
    names = [group.name for group in mapping.groups]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f'group "{name}": there are two of this name'
    for group in mapping.groups:
        if not group.einsums:
            yield f'group "{group.name}" has no Einsum'
        for name in group.einsums:
            if name not in step_of:
                yield f'group "{group.name}": "{name}" {no_einsum(workload, name)}'
            elif name in seen:
                yield f'group "{group.name}": Einsum "{name}" is in group "{seen[name]}" already'
            elif name in mapping.nests:
                yield f'group "{group.name}": Einsum "{name}" has a loop nest of its own'
            seen[name] = group.name
        steps = [step_of[name] for name in group.einsums if name in step_of]
        if any(after != before + 1 for before, after in pairwise(steps)):
            yield f'group "{group.name}": its Einsums must run one right after the other'
        elif group.einsums and len(steps) == len(group.einsums):
            for fault in group_faults(shared, architecture, mapping, group):
                yield f'group "{group.name}": {fault}'


def _stay_faults(
    workload: Workload, mapping: Mapping, stay: Residency, memory: Memory
) -> Iterator[str]:
    last_step = len(mapping.order) - 1
    if not 0 <= stay.first <= stay.last <= last_step:
        yield f"{_shown(stay)}: steps must lie in order from 0 to {last_step}"
    if stay.offset < 0 or stay.offset % memory.line_bytes:
        yield (
            f"{_shown(stay)}: the offset must be 0 or more and a multiple of {memory.line_bytes}, "
            f"not {stay.offset}"
        )
    capacity = memory.capacity_bytes
    end = stay.offset + _occupied(workload.by_name[stay.tensor].num_bytes, memory)
    if capacity is not None and end > capacity:
        yield f"{_shown(stay)}: it ends at byte {end} of {capacity}"
    producer = workload.producers.get(stay.tensor)
    if producer is not None and stay.first < (made := mapping.order.index(producer.name)):
        yield f"{_shown(stay)}: it is made at step {made} only"


def _overlaps(stays: Sequence[tuple[Residency, Memory]], sizes: dict[int, int]) -> Iterator[str]:
    ordered = sorted((stay for stay, _ in stays), key=lambda s: (s.first, s.offset, s.tensor))
    live: list[Residency] = []
    for stay in ordered:
        live = [other for other in live if other.last >= stay.first]
        for other in live:
            if other.memory != stay.memory:
                continue
            if other.tensor == stay.tensor:
                yield f"{_shown(stay)}: the tensor is there already since step {other.first}"
                continue
            low = max(other.offset, stay.offset)
            high = min(other.offset + sizes[id(other)], stay.offset + sizes[id(stay)])
            if low < high:
                yield f"{_shown(stay)}: bytes {low} to {high - 1} hold {_shown(other)}"
        live.append(stay)


def _absences(workload: Workload, mapping: Mapping, stays: Sequence[Residency]) -> Iterator[str]:
    schedule = Schedule(workload, mapping.order, places_weights=mapping.places_weights)
    present: dict[str, list[Residency]] = {}
    for stay in stays:
        present.setdefault(stay.tensor, []).append(stay)
    staged = set(mapping.staged)
    for step, names in enumerate(schedule.operands):
        for name in names if mapping.order[step] in staged else ():
            if not any(stay.first <= step <= stay.last for stay in present.get(name, ())):
                yield f'step {step} ("{mapping.order[step]}") needs "{name}", which is not there'


def _occupied(num_bytes: int, memory: Memory) -> int:
    return -(-num_bytes // memory.line_bytes) * memory.line_bytes


def _shown(stay: Residency) -> str:
    return f'"{stay.tensor}" at steps {stay.first} to {stay.last}'


def stays_of(mapping: Mapping) -> dict[str, tuple[Residency, ...]]:
    """The stays of each tensor in order of time."""
    found: dict[str, list[Residency]] = {}
    for stay in sorted(mapping.residencies, key=lambda s: (s.first, s.last, s.tensor)):
        found.setdefault(stay.tensor, []).append(stay)
    assert all(a.last < b.first for s in found.values() for a, b in pairwise(s))
    return {name: tuple(stays) for name, stays in found.items()}
