"""What holds in every order: what must run before what, and what must live while it runs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import gcd

from netwright.errors import NumericsError
from netwright.mapping.cuts import least_live
from netwright.mapping.schedule import Schedule
from netwright.solvers import CHECK_S, Program, Row


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

    @cached_property
    def peak_bound(self) -> int:
        """Bytes below which no order keeps everything on the chip."""
        best = 0
        for step, demand in enumerate(self.schedule.demand):
            best = max(best, demand + least_live(self, step, enough=best - demand))
        return best


def bound_of_all_orders(
    precedence: Precedence, capacity: int, *, time_limit_s: float = 60.0
) -> int:
    """Non-compulsory bytes that no order goes below.

    While an operator runs, some bytes live in every order, by a minimum cut. If they do not all
    fit, some of the tensors that may live are away, and each of these comes back for one of the
    uses that can follow the operator. One binary says whether a tensor is away during an operator,
    one whether it returns for a use, one whether it is ever written out. What else orders may
    choose is left out, so this is a relaxation.

    Args:
        precedence: Of a schedule.
        capacity: Bytes of the scratchpad.
        time_limit_s: Limit of the cuts, and of the solver; what is proven by then counts.

    Raises:
        NumericsError: The solver that found a bound was wrong.
        MissingExtra: SciPy or OR-Tools is not installed.
    """
    schedule = precedence.schedule
    sizes = schedule.sizes
    rows: list[Row] = []
    columns: dict[tuple[str, str, int], int] = {}
    unit = gcd(*sizes.values())

    def column(kind: str, name: str, step: int = 0) -> int:
        return columns.setdefault((kind, name, step), len(columns))

    started = time.perf_counter()
    for step, demand in enumerate(schedule.demand):
        if time.perf_counter() - started > time_limit_s:
            break
        room = capacity - demand
        must, may = precedence.lives[step], precedence.may_live[step]
        forced = sum(sizes[name] for name in must)
        least = least_live(precedence, step, enough=room)
        if least <= room:
            continue
        for names, live in ((must, forced), ((*must, *may), least)):
            if names and live > room:
                away = {column("away", n, step): sizes[n] // unit for n in names}
                rows.append(Row(away, low=-(-(live - room) // unit)))
        for name in (*must, *may):
            later = {
                column("returns", name, use): 1
                for use in schedule.uses[name]
                if not precedence.ancestors[step] >> use & 1
                and (name not in precedence.made or use != schedule.uses[name][0])
            }
            rows.append(Row({**later, column("away", name, step): -1}, low=0))
            if name not in schedule.has_copy:
                spilled = {column("spilled", name): 1, column("away", name, step): -1}
                rows.append(Row(spilled, low=0))
    if not rows:
        return 0
    costs = [0 if kind == "away" else sizes[name] // unit for kind, name, _ in columns]
    program = Program(tuple(costs), tuple(rows))
    bound = program.solve(purpose="the bound of all orders", time_limit_s=time_limit_s).bound
    # What is not proven in integers too, in the time that is left, is not said.
    left = max(time_limit_s - (time.perf_counter() - started), 1.0)
    holds = program.has_none_below(bound, time_limit_s=min(left, CHECK_S))
    if holds is False:
        raise NumericsError(f"a choice below the bound of all orders, {bound * unit} bytes, exists")
    return bound * unit if holds else 0
