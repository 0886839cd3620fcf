"""The elements that are live while a cascade goes over a rank.

Einsums run in the order of the workload at each coordinate of a traversal, all other ranks at once.
A value is live from the moment it is made or read in until its last use; a long tensor that a later
traversal needs is written out and read in again. A tensor is a row of slices, one a coordinate of
the rank; when a slice comes and goes is a linear function of its number, so that slices are counted
and not enumerated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod

from netwright.ir.einsums.einsum import Access, Einsum
from netwright.workload.passes import Live, Step, Streaming
from netwright.workload.workload import Tensor

Moment = tuple[int, int, int, int]
"""Traversal, 0 while it goes by and 1 after it, coordinate, position of the Einsum."""

Phase = tuple[int, int]
"""The first two of a moment."""


@dataclass(frozen=True, slots=True)
class Use:
    """One Einsum's use of some slices of a tensor.

    Attributes:
        low: First slice.
        high: Last slice.
        first: When slice `low` is used first.
        last: When slice `low` is used last.
        moves: Whether slice `low + k` is used `k` coordinates later; else all at once.
    """

    low: int
    high: int
    first: Moment
    last: Moment
    moves: bool

    def shifted(self, moment: Moment, slice_number: int) -> Moment:
        """A moment of slice `low` as one of another slice."""
        traversal, after, coordinate, position = moment
        moved = slice_number - self.low if self.moves else 0
        return (traversal, after, coordinate + moved, position)


@dataclass(frozen=True, slots=True)
class Stay:
    """Slices `low` to `high` of a tensor that come and go in the same way."""

    tensor: str
    elements: int
    low: int
    high: int
    first: Moment
    first_moves: bool
    last: Moment
    last_moves: bool

    def come(self, now: Moment) -> int:
        """Slices that are there, or were, at a moment."""
        return _until(now, self.first, self.first_moves, self.high - self.low + 1)

    def gone(self, now: Moment) -> int:
        """Slices whose last use is over or goes on at a moment."""
        return _until(now, self.last, self.last_moves, self.high - self.low + 1)


def _until(now: Moment, moment: Moment, moves: bool, slices: int) -> int:
    """How many slices have a moment that is not after now; the first has `moment`."""
    if not moves or moment[:2] != now[:2]:
        return slices if moment <= now else 0
    number = now[2] - moment[2] + (1 if moment[3] <= now[3] else 0)
    return min(max(number, 0), slices)


def live(analysis: Streaming, steps: Sequence[Step]) -> Live:
    """The most elements that are live, when, and what is kept whole."""
    stays = list(_stays(analysis, steps))
    running: dict[Phase, list[Step]] = {}
    for step in steps:
        running.setdefault((step.traversal, int(step.when == "after")), []).append(step)
    most, peak = 0, ""
    for phase, own in sorted(running.items()):
        present = [s for s in stays if s.first[:2] <= phase <= s.last[:2]]
        for coordinate in _coordinates(analysis, phase, own, present):
            for elements, einsum in _at(analysis, (*phase, coordinate), own, present):
                if elements > most:
                    most, peak = elements, einsum
    kept = dict.fromkeys(stay.tensor for stay in stays if _grows(stay))
    return Live(most, peak, tuple(kept))


def _grows(stay: Stay) -> bool:
    """Whether many slices are live at a time."""
    if stay.low == stay.high:
        return False
    return not (stay.first_moves and stay.last_moves and stay.first[:2] == stay.last[:2])


def _coordinates(
    analysis: Streaming, phase: Phase, own: Sequence[Step], stays: Sequence[Stay]
) -> list[int]:
    """Where the number of live elements may be largest: next to where a stay begins or ends.

    Between these coordinates it is linear.
    """
    if phase[1]:
        return [0]
    ends = {end for step in own for end in (step.skew, step.skew + analysis.extent - 1)}
    for stay in stays:
        for moment, moves in ((stay.first, stay.first_moves), (stay.last, stay.last_moves)):
            if moment[:2] == phase:
                ends |= {moment[2], moment[2] + (stay.high - stay.low if moves else 0)}
    return sorted({end + more for end in ends for more in (-1, 0, 1)})


def _at(
    analysis: Streaming, place: tuple[int, int, int], own: Sequence[Step], stays: Sequence[Stay]
) -> Iterator[tuple[int, str]]:
    """Live elements while each Einsum runs at one coordinate."""
    start, end = (*place, -2), (*place, len(analysis.position))
    change: Counter[int] = Counter()
    elements = 0
    for stay in stays:
        come, gone = stay.come(start), stay.gone(start)
        elements += stay.elements * (come - gone)
        change[stay.first[3]] += stay.elements * (stay.come(end) - come)
        change[stay.last[3] + 1] -= stay.elements * (stay.gone(end) - gone)
    moments = sorted(change)
    for step in own:
        position = analysis.position[step.einsum]
        while moments and moments[0] <= position:
            elements += change[moments.pop(0)]
        if place[1] or 0 <= place[2] - step.skew < analysis.extent:
            yield elements, step.einsum


def _stays(analysis: Streaming, steps: Sequence[Step]) -> Iterator[Stay]:
    """How the slices of every tensor come and go."""
    readers: dict[str, list[tuple[Einsum, Step, Access]]] = {}
    for einsum, step in zip(analysis.workload.einsums, steps, strict=True):
        for access in (*einsum.inputs, einsum.output):
            readers.setdefault(access.tensor, []).append((einsum, step, access))
    made = {step.einsum: step for step in steps}
    for tensor in analysis.workload.tensors:
        own = readers.get(tensor.name, [])
        slices = _num_slices(analysis, tensor, [access for _, _, access in own])
        uses = [_use(analysis, einsum, step, access, slices) for einsum, step, access in own]
        if tensor.initial is not None and slices > analysis.extent:
            step = made[analysis.makers[tensor.name].name]
            start = (step.traversal, 0 if step.when == "during" else 1, -1, -1)
            uses.append(Use(0, 0, start, start, moves=False))
        elements = prod(tensor.shape) // slices
        phases: Sequence[Phase | None] = [None]
        if any(analysis.is_long(access) for _, _, access in own):
            phases = sorted({use.first[:2] for use in uses})
        for phase in phases:
            part = [use for use in uses if phase is None or use.first[:2] == phase]
            yield from _segments(tensor.name, elements, part)


def _num_slices(analysis: Streaming, tensor: Tensor, accesses: Sequence[Access]) -> int:
    """Coordinates of the rank that a tensor has; 1 if it does not carry it."""
    maker = analysis.makers.get(tensor.name)
    if maker is not None:
        carries = analysis.carries(maker.output)
        return analysis.extent + (analysis.outer in maker.iterative) if carries else 1
    found = 1
    for access in accesses:
        for axis, extent in zip(access.index, tensor.shape, strict=True):
            if (analysis.outer, 1) in axis.terms:
                found = extent
            elif analysis.outer in dict(axis.terms):
                found = analysis.extent
    return found


def _use(analysis: Streaming, einsum: Einsum, step: Step, access: Access, slices: int) -> Use:
    position = analysis.position[einsum.name]
    last = analysis.extent - 1
    during = step.when == "during"
    moves = during and analysis.outer in {rank.name for rank in einsum.ranks}
    phase = (step.traversal, 0 if during else 1)
    whole = (
        (*phase, step.skew if during else 0, position),
        (*phase, step.skew + last if during else 0, position),
    )
    offset = _offset(analysis, access)
    if slices == 1:
        return Use(0, 0, whole[0], whole[1], moves=False)
    if not analysis.carries(access):
        fixed = _fixed(analysis, access)
        low, high = (fixed, fixed) if fixed is not None else (0, slices - 1)
        return Use(low, high, whole[0], whole[1], moves=False)
    width = analysis.width(einsum, access)
    low = max(offset, 0)
    high = min(offset + last + width, slices - 1)
    if not moves:
        moment = (*phase, 0, position)
        return Use(low, high, moment, moment, moves=False)
    at = step.skew + low - offset  # padding: the first slice is not that of the first coordinate
    return Use(low, high, (*phase, at - width, position), (*phase, at, position), moves=True)


def _offset(analysis: Streaming, access: Access) -> int:
    """The slice that the first coordinate reads first."""
    return next((axis.offset for axis in access.index if (analysis.outer, 1) in axis.terms), 0)


def _fixed(analysis: Streaming, access: Access) -> int | None:
    """The slice that an access at a fixed index reads."""
    maker = analysis.makers.get(access.tensor)
    if maker is None:
        return None
    for written, read in zip(maker.output.index, access.index, strict=True):
        if written.terms == ((analysis.outer, 1),) and not read.terms:
            return read.offset
    return None


def _segments(name: str, elements: int, uses: Sequence[Use]) -> Iterator[Stay]:
    """Stays of slices, cut where another use becomes the first or the last."""
    if not uses:
        return
    cuts = {use.low for use in uses} | {use.high + 1 for use in uses}
    for one in uses:
        for other in uses:
            if one.moves and not other.moves:
                for moment in (other.first, other.last):
                    for own in (one.first, one.last):
                        place = one.low + moment[2] - own[2]
                        cuts |= {place, place + 1}
    low_end, high_end = min(use.low for use in uses), max(use.high for use in uses)
    ordered = sorted(cut for cut in cuts if low_end <= cut <= high_end + 1)
    for low, after in pairwise(ordered):
        active = [use for use in uses if use.low <= low <= use.high]
        if not active:
            continue
        first = min((use.shifted(use.first, low), use.moves) for use in active)
        last = max((use.shifted(use.last, low), use.moves) for use in active)
        yield Stay(name, elements, low, after - 1, first[0], first[1], last[0], last[1])
