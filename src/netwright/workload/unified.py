"""Ranks that mean the same in every Einsum of a workload."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from netwright.ir.einsums.einsum import Access, Affine, Einsum, Rank
from netwright.workload.workload import Workload

Name = tuple[str, str]
"""An Einsum and the name of a rank in it."""


def unified(workload: Workload) -> Workload:
    """Rename ranks so that one name stands for one thing everywhere.

    Importers name ranks for each operator anew. Ranks are the same where they walk along the same
    axis of a tensor, element by element. Where that would make two ranks of one Einsum the same, as
    in self-attention, whose queries and keys are the same tokens, the reader's rank stays another
    one. Names are those of the Einsum in which a rank appears first: ``scores.K``.

    Args:
        workload: From an importer or a builder; in cascades of text names mean the same already.
    """
    classes = _Classes(workload)
    names: dict[Name, str] = {}
    for einsum in workload.einsums:
        for rank in einsum.ranks:
            first = classes.find((einsum.name, rank.name))
            names.setdefault(first, f"{einsum.name}.{rank.name}")
    return replace(
        workload, einsums=tuple(_renamed(einsum, names, classes) for einsum in workload.einsums)
    )


class _Classes:
    """Ranks that are the same, found by union."""

    def __init__(self, workload: Workload) -> None:
        self.parent: dict[Name, Name] = {}
        self.members: dict[Name, dict[str, str]] = {}
        axes: dict[tuple[str, int], Name] = {}
        for einsum in workload.einsums:
            for rank in einsum.ranks:
                name = (einsum.name, rank.name)
                self.parent[name] = name
                self.members[name] = {einsum.name: rank.name}
            for access in (*einsum.inputs, einsum.output):
                for axis, rank_name in _walked(workload, einsum, access):
                    name = (einsum.name, rank_name)
                    self._join(axes.setdefault((access.tensor, axis), name), name)

    def find(self, name: Name) -> Name:
        """The first name of a class."""
        while self.parent[name] != name:
            self.parent[name] = self.parent[self.parent[name]]
            name = self.parent[name]
        return name

    def _join(self, one: Name, other: Name) -> None:
        kept, gone = self.find(one), self.find(other)
        if kept == gone:
            return
        if len(self.members[kept]) < len(self.members[gone]):
            kept, gone = gone, kept
        if any(self.members[kept].get(e, rank) != rank for e, rank in self.members[gone].items()):
            return
        self.parent[gone] = kept
        self.members[kept] |= self.members.pop(gone)


def _walked(workload: Workload, einsum: Einsum, access: Access) -> Iterator[tuple[int, str]]:
    """Axes that one rank walks along from end to end, perhaps with a window around it."""
    extents = {rank.name: rank.extent for rank in einsum.ranks}
    shape = workload.by_name[access.tensor].shape
    for number, axis in enumerate(access.index):
        moving = [(rank, step) for rank, step in axis.terms if extents[rank] > 1]
        own = [rank for rank, step in moving if step == 1 and extents[rank] == shape[number]]
        if len(moving) == 1 and moving[0][1] == 1:
            yield number, moving[0][0]
        elif len(own) == 1:
            yield number, own[0]


def _renamed(einsum: Einsum, names: dict[Name, str], classes: _Classes) -> Einsum:
    """The Einsum in names of its workload; ranks of extent 1, which do not move, are left out."""
    own = {
        rank.name: names[classes.find((einsum.name, rank.name))]
        for rank in einsum.ranks
        if rank.extent > 1
    }

    def access(old: Access) -> Access:
        return Access(
            old.tensor,
            tuple(
                Affine(tuple((own[r], step) for r, step in axis.terms if r in own), axis.offset)
                for axis in old.index
            ),
        )

    return replace(
        einsum,
        ranks=tuple(Rank(own[r.name], r.extent) for r in einsum.ranks if r.name in own),
        output=access(einsum.output),
        inputs=tuple(access(old) for old in einsum.inputs),
        iterative=tuple(own[rank] for rank in einsum.iterative if rank in own),
    )
