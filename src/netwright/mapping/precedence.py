"""What holds in every order: what must run before what, and what must live while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from netwright.mapping.schedule import Schedule


@dataclass(frozen=True)
class Precedence:
    """The operators of a schedule as a graph, by their step in it.

    Attributes:
        schedule: Any order; only what does not depend on it is used.
    """

    schedule: Schedule

    @cached_property
    def before(self) -> tuple[frozenset[int], ...]:
        """Operators whose results each operator reads."""
        step_of = {name: step for step, name in enumerate(self.schedule.order)}
        workload = self.schedule.workload
        einsums = {einsum.name: einsum for einsum in workload.einsums}
        return tuple(
            frozenset(
                step_of[workload.producers[tensor].name]
                for tensor in einsums[name].reads
                if tensor in workload.producers
            )
            for name in self.schedule.order
        )

    @cached_property
    def after(self) -> tuple[frozenset[int], ...]:
        """Operators that read the result of each operator."""
        found: list[set[int]] = [set() for _ in self.before]
        for step, sources in enumerate(self.before):
            for source in sources:
                found[source].add(step)
        return tuple(map(frozenset, found))

    @cached_property
    def ancestors(self) -> tuple[int, ...]:
        """All that must run before each operator, as bits."""
        found: list[int] = []
        for sources in self.before:
            bits = 0
            for source in sources:
                bits |= found[source] | 1 << source
            found.append(bits)
        return tuple(found)

    @cached_property
    def descendants(self) -> tuple[int, ...]:
        """All that must run after each operator, as bits."""
        found = [0] * len(self.before)
        for step in reversed(range(len(found))):
            for reader in self.after[step]:
                found[step] |= found[reader] | 1 << reader
        return tuple(found)

    @cached_property
    def dominators(self) -> tuple[int, ...]:
        """Operators that have one place in every order: all others run before or after them."""
        all_bits = (1 << len(self.before)) - 1
        pairs = enumerate(zip(self.ancestors, self.descendants, strict=True))
        return tuple(v for v, (above, below) in pairs if above | below | 1 << v == all_bits)

    @property
    def has_one_order(self) -> bool:
        """Whether there is nothing to choose."""
        return len(self.dominators) == len(self.before)

    @cached_property
    def made(self) -> frozenset[str]:
        """Tensors that an operator makes, which therefore is their first user in every order."""
        return frozenset(self.schedule.workload.producers)

    @cached_property
    def users(self) -> Mapping[str, int]:
        """Operators that make or read each tensor, as bits."""
        return {n: sum(1 << step for step in steps) for n, steps in self.schedule.uses.items()}

    @cached_property
    def lives(self) -> tuple[tuple[str, ...], ...]:
        """Tensors that every order has made, and still needs, while each operator runs.

        Its own operands are not among them.
        """
        return tuple(
            tuple(
                name
                for name, bits in self.users.items()
                if bits & above and bits & below and not bits >> step & 1
            )
            for step, (above, below) in enumerate(
                zip(self.ancestors, self.descendants, strict=True)
            )
        )

    @cached_property
    def may_live(self) -> tuple[tuple[str, ...], ...]:
        """Tensors that live while each operator runs in some orders, and not in others."""
        return tuple(
            tuple(
                name
                for name, bits in self.users.items()
                if bits & ~above and bits & ~below and not (bits & above and bits & below)
                and not bits >> step & 1 and bits.bit_count() > 1
            )
            for step, (above, below) in enumerate(
                zip(self.ancestors, self.descendants, strict=True)
            )
        )  # fmt: skip
