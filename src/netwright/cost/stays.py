"""What tensors that stay in a memory between the steps of a network cost, and what they spare.

A step whose operands all stay in a memory runs below it: it neither reads nor writes what lies
outside. What comes and goes meanwhile is read off the stays by :func:`netwright.mapping.replay`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from netwright.arch import Architecture, Link
from netwright.cost.counts import Action, Counts
from netwright.errors import ConfigError
from netwright.mapping.homes import homes
from netwright.mapping.mapping import Mapping
from netwright.mapping.replay import Transfer, replay
from netwright.workload import Einsum, Workload, bytes_touched

TRANSFERS = (
    "tensors come and go whole: a step begins when all its operands are there, and results leave "
    "after it"
)
WEIGHTS = "weights have a place of their own, filled from outside once while their step runs"

INWARD = ("fetch", "retrieve")


@dataclass(frozen=True)
class Stays:
    """A mapping whose steps all run in one memory.

    Attributes:
        workload: The network.
        architecture: The machine.
        memory: Name of the memory.
        inside: The machine below it.
        places_weights: Whether weights stay there as well.
        transfers: What comes and goes at each Einsum, by name.
    """

    workload: Workload
    architecture: Architecture
    memory: str
    inside: Architecture
    places_weights: bool
    transfers: dict[str, tuple[Transfer, ...]]

    @classmethod
    def of(cls, workload: Workload, architecture: Architecture, mapping: Mapping) -> Stays:
        """The stays of a legal mapping.

        Raises:
            ConfigError: Einsums run in groups, or under loop nests at the root; or not all steps
                have their operands in one memory, and that above all compute units.
        """
        below = homes(workload, mapping)
        root = architecture.root.name
        taken = {name for group in mapping.groups for name in group.einsums}
        taken |= {n for n, own in mapping.nests.items() if any(k.memory == root for k in own.keeps)}
        other = [name for name in mapping.order if name in taken or name not in below]
        if other:
            raise ConfigError(
                f'with stays every Einsum must run in the memory of its operands; "{other[0]}" '
                "does not",
                hint="give the stays of all operands, as netwright map --write does, and no group "
                "and no loop nest that begins at the root",
            )
        memories = sorted(set(below.values()))
        if len(memories) > 1:
            raise ConfigError(
                f"an estimate takes stays in one memory, and these are in {', '.join(memories)}"
            )
        found: dict[str, tuple[Transfer, ...]] = {}
        for transfer in replay(workload, architecture, mapping).transfers:
            name = mapping.order[transfer.step]
            found[name] = (*found.get(name, ()), transfer)
        (memory,) = memories
        return cls(
            workload, architecture, memory, architecture.below(memory), mapping.places_weights,
            found,
        )  # fmt: skip

    def moved(self, einsum: str) -> Counts | None:
        """What comes before an Einsum and goes after it; none if nothing does."""
        own = self.transfers.get(einsum, ())
        if not own:
            return None
        actions = tuple(action for transfer in own for action in self._actions(transfer))
        return Counts(f"{einsum}, in and out", "transfers", (), actions, (TRANSFERS,))

    def with_weights(self, counts: Counts, einsum: Einsum) -> Counts:
        """What an Einsum does, and the weights that it reads from outside meanwhile."""
        if self.places_weights:
            return counts
        read = [n for n in einsum.reads if self.workload.by_name[n].kind == "weight"]
        if not read:
            return counts
        sizes = ((name, 8 * bytes_touched(self.workload, einsum, name)) for name in read)
        extra = tuple(action for name, bits in sizes for action in self._inward(name, bits))
        return replace(
            counts,
            actions=(*counts.actions, *extra),
            assumptions=(*counts.assumptions, WEIGHTS),
        )

    def _actions(self, transfer: Transfer) -> Iterator[Action]:
        bits = 8 * transfer.num_bytes
        if transfer.kind == "move":
            yield Action(self.memory, "read", bits, transfer.tensor)
            yield Action(self.memory, "write", bits, transfer.tensor)
        elif transfer.kind in INWARD:
            yield from self._inward(transfer.tensor, bits)
        else:
            yield Action(self.memory, "read", bits, transfer.tensor)
            yield from self._crossed(transfer.tensor, bits)
            yield Action(self.architecture.root.name, "write", bits, transfer.tensor)

    def _inward(self, tensor: str, bits: int) -> Iterator[Action]:
        yield Action(self.architecture.root.name, "read", bits, tensor)
        yield from self._crossed(tensor, bits)
        yield Action(self.memory, "write", bits, tensor)

    def _crossed(self, tensor: str, bits: int) -> Iterator[Action]:
        nodes = {node.name: node for node in self.architecture.nodes}
        node = nodes[self.memory]
        while node.parent:
            node = nodes[node.parent]
            if isinstance(node, Link):
                copies = self.architecture.copies(node.name)
                yield Action(node.name, "cross", bits, tensor, copies)
