"""Walking a mapping access by access, and counting what crosses the chip's border."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from netwright.arch import Architecture
from netwright.mapping.legality import check_legal, stays_of
from netwright.mapping.mapping import Mapping
from netwright.workload import Workload

TransferKind = Literal["fetch", "retrieve", "spill", "store", "move"]
"""``fetch``: first read of an input or weight. ``store``: write of a network output. Both are
compulsory. ``spill``: write of a tensor that must come back. ``retrieve``: any later read.
``move``: a tensor goes on at another address without a step in between; it stays on the chip."""

COMPULSORY: tuple[TransferKind, ...] = ("fetch", "store")


@dataclass(frozen=True, slots=True)
class Transfer:
    """One tensor crossing the border between the chip and its off-chip memory, or moving on it.

    Attributes:
        step: Reads come before the step runs, writes after.
        tensor: Name of the tensor.
        num_bytes: Size, in whole lines.
        kind: Direction and reason.
    """

    step: int
    tensor: str
    num_bytes: int
    kind: TransferKind


@dataclass(frozen=True, slots=True)
class Traffic:
    """All transfers of a mapping, in order of time."""

    transfers: tuple[Transfer, ...]

    def num_bytes(self, *kinds: TransferKind) -> int:
        """Bytes of transfers of these kinds."""
        return sum(t.num_bytes for t in self.transfers if t.kind in kinds)

    @property
    def compulsory_bytes(self) -> int:
        """Bytes that any mapping moves: inputs (and weights) once in, outputs once out."""
        return self.num_bytes(*COMPULSORY)

    @property
    def non_compulsory_bytes(self) -> int:
        """Bytes spilled and retrieved, the objective of the paper (its equation 12)."""
        return self.num_bytes("spill", "retrieve")


def replay(workload: Workload, architecture: Architecture, mapping: Mapping) -> Traffic:
    """Execute a mapping step by step and record every transfer.

    A tensor that ends its stay and stays again later is written out first, unless a valid copy
    lies off-chip already: because it is an input or weight, was stored as a network output, or was
    spilled before. A stay that begins right after another of the same tensor in the same memory is
    a move within that memory.

    Raises:
        MappingError: The mapping is not legal.
    """
    check_legal(workload, architecture, mapping)
    return Traffic(tuple(_transfers(workload, architecture, mapping)))


def _transfers(
    workload: Workload, architecture: Architecture, mapping: Mapping
) -> Iterator[Transfer]:
    lines = {memory.name: memory.line_bytes for memory in architecture.memories}
    stays = stays_of(mapping)
    steps = {name: step for step, name in enumerate(mapping.order)}
    produced = {einsum.output.tensor: steps[einsum.name] for einsum in workload.einsums}
    copies = {tensor.name for tensor in workload.tensors if tensor.is_external}
    fetched: set[str] = set()
    begins: dict[int, list[tuple[str, bool]]] = {}
    ends: dict[int, list[str]] = {}
    sizes: dict[str, int] = {}
    for name, own in stays.items():
        moves = [a.last + 1 == b.first and a.memory == b.memory for a, b in pairwise(own)]
        line = lines[own[0].memory]
        sizes[name] = -(-workload.by_name[name].num_bytes // line) * line
        for stay, comes_by_move, leaves in zip(
            own, (False, *moves), (*(not move for move in moves), False), strict=True
        ):
            begins.setdefault(stay.first, []).append((name, comes_by_move))
            if leaves:
                ends.setdefault(stay.last, []).append(name)
    for step in range(len(mapping.order)):
        for name, comes_by_move in begins.get(step, ()):
            if comes_by_move:
                yield Transfer(step, name, sizes[name], "move")
            elif produced.get(name) != step:
                first_read = name in copies and name not in fetched and name not in produced
                fetched.add(name)
                yield Transfer(step, name, sizes[name], "fetch" if first_read else "retrieve")
        for name in workload.outputs:
            if produced.get(name) == step:
                copies.add(name)
                yield Transfer(step, name, sizes[name], "store")
        for name in ends.get(step, ()):
            if name not in copies:
                copies.add(name)
                yield Transfer(step, name, sizes[name], "spill")
