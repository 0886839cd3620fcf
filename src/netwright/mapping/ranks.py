"""Ranks of different Einsums that walk along one axis of a tensor are one rank, with one name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from netwright.workload import Access, Affine, Einsum, Rank, Workload

Own = tuple[str, str]
"""Name of an Einsum, and of one of its ranks."""


def aligned(workload: Workload) -> Workload:
    """The workload with one name for each rank that Einsums share; tensors and order stay.

    Two ranks are one if they walk, step by step and as far, along one axis of a tensor that both
    Einsums access. Two ranks of one Einsum stay two, as queries and keys of self-attention, which
    both come from one axis of tokens. A rank keeps its name if no other one has it, else it is
    called ``einsum.rank`` after the first Einsum that has it.
    """
    classes = _Classes()
    for einsum in workload.einsums:
        for rank in einsum.ranks:
            classes.add((einsum.name, rank.name))
    seen: dict[tuple[str, int], tuple[Own, int]] = {}
    for einsum, access in _accesses(workload):
        extents = {rank.name: rank.extent for rank in einsum.ranks}
        shift = workload.by_name[access.tensor].initial is not None
        for number, axis in enumerate(access.index):
            if len(axis.terms) != 1 or axis.terms[0][1] != 1 or (axis.offset and not shift):
                continue
            own = einsum.name, axis.terms[0][0]
            first, extent = seen.setdefault((access.tensor, number), (own, extents[own[1]]))
            if extent == extents[own[1]]:
                classes.join(first, own)
    names = classes.names()
    return replace(workload, einsums=tuple(_renamed(e, names) for e in workload.einsums))


def _accesses(workload: Workload) -> Iterator[tuple[Einsum, Access]]:
    """Writes first: a reader follows its maker."""
    for einsum in workload.einsums:
        yield einsum, einsum.output
    for einsum in workload.einsums:
        yield from ((einsum, access) for access in einsum.inputs)


class _Classes:
    """Sets of ranks that are one; no two of one Einsum."""

    def __init__(self) -> None:
        self._class_of: dict[Own, int] = {}
        self._members: dict[int, dict[str, str]] = {}

    def add(self, own: Own) -> None:
        number = len(self._class_of)
        self._class_of[own] = number
        self._members[number] = {own[0]: own[1]}

    def join(self, one: Own, other: Own) -> None:
        into, gone = self._class_of[one], self._class_of[other]
        if into == gone or self._members[into].keys() & self._members[gone].keys():
            return
        for einsum, rank in self._members.pop(gone).items():
            self._class_of[einsum, rank] = into
            self._members[into][einsum] = rank

    def names(self) -> dict[Own, str]:
        """A name for each rank, those of one class alike."""
        found: dict[int, str] = {}
        taken: set[str] = set()
        for (einsum, rank), number in self._class_of.items():
            if number not in found:
                found[number] = rank if rank not in taken else f"{einsum}.{rank}"
                taken.add(found[number])
        return {own: found[number] for own, number in self._class_of.items()}


def _renamed(einsum: Einsum, names: dict[Own, str]) -> Einsum:
    def new(rank: str) -> str:
        return names[einsum.name, rank]

    def moved(access: Access) -> Access:
        index = (
            Affine(tuple((new(rank), step) for rank, step in axis.terms), axis.offset)
            for axis in access.index
        )
        return Access(access.tensor, tuple(index))

    return replace(
        einsum,
        ranks=tuple(Rank(new(rank.name), rank.extent) for rank in einsum.ranks),
        output=moved(einsum.output),
        inputs=tuple(moved(access) for access in einsum.inputs),
        iterative=tuple(new(rank) for rank in einsum.iterative),
    )
