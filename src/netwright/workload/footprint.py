"""The elements that are live while a cascade goes over a rank.

Einsums run in the order of the workload at each coordinate of a traversal, all other ranks at once.
A value is live from the moment it is made or read in until its last use; a long tensor that a later
traversal needs is written out and read in again. A tensor is a row of slices, one a coordinate of
the rank, or several rows where a coordinate moves by several indices; when a slice comes and goes
is a linear function of its number, so that slices are counted and not enumerated. What is read in
another order than that of the coordinates is live as a whole.
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


@dataclass(frozen=True, slots=True)
class Reading:
    """An access of an Einsum, which may be the one that it writes with.

    Attributes:
        einsum: The Einsum.
        step: When it runs.
        access: The access.
    """

    einsum: Einsum
    step: Step
    access: Access

    @property
    def phase(self) -> Phase:
        """When it is, without the coordinate."""
        return self.step.traversal, 0 if self.step.when == "during" else 1


@dataclass(frozen=True, slots=True)
class Walk:
    """How an access walks along the axis that moves with the rank.

    Attributes:
        first: The lowest index at the first coordinate.
        width: How many further ones it touches at each coordinate.
        step: By how much each coordinate moves it; 0 if it touches all at once.
    """

    first: int
    width: int
    step: int = 0


@dataclass(frozen=True, slots=True)
class Slices:
    """Every step-th index of an axis.

    Attributes:
        low: The first.
        step: From one to the next.
        length: How many there are.
        count: How many such rows there are, beginning at `low` and the indices after it.
    """

    low: int
    step: int
    length: int
    count: int

    def from_(self, index: int) -> int:
        """The first slice that is not before an index."""
        return max(0, -((self.low - index) // self.step))

    def until(self, index: int) -> int:
        """The last slice that is not after an index."""
        return min(self.length - 1, (index - self.low) // self.step)


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
    readers: dict[str, list[Reading]] = {}
    for einsum, step in zip(analysis.workload.einsums, steps, strict=True):
        for access in (*einsum.inputs, einsum.output):
            readers.setdefault(access.tensor, []).append(Reading(einsum, step, access))
    for tensor in analysis.workload.tensors:
        own = readers.get(tensor.name, [])
        axis = _axis(analysis, tensor, [reading.access for reading in own])
        parts = [own]
        if any(analysis.is_long(reading.access) for reading in own):
            phases = sorted({reading.phase for reading in own})
            parts = [[reading for reading in own if reading.phase == phase] for phase in phases]
        for part in parts:
            if axis is None:
                alone = Slices(0, 1, 1, 1)
                whole = [_use(analysis, reading, Walk(0, 0), alone) for reading in part]
                yield from _segments(tensor.name, prod(tensor.shape), list(filter(None, whole)))
                continue
            walks = [_walk(analysis, reading, axis) for reading in part]
            step_size = next((walk.step for walk in walks if walk.step), 1)
            whole_axis = Walk(0, tensor.shape[axis] - 1)
            walks = [walk if walk.step in (0, step_size) else whole_axis for walk in walks]
            others = prod(tensor.shape) // tensor.shape[axis]
            for slices in _residues(analysis, walks, step_size, tensor.shape[axis]):
                found = [_use(analysis, r, w, slices) for r, w in zip(part, walks, strict=True)]
                uses = [*filter(None, found), *_initial(analysis, tensor, own, part, slices)]
                yield from _segments(tensor.name, others * slices.count, uses)


def _initial(
    analysis: Streaming,
    tensor: Tensor,
    own: Sequence[Reading],
    part: Sequence[Reading],
    slices: Slices,
) -> Iterator[Use]:
    """What running values start from is there from the start."""
    made = next((r for r in own if r.access is r.einsum.output), None)
    if tensor.initial is None or made not in part or made is None:
        return
    before = slices.length - analysis.extent
    if analysis.outer in made.einsum.iterative and before > 0:
        start = (*made.phase, -1, -1)
        yield Use(0, before - 1, start, start, moves=False)


def _axis(analysis: Streaming, tensor: Tensor, accesses: Sequence[Access]) -> int | None:
    """The axis along which a tensor moves with the rank; none if it does not carry it."""
    maker = analysis.makers.get(tensor.name)
    for access in [maker.output] if maker is not None else accesses:
        for number, axis in enumerate(access.index):
            if analysis.outer in dict(axis.terms):
                return number
    return None


def _walk(analysis: Streaming, reading: Reading, axis: int) -> Walk:
    """How an access walks along an axis."""
    extents = {rank.name: rank.extent for rank in reading.einsum.ranks}
    index = reading.access.index[axis]
    step = dict(index.terms).get(analysis.outer, 0)
    moves = step > 0 and not any(
        analysis.outer in dict(other.terms)
        for number, other in enumerate(reading.access.index)
        if number != axis
    )
    first, width = index.offset, 0
    for rank, each in index.terms:
        if rank != analysis.outer or not moves:
            first += min(0, each * (extents[rank] - 1))
            width += abs(each) * (extents[rank] - 1)
    return Walk(first, width, step if moves else 0)


def _residues(
    analysis: Streaming, walks: Sequence[Walk], step: int, length: int
) -> Iterator[Slices]:
    """Elements of an axis by their remainder: every step-th is one slice of each coordinate.

    Remainders between which no walk begins or ends come and go alike, and are taken together.
    """
    ends = {0, length}
    for walk in walks:
        past = walk.first + walk.width + 1
        ends |= {walk.first, past, past + walk.step * (analysis.extent - 1)}
    cuts = sorted({0, step} | {end % step for end in ends})
    for low, after in pairwise(cuts):
        if low < length:
            yield Slices(low, step, -(-(length - low) // step), after - low)


def _use(analysis: Streaming, reading: Reading, walk: Walk, slices: Slices) -> Use | None:
    """The slices that an access uses, and when; none if it uses none of them."""
    position = analysis.position[reading.einsum.name]
    last = analysis.extent - 1
    during = reading.step.when == "during"
    start = reading.step.skew if during else 0
    phase = reading.phase
    begin, end = (*phase, start, position), (*phase, start + last if during else 0, position)
    low = slices.from_(max(walk.first, 0))
    high = slices.until(walk.first + walk.step * last + walk.width)
    if low > high:
        return None
    if not walk.step or not during:
        return Use(low, high, begin, end, moves=False)
    place = slices.low + low * slices.step - walk.first
    leaves, comes = place // walk.step, -((walk.width - place) // walk.step)
    if comes > leaves:
        return None  # between two windows
    # Padding: the first slice is not that of the first coordinate.
    first, final = start + comes, start + leaves
    return Use(low, high, (*phase, first, position), (*phase, final, position), moves=True)


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
