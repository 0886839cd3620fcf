"""What accelerators do without a program: allocate as tensors come, evict when there is no room.

These are the baselines of arXiv 2311.18246, section IV: a best-fit allocator in the manner of
TensorFlow Lite with one of two replacement rules. Here the allocator works online, because every
eviction changes what the next tensor finds. Operands are placed in the order in which they are
read, the result last. Where the operands of a step cannot lie beside each other although nothing
else is left, those present are moved together; that costs no off-chip access.

The paper does not say how ties are broken, and they matter: all feature maps of a dense block are
needed next by the same step. Here the oldest goes first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Literal

from netwright.arch import Architecture
from netwright.mapping.cosma import scratchpad_of
from netwright.mapping.mapping import Mapping as Decision
from netwright.mapping.mapping import Residency
from netwright.mapping.replay import Traffic, replay
from netwright.mapping.schedule import Schedule, default_schedule
from netwright.workload import Workload

Policy = Literal["belady", "fewest-bytes"]
"""``belady``: evict the tensor that is needed last. ``fewest-bytes``: evict the fewest bytes that
make a hole large enough (the paper's greedy program)."""

POLICIES: tuple[Policy, ...] = ("belady", "fewest-bytes")


@dataclass(frozen=True, slots=True)
class Baseline:
    """A legal mapping that a baseline made.

    Attributes:
        policy: Its replacement rule.
        mapping: Order and residencies.
        traffic: Transfers counted by the replay.
        num_compactions: Steps whose operands could not lie beside each other without moving.
    """

    policy: Policy
    mapping: Decision
    traffic: Traffic
    num_compactions: int


@dataclass(slots=True)
class _Pad:
    """The scratchpad while the steps go by."""

    schedule: Schedule
    capacity: int
    offsets: dict[str, int] = field(default_factory=dict)
    since: dict[str, int] = field(default_factory=dict)
    stays: list[tuple[str, int, int, int]] = field(default_factory=list)

    def put(self, name: str, offset: int, step: int) -> None:
        self.offsets[name], self.since[name] = offset, step

    def drop(self, name: str, last: int) -> None:
        self.stays.append((name, self.since.pop(name), last, self.offsets.pop(name)))

    def holes(self, gone: Set[str] = frozenset()) -> Iterator[tuple[int, int]]:
        """Free stretches (start, size) if the tensors in `gone` were evicted."""
        taken = sorted(
            (offset, offset + self.schedule.sizes[name])
            for name, offset in self.offsets.items()
            if name not in gone
        )
        place = 0
        for low, high in taken:
            if low > place:
                yield place, low - place
            place = max(place, high)
        if place < self.capacity:
            yield place, self.capacity - place

    def best_fit(self, size: int) -> int | None:
        """Start of the smallest sufficient hole, the lowest of equals."""
        fitting = [(room, start) for start, room in self.holes() if room >= size]
        return min(fitting)[1] if fitting else None


def baseline(
    workload: Workload,
    architecture: Architecture,
    *,
    policy: Policy,
    order: tuple[str, ...] | None = None,
    places_weights: bool = False,
) -> Baseline:
    """Map a workload with best-fit allocation and one replacement rule.

    Args:
        workload: What is computed.
        architecture: Its scratchpad is the memory that is managed.
        policy: The replacement rule.
        order: Names of the Einsums; the workload's own order if not given.
        places_weights: Whether trained parameters pass through the scratchpad too.

    Raises:
        Infeasible: Some operands do not fit.
    """
    memory, capacity = scratchpad_of(architecture)
    schedule = default_schedule(
        workload, line_bytes=memory.line_bytes, places_weights=places_weights
    )
    if order is not None:
        schedule = Schedule(workload, order, memory.line_bytes, places_weights)
    schedule.check_capacity(capacity)
    pad, num_compactions = _run(schedule, capacity, policy)
    stays = sorted(pad.stays, key=lambda stay: (stay[1], stay[0]))
    residencies = tuple(Residency(n, memory.name, first, last, o) for n, first, last, o in stays)
    mapping = Decision(
        workload.granularity, schedule.order, residencies, places_weights=places_weights
    )
    return Baseline(policy, mapping, replay(workload, architecture, mapping), num_compactions)


def _run(schedule: Schedule, capacity: int, policy: Policy) -> tuple[_Pad, int]:
    pad = _Pad(schedule, capacity)
    num_compactions = 0
    for step, operands in enumerate(schedule.operands):
        for name in [n for n in pad.offsets if schedule.uses[n][-1] < step]:
            pad.drop(name, step - 1)  # dead
        next_use = _next_uses(schedule, pad, step)
        moved = False
        for name in operands:
            if name in pad.offsets or _make_room(pad, name, step, operands, next_use, policy):
                continue
            moved = True
            _compact(pad, step, operands)
            placed = _make_room(pad, name, step, operands, next_use, policy)
            assert placed  # the operands fit, and nothing else is left
        num_compactions += moved
    for name in list(pad.offsets):
        pad.drop(name, schedule.uses[name][-1])
    return pad, num_compactions


def _next_uses(schedule: Schedule, pad: _Pad, step: int) -> dict[str, int]:
    return {name: next(use for use in schedule.uses[name] if use >= step) for name in pad.offsets}


def _make_room(
    pad: _Pad,
    name: str,
    step: int,
    operands: tuple[str, ...],
    next_use: Mapping[str, int],
    policy: Policy,
) -> bool:
    schedule = pad.schedule
    size = schedule.sizes[name]
    place = pad.best_fit(size)
    while place is None:
        victims = [other for other in pad.offsets if other not in operands]
        if policy == "fewest-bytes":
            chosen = _fewest_bytes(pad, size, operands)
        else:
            oldest = {name: -schedule.uses[name][0] for name in victims}
            chosen = {max(victims, key=lambda n: (next_use[n], oldest[n], n))} if victims else None
        if not chosen:
            return False
        for victim in sorted(chosen):
            pad.drop(victim, step - 1)
        place = pad.best_fit(size)
    pad.put(name, place, step)
    return True


def _fewest_bytes(pad: _Pad, size: int, operands: tuple[str, ...]) -> set[str] | None:
    """The cheapest set of neighbors whose eviction leaves a hole of `size` bytes.

    An optimal hole begins at the start of a free stretch, or at the start of a tensor.
    """
    best: tuple[int, int, set[str]] | None = None
    starts = {0, *pad.offsets.values(), *(start for start, _ in pad.holes())}
    for start in sorted(starts):
        end = start + size
        if end > pad.capacity:
            break
        inside = {
            name
            for name, low in pad.offsets.items()
            if low < end and low + pad.schedule.sizes[name] > start
        }
        if inside & set(operands):
            continue
        cost = sum(pad.schedule.sizes[name] for name in inside)
        if best is None or (cost, start) < best[:2]:
            best = cost, start, inside
    return best[2] if best else None


def _compact(pad: _Pad, step: int, operands: tuple[str, ...]) -> None:
    """Evict all but the operands and slide these down, in order of their addresses."""
    place = 0
    for name, offset in sorted(pad.offsets.items(), key=lambda item: item[1]):
        if name not in operands:
            pad.drop(name, step - 1)
            continue
        if offset != place:
            if pad.since[name] < step:
                pad.drop(name, step - 1)
            pad.put(name, place, step)
        place += pad.schedule.sizes[name]
