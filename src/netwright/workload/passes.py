"""How often a cascade must go over a rank, and what it must keep while it does.

A traversal visits the coordinates of a rank in order, once. In a traversal every Einsum may run at
the coordinates that go by, on values that were made at the same or an earlier one; what is reduced
over the rank is complete when the traversal ends. A rank in partitions (``m1`` and ``m0``) is
visited by its outermost one, and a tile of the others lies in the buffer. Tensors that carry all
partitions are *long*: they are read again in every traversal that needs them. Tensors that carry
only outer ones stay in the buffer where that is needed, and so do those that do not carry the rank.

The number of passes is the number of traversals in which a long tensor is read. It bounds from
below the traffic of a machine that cannot keep the whole rank, or its buffer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from netwright.errors import ConfigError, GraphError
from netwright.workload.cycles import groups, is_cyclic
from netwright.workload.einsum import Access, Einsum, Workload

When = Literal["during", "after"]


@dataclass(frozen=True, slots=True)
class Step:
    """When an Einsum runs.

    Attributes:
        einsum: Its name.
        traversal: Number of the traversal, from 1; of an Einsum that runs between two, the number
            of the one before, 0 before all.
        when: In the traversal, coordinate by coordinate, or after it, at once.
        reads: Long tensors that it reads.
    """

    einsum: str
    traversal: int
    when: When
    reads: tuple[str, ...] = ()


@dataclass(frozen=True)
class Passes:
    """How a cascade goes over a rank.

    Attributes:
        rank: Partitions of the rank, outermost first.
        extent: Coordinates of the outermost one.
        steps: Every Einsum, in the order of the workload.
        reasons: What forces each traversal after the first.
        footprint: Most elements that are live at a time.
        peak: The Einsum during which they are.
        kept: Tensors that carry a part of the rank and are kept whole; if there are none, the
            footprint does not depend on the extent.
    """

    rank: tuple[str, ...]
    extent: int
    steps: tuple[Step, ...]
    reasons: tuple[str, ...]
    footprint: int
    peak: str
    kept: tuple[str, ...]

    @property
    def count(self) -> int:
        """Traversals in which a tensor that carries the whole rank is read."""
        return len({step.traversal for step in self.steps if step.reads})

    @cached_property
    def levels(self) -> Mapping[str, int]:
        """The pass in which each Einsum reads the whole rank; others are left out."""
        used = sorted({step.traversal for step in self.steps if step.reads})
        return {step.einsum: 1 + used.index(step.traversal) for step in self.steps if step.reads}

    @property
    def read_again(self) -> tuple[str, ...]:
        """Long tensors that are read in more than one traversal, or in a later than they are made.

        A machine with one pass less would have to keep them whole.
        """
        made = {step.einsum: step.traversal for step in self.steps}
        found: dict[str, set[int]] = {}
        for step in self.steps:
            for name in step.reads:
                own = {made[name]} if name in made else set()
                found.setdefault(name, own).add(step.traversal)
        return tuple(name for name, traversals in found.items() if len(traversals) > 1)


def passes(workload: Workload, rank: str | Sequence[str]) -> Passes:
    """Derive how often a workload goes over a rank.

    Args:
        workload: Unfused; a rank must mean the same in all its Einsums, as in cascades of text.
        rank: Its name, which stands for its partitions as well (``m`` for ``m1`` and ``m0``), or
            the partitions, outermost first.

    Raises:
        ConfigError: There is no such rank.
    """
    from netwright.workload.footprint import footprint

    analysis = Streaming(workload, partitions(workload, rank))
    steps = analysis.steps()
    live, peak, kept = footprint(analysis, steps)
    reasons = tuple(_reasons(analysis, steps))
    return Passes(analysis.rank, analysis.extent, steps, reasons, live, peak, kept)


def rank_names(workload: Workload) -> tuple[str, ...]:
    """All ranks of a workload by name, those whose names differ only in a last digit as one."""
    names = dict.fromkeys(rank.name for einsum in workload.einsums for rank in einsum.ranks)
    stems = [name.rstrip("0123456789") or name for name in names]
    shared = {stem for stem in stems if stems.count(stem) > 1 and stem not in names}
    return tuple(
        dict.fromkeys(
            stem if stem in shared else name for stem, name in zip(stems, names, strict=True)
        )
    )


def partitions(workload: Workload, rank: str | Sequence[str]) -> tuple[str, ...]:
    """The ranks of a workload that a name stands for, outermost first.

    Raises:
        ConfigError: There are none.
    """
    names = dict.fromkeys(rank.name for einsum in workload.einsums for rank in einsum.ranks)
    if isinstance(rank, str) and rank not in names:
        parts = [name for name in names if name.rstrip("0123456789") == rank]
        wanted = tuple(sorted(parts, key=lambda name: -int(name[len(rank) :])))
    else:
        wanted = (rank,) if isinstance(rank, str) else tuple(rank)
    if not wanted or any(name not in names for name in wanted):
        shown = rank if isinstance(rank, str) else ", ".join(rank)
        raise ConfigError(
            f'"{workload.name}" has no rank "{shown}"',
            hint=f"ranks are {', '.join(rank_names(workload))}",
        )
    return wanted


class Streaming:
    """A workload and the rank along which it is streamed."""

    def __init__(self, workload: Workload, rank: tuple[str, ...]) -> None:
        self.workload = workload
        self.rank = rank
        self.outer = rank[0]
        self.makers = workload.producers
        self.position = {einsum.name: n for n, einsum in enumerate(workload.einsums)}
        extents = {r.name: r.extent for einsum in workload.einsums for r in einsum.ranks}
        self.extent = extents[self.outer]

    def carries(self, access: Access) -> bool:
        """Whether an access moves with the outermost partition."""
        return any(rank == self.outer for axis in access.index for rank, _ in axis.terms)

    def is_long(self, access: Access) -> bool:
        """Whether an access moves over all partitions of the rank."""
        maker = self.makers.get(access.tensor)
        seen = {rank for axis in access.index for rank, _ in axis.terms}
        if maker is not None and self.outer in seen:
            seen |= {rank for axis in maker.output.index for rank, _ in axis.terms}
        return set(self.rank) <= seen

    def streams(self, einsum: Einsum) -> bool:
        """Whether it can run only while a traversal goes by."""
        return any(self.is_long(access) for access in (*einsum.inputs, einsum.output))

    def aligned(self, einsum: Einsum, access: Access) -> bool:
        """Whether an Einsum reads at each coordinate what is made there or before."""
        moves = self.outer in {rank.name for rank in einsum.ranks}
        for written, read in zip(
            self.makers[access.tensor].output.index, access.index, strict=True
        ):
            if self.outer in dict(written.terms):
                alone = written.terms == read.terms == ((self.outer, 1),)
                return moves and (written == read or (alone and read.offset <= written.offset))
        return False

    def steps(self) -> tuple[Step, ...]:
        """When every Einsum runs: as early as it can; those of a cycle run together.

        Raises:
            GraphError: Every point of another iterative rank goes over the rank again.
        """
        done: dict[str, Step] = {}
        for group in groups(self.workload.einsums):
            members = [self.workload.einsums[place] for place in group]
            self._check(members)
            latest = self._together(members, done)
            for einsum in members:
                reads = tuple(dict.fromkeys(a.tensor for a in einsum.inputs if self.is_long(a)))
                done[einsum.output.tensor] = replace(latest, einsum=einsum.name, reads=reads)
        return tuple(done[einsum.output.tensor] for einsum in self.workload.einsums)

    def _check(self, members: Sequence[Einsum]) -> None:
        iterative = [rank for einsum in members for rank in einsum.iterative]
        reduces = [einsum for einsum in members if self.reduces(einsum)]
        if is_cyclic(members) and reduces and iterative and self.outer not in iterative:
            raise GraphError(
                f"every point of iterative rank {iterative[0]} goes over {self.outer} again",
                node=reduces[0].name,
            )

    def reduces(self, einsum: Einsum) -> bool:
        """Whether it combines all coordinates of the outermost partition."""
        moves = self.outer in {rank.name for rank in einsum.ranks}
        return moves and not self.carries(einsum.output)

    def _together(self, members: Sequence[Einsum], done: Mapping[str, Step]) -> Step:
        """The earliest step at which the operands from outside allow all members to run."""
        streams = any(self.streams(einsum) for einsum in members)
        latest = Step("", 1, "during") if streams else Step("", 0, "after")
        for einsum in members:
            for access in einsum.inputs:
                if access.tensor in done:
                    maker = done[access.tensor]
                    earliest = self._after(einsum, access, maker, streams=streams)
                    latest = max(latest, earliest, key=_order)
        return latest

    def _after(self, einsum: Einsum, access: Access, maker: Step, *, streams: bool) -> Step:
        """The earliest step at which one operand allows an Einsum to run."""
        if maker.when == "during" and self.aligned(einsum, access):
            return Step("", maker.traversal, "during")
        if streams:
            return Step("", maker.traversal + 1, "during")
        return Step("", maker.traversal, "after")


def _order(step: Step) -> tuple[int, bool]:
    return step.traversal, step.when == "after"


def _reasons(analysis: Streaming, steps: Sequence[Step]) -> Iterator[str]:
    """For each traversal after the first the Einsum that needs it, and what it waits for."""
    by_tensor = {
        einsum.output.tensor: step
        for einsum, step in zip(analysis.workload.einsums, steps, strict=True)
    }
    seen = {0, 1}
    for einsum, step in zip(analysis.workload.einsums, steps, strict=True):
        if step.traversal in seen or step.when != "during":
            continue
        waited = _waited(analysis, einsum, step.traversal - 1, by_tensor)
        if waited:
            seen.add(step.traversal)
            yield f"traversal {step.traversal}: {_why(analysis, einsum, step, waited, by_tensor)}"


def _why(
    analysis: Streaming, einsum: Einsum, step: Step, waited: str, by_tensor: Mapping[str, Step]
) -> str:
    before = step.traversal - 1
    chain = _chain(analysis, waited, before, by_tensor)
    maker = analysis.makers[chain[-1]]
    name = analysis.outer if len(analysis.rank) == 1 else " and ".join(analysis.rank)
    long = " and ".join(f'"{tensor}"' for tensor in step.reads)
    verb = f"reads {long} along {name}" if long else f"writes along {name}"
    others = " from ".join(f'"{tensor}"' for tensor in chain[1:])
    through = f", which comes from {others}" if others else ""
    ended = (
        f"reduced {analysis.outer}" if analysis.reduces(maker) else f"gone over {analysis.outer}"
    )
    return (
        f'"{einsum.name}" {verb} together with "{waited}"{through}; that is complete only when '
        f'"{maker.name}" has {ended}, at the end of traversal {before}'
    )


def _waited(
    analysis: Streaming, einsum: Einsum, traversal: int, by_tensor: Mapping[str, Step]
) -> str:
    """The operand of an Einsum that is complete only after a traversal; empty if none is."""
    for access in einsum.inputs:
        maker = by_tensor.get(access.tensor)
        if maker is None or maker.traversal != traversal:
            continue
        if maker.when == "after" or not analysis.aligned(einsum, access):
            return access.tensor
    return ""


def _chain(
    analysis: Streaming, tensor: str, traversal: int, by_tensor: Mapping[str, Step]
) -> list[str]:
    """A tensor and what it waits for, down to the one that is made in the traversal."""
    chain = [tensor]
    while by_tensor[chain[-1]].when == "after":
        einsum = analysis.makers[chain[-1]]
        waited = _waited(analysis, einsum, traversal, by_tensor)
        if not waited or waited in chain:
            break
        chain.append(waited)
    return chain
