"""A machine that streams: it executes points one by one and counts, and knows no rule of passes.

It goes over the outermost partition of a rank again and again. At a coordinate it executes every
point whose operands are complete; points that touch a long tensor only at their own coordinate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product

from netwright.workload import Access, Einsum, Workload

Element = tuple[str, tuple[int, ...]]


@dataclass
class Point:
    """One point of an Einsum."""

    einsum: Einsum
    coordinate: int | None
    reads: tuple[Element, ...]
    write: Element
    is_bound: bool
    when: tuple[int, int] | None = None
    long_reads: bool = False


@dataclass
class Trace:
    """What the machine did.

    Attributes:
        passes: Traversals in which an element of a long tensor was read.
        traversal: Of every Einsum, the last one in which a point of it was executed.
        footprint: Most elements that were live at a time.
    """

    passes: int
    traversal: dict[str, int] = field(default_factory=dict)
    footprint: int = 0


def trace(workload: Workload, rank: tuple[str, ...]) -> Trace:
    """Stream a workload over a rank."""
    points = [point for einsum in workload.einsums for point in _points(workload, einsum, rank)]
    extent = next(r.extent for e in workload.einsums for r in e.ranks if r.name == rank[0])
    missing = Counter(point.write for point in points)
    _execute(points, missing, (0, 0), None)
    traversal, reading = 0, set()
    while any(point.when is None for point in points):
        traversal += 1
        assert traversal < 30
        for coordinate in range(extent):
            if _execute(points, missing, (traversal, coordinate), coordinate):
                reading.add(traversal)
    last = {e.name: 0 for e in workload.einsums}
    for point in points:
        last[point.einsum.name] = max(last[point.einsum.name], point.when[0])
    # Parts of a pass that the last coordinate allows early do not make a pass.
    late = {p.when[0] for p in points if p.long_reads and p.when[0] == last[p.einsum.name]}
    assert late <= reading
    return Trace(len(late), last, _footprint(workload, rank, points, last, extent, traversal))


def _indices(access: Access, at: dict[str, int]) -> Element:
    return access.tensor, tuple(
        axis.offset + sum(step * at[name] for name, step in axis.terms) for axis in access.index
    )


def _ranks(access: Access) -> set[str]:
    return {name for axis in access.index for name, _ in axis.terms}


def _is_long(workload: Workload, access: Access, rank: tuple[str, ...]) -> bool:
    maker = workload.producers.get(access.tensor)
    own = _ranks(access) | (_ranks(maker.output) if maker else set())
    return rank[0] in _ranks(access) and set(rank) <= own


def _points(workload: Workload, einsum: Einsum, rank: tuple[str, ...]) -> Iterator[Point]:
    names = [r.name for r in einsum.ranks]
    long = [_is_long(workload, access, rank) for access in einsum.inputs]
    bound = any(long) or _is_long(workload, einsum.output, rank)
    for values in product(*(range(r.extent) for r in einsum.ranks)):
        at = dict(zip(names, values, strict=True))
        reads = tuple(_indices(access, at) for access in einsum.inputs)
        write = _indices(einsum.output, at)
        yield Point(einsum, at.get(rank[0]), reads, write, bound, long_reads=any(long))


def _execute(
    points: list[Point], missing: Counter[Element], now: tuple[int, int], coordinate: int | None
) -> bool:
    """Execute what can be executed at a coordinate; whether a long tensor is read."""
    reads, moved = False, True
    while moved:
        moved = False
        for point in points:
            if point.when is not None or any(missing[element] for element in point.reads):
                continue
            if point.is_bound and point.coordinate != coordinate:
                continue
            point.when, moved = now, True
            missing[point.write] -= 1
            reads = reads or point.long_reads
    return reads


def _footprint(
    workload: Workload,
    rank: tuple[str, ...],
    points: list[Point],
    last: dict[str, int],
    extent: int,
    traversals: int,
) -> int:
    """Run again, every Einsum in one traversal or after it, and watch each element.

    An Einsum goes by with a traversal if none of its points waited for a later coordinate than its
    own.
    """
    of = {e.name: [p for p in points if p.einsum is e] for e in workload.einsums}
    goes_by = {
        name: own[0].is_bound or (last[name] > 0 and all(
            p.coordinate is not None and p.when[1] <= p.coordinate
            for p in own if p.when[0] == last[name]
        ))
        for name, own in of.items()
    }  # fmt: skip
    long = {
        access.tensor
        for e in workload.einsums
        for access in (*e.inputs, e.output)
        if _is_long(workload, access, rank)
    }
    touched: dict[tuple[Element, object], list[int]] = {}
    tick, ticks = 0, []
    for number in range(traversals + 1):
        for is_rest in (False, True):
            phase = (number, is_rest)
            own = [e for e in workload.einsums
                   if last[e.name] == number and goes_by[e.name] != is_rest]  # fmt: skip
            tick += 1
            for e in own:  # what running values start from is there from the start
                made = {p.write for p in of[e.name]}
                for element in {x for p in points for x in p.reads if x[0] == e.output.tensor}:
                    if element not in made:
                        _touch(touched, element, phase, long, tick)
            for step in range(1 if is_rest else extent):
                for e in own:
                    tick += 1
                    ticks.append(tick)
                    for p in of[e.name]:
                        if is_rest or p.coordinate == step:
                            for element in (*p.reads, p.write):
                                _touch(touched, element, phase, long, tick)
    begins = Counter(moments[0] for moments in touched.values())
    ends = Counter(moments[1] for moments in touched.values())
    live, most = 0, 0
    for now in range(tick + 1):
        live += begins[now]
        most = max(most, live) if now in set(ticks) else most
        live -= ends[now]
    return most


def _touch(
    touched: dict[tuple[Element, object], list[int]],
    element: Element,
    phase: tuple[int, bool],
    long: set[str],
    tick: int,
) -> None:
    moments = touched.setdefault((element, phase if element[0] in long else None), [tick, tick])
    moments[1] = tick
