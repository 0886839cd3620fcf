"""Addresses: stays are rectangles of steps by bytes that must not overlap."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from netwright.mapping.mapping import Residency
from netwright.mapping.schedule import Gap, Schedule


@dataclass(frozen=True, slots=True)
class Stay:
    """A residency that has no address yet.

    Attributes:
        tensor: Name of the tensor.
        first: First step.
        last: Last step, included.
        num_bytes: Bytes it occupies.
    """

    tensor: str
    first: int
    last: int
    num_bytes: int

    def meets(self, other: Stay) -> bool:
        """Whether both are present at some step."""
        return self.first <= other.last and other.first <= self.last


def stays(schedule: Schedule, kept: Collection[Gap]) -> tuple[Stay, ...]:
    """The stays that follow from the kept gaps; consecutive uses are always joined."""
    found: list[Stay] = []
    for name, steps in schedule.uses.items():
        first = last = steps[0]
        for step in steps[1:]:
            if step - last > 1 and Gap(last, step, name) not in kept:
                found.append(Stay(name, first, last, schedule.sizes[name]))
                first = step
            last = step
        found.append(Stay(name, first, last, schedule.sizes[name]))
    return tuple(sorted(found, key=lambda stay: (stay.first, stay.tensor)))


Offsets = tuple[int, ...]

_ORDERS: tuple[Callable[[Stay], tuple[int, ...]], ...] = (
    lambda stay: (-stay.num_bytes, stay.first),
    lambda stay: (-(stay.last - stay.first), -stay.num_bytes, stay.first),
    lambda stay: (-(stay.last - stay.first + 1) * stay.num_bytes, stay.first),
    lambda stay: (stay.first, -stay.last),
    lambda stay: (-stay.last, stay.first),
)


def place_greedily(wanted: Sequence[Stay], capacity: int) -> Offsets | None:
    """Addresses by first fit in several orders; ``None`` if none of them fits.

    Finding addresses needs no proof, so whatever finds them quickly may go first.
    """
    for key in _ORDERS:
        order = sorted(range(len(wanted)), key=lambda i: (*key(wanted[i]), i))
        offsets = _first_fit(wanted, order, capacity)
        if offsets is not None:
            return offsets
    return None


def _first_fit(wanted: Sequence[Stay], order: Sequence[int], capacity: int) -> Offsets | None:
    """Place in this order, each as low as what is placed already permits.

    What fails to fit is moved to the front and everything is placed anew, some times over: such
    stays are the hard ones.
    """
    queue = list(order)
    for _ in range(30):
        offsets: dict[int, int] = {}
        for position, index in enumerate(queue):
            stay = wanted[index]
            taken = sorted(
                (offsets[i], offsets[i] + wanted[i].num_bytes)
                for i in queue[:position]
                if wanted[i].meets(stay)
            )
            place = 0
            for low, high in taken:
                if low - place >= stay.num_bytes:
                    break
                place = max(place, high)
            if place + stay.num_bytes > capacity:
                queue.insert(0, queue.pop(position))
                break
            offsets[index] = place
        else:
            return tuple(offsets[i] for i in range(len(wanted)))
    return None


def residencies(wanted: Sequence[Stay], offsets: Offsets, *, memory: str) -> tuple[Residency, ...]:
    """Stays with their addresses."""
    return tuple(
        Residency(stay.tensor, memory, stay.first, stay.last, offset)
        for stay, offset in zip(wanted, offsets, strict=True)
    )
