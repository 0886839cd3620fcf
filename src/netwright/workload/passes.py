"""How often a cascade must go over a rank, and what it must keep while it does.

A traversal visits the coordinates of a rank in order, once. In a traversal every Einsum may run at
the coordinates that go by, on values that were made at the same or an earlier one; what is reduced
over the rank is complete when the traversal ends. A rank in partitions (``m1`` and ``m0``) is
visited by its outermost one, and a tile of the others lies in the buffer. An Einsum that reads a
window of what is made lags behind by as much as the window reaches ahead.

Tensors that carry all partitions are *long*: they are read again in every traversal that needs
them. Tensors that carry only outer ones stay in the buffer where that is needed, and so do those
that do not carry the rank.

The number of passes is the number of traversals in which a long tensor is read. It bounds from
below the traffic of a machine that cannot keep the whole rank, or its buffer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from netwright.errors import ConfigError, GraphError
from netwright.ir.einsums.einsum import Access, Einsum
from netwright.workload.cycles import is_cyclic
from netwright.workload.workload import Workload

When = Literal["during", "after"]


@dataclass(frozen=True, slots=True)
class Step:
    """When an Einsum runs.

    Attributes:
        einsum: Its name.
        traversal: Number of the traversal, from 1; of an Einsum that runs between two, the number
            of the one before, 0 before all.
        when: In the traversal, coordinate by coordinate, or after it, at once.
        skew: Coordinates that it lags behind, where it reads ahead of what is made.
        reads: Long tensors that it reads.
    """

    einsum: str
    traversal: int
    when: When
    skew: int = 0
    reads: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Live:
    """The fullest moment.

    Attributes:
        elements: That are live.
        peak: The Einsum that runs.
        kept: Tensors that carry a part of the rank and are kept whole at some time; if there are
            none, the elements do not depend on the extent of the rank.
    """

    elements: int
    peak: str
    kept: tuple[str, ...]


@dataclass(frozen=True)
class Passes:
    """How a cascade goes over a rank.

    Attributes:
        streaming: The cascade and the partitions of the rank, outermost first.
        steps: Every Einsum, in the order of the workload.
        reasons: What forces each traversal after the first.
    """

    streaming: Streaming
    steps: tuple[Step, ...]
    reasons: tuple[str, ...]

    @cached_property
    def live(self) -> Live:
        """What lies in the buffer when it is fullest."""
        from netwright.workload.footprint import live

        return live(self.streaming, self.steps)

    @property
    def footprint(self) -> int:
        """Most elements that are live at a time."""
        return self.live.elements

    @property
    def count(self) -> int:
        """Traversals in which a tensor that carries the whole rank is read."""
        return len({step.traversal for step in self.steps if step.reads})

    @property
    def rank(self) -> tuple[str, ...]:
        """Partitions of the rank, outermost first."""
        return self.streaming.rank

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
    analysis = Streaming(workload, partitions(workload, rank))
    steps = analysis.steps()
    return Passes(analysis, steps, tuple(_reasons(analysis, steps)))


def rank_names(workload: Workload) -> tuple[str, ...]:
    """All ranks of a workload by name; partitions, such as ``m1`` and ``m0``, as one."""
    names = dict.fromkeys(rank.name for einsum in workload.einsums for rank in einsum.ranks)
    stems = [_stem(name) for name in names]
    shared = {stem for stem in stems if stems.count(stem) > 1 and stem not in names}
    return tuple(
        dict.fromkeys(
            stem if stem in shared else name for stem, name in zip(stems, names, strict=True)
        )
    )


def _stem(name: str) -> str:
    """A name without last digits; names with a dot number axes, not partitions."""
    return name if "." in name else name.rstrip("0123456789") or name


def partitions(workload: Workload, rank: str | Sequence[str]) -> tuple[str, ...]:
    """The ranks of a workload that a name stands for, outermost first.

    Raises:
        ConfigError: There are none.
    """
    names = dict.fromkeys(rank.name for einsum in workload.einsums for rank in einsum.ranks)
    if isinstance(rank, str) and rank not in names:
        parts = [name for name in names if _stem(name) == rank]
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

    def ahead(self, einsum: Einsum, access: Access) -> int | None:
        """How many coordinates after its own an Einsum reads what another makes.

        0 or less where it is made at the same coordinate or before; none if the whole tensor is
        read, or in another order.
        """
        if self.outer not in {rank.name for rank in einsum.ranks}:
            return None
        made = self.makers[access.tensor].output.index
        for written, read in zip(made, access.index, strict=True):
            if self.outer not in dict(written.terms):
                continue
            if written == read:
                return 0
            if written.terms != ((self.outer, 1),) or (self.outer, 1) not in read.terms:
                return None
            others = {rank for rank, _ in read.terms} - {self.outer}
            if others & set(self.rank):
                return None
            return read.offset + self.width(einsum, access) - written.offset
        return None

    def width(self, einsum: Einsum, access: Access) -> int:
        """Further coordinates that one coordinate reads: those of a window."""
        extents = {rank.name: rank.extent for rank in einsum.ranks}
        return sum(
            step * (extents[rank] - 1)
            for axis in access.index
            if (self.outer, 1) in axis.terms
            for rank, step in axis.terms
            if rank not in self.rank and step > 0
        )

    def steps(self) -> tuple[Step, ...]:
        """When every Einsum runs: as early as it can; those of a cycle run together.

        Raises:
            GraphError: Every point of another iterative rank goes over the rank again.
        """
        done: dict[str, Step] = {}
        for members in self.workload.together:
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
        ahead = self.ahead(einsum, access)
        if maker.when == "during" and ahead is not None:
            return Step("", maker.traversal, "during", maker.skew + max(ahead, 0))
        if streams:
            return Step("", maker.traversal + 1, "during")
        return Step("", maker.traversal, "after")


def _order(step: Step) -> tuple[int, bool, int]:
    return step.traversal, step.when == "after", step.skew


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
    if waited not in step.reads:
        verb += f' together with "{waited}"'
    others = " from ".join(f'"{tensor}"' for tensor in chain[1:])
    through = f", which comes from {others}" if others else ""
    ended = (
        f"reduced {analysis.outer}" if analysis.reduces(maker) else f"gone over {analysis.outer}"
    )
    return (
        f'"{einsum.name}" {verb}{through}; that is complete only when '
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
        if maker.when == "after" or analysis.ahead(einsum, access) is None:
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
