"""Which tensors to keep, for a fixed order and a capacity: a program over gaps.

Where a tensor is matters only between two uses. One binary says whether a gap is kept, one whether
the tensor is ever written out; then

    minimize    sum_a size_a spilled_a + sum_g size_g (1 - keep_g)
    subject to  spilled_a >= 1 - keep_g                              for every gap g of a
                demand_t + sum_{g around t} size_g keep_g <= capacity   for every step t

has the same optimum as the published program (its equations 1 to 8 and 12) without addresses, and
tens of columns instead of tens of thousands.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from math import gcd

from netwright.errors import NumericsError
from netwright.mapping.schedule import Gap, Schedule
from netwright.solvers import Program, Row

TIME_LIMIT_S = 600.0
"""Longest that the gap program is solved."""


@dataclass(frozen=True, slots=True)
class GapSolution:
    """Gaps to keep, with the proof of optimality.

    Attributes:
        kept: Gaps over which the tensor stays.
        num_bytes: Non-compulsory bytes of this choice.
        bound: Bytes that no choice can go below.
    """

    kept: frozenset[Gap]
    num_bytes: int
    bound: int


def traffic_of(schedule: Schedule, kept: Collection[Gap]) -> int:
    """Non-compulsory bytes when exactly these gaps are kept."""
    dropped = [gap.tensor for gap in schedule.gaps if gap not in kept]
    written = set(dropped) - schedule.has_copy
    return sum(schedule.sizes[name] for name in (*dropped, *written))


def solve_gaps(schedule: Schedule, capacity: int) -> GapSolution:
    """The gaps to keep for the fewest non-compulsory bytes, ignoring addresses.

    Args:
        schedule: Workload and order.
        capacity: Bytes of the scratchpad.

    Raises:
        Infeasible: The operands of some step do not fit.
        NumericsError: The solver contradicts itself.
        MissingExtra: SciPy is not installed.
    """
    schedule.check_capacity(capacity)
    made = GapProgram(schedule, capacity)
    if not made.gaps:
        return GapSolution(made.free, 0, 0)
    found = made.program.solve(purpose="the gap program", time_limit_s=TIME_LIMIT_S)
    # Dropping every gap is always allowed.
    dropped = found.chosen if found.chosen is not None else frozenset(range(len(made.gaps)))
    kept = frozenset(gap for number, gap in enumerate(made.gaps) if number not in dropped)
    chosen = made.free | kept
    value = traffic_of(schedule, chosen)
    bound = found.bound * made.unit
    if bound > value:
        raise NumericsError(
            f"the gap program's bound, {bound} bytes, is above its traffic, {value} bytes"
        )
    return GapSolution(chosen, value, bound)


def _always_kept(schedule: Schedule, capacity: int) -> Iterable[Gap]:
    """Gaps that touch no step at which all living tensors together are too many."""
    level = list(schedule.demand)
    for gap in schedule.gaps:
        for step in gap.inside:
            level[step] += schedule.sizes[gap.tensor]
    tight = [bytes_ > capacity for bytes_ in level]
    for gap in schedule.gaps:
        if not any(tight[step] for step in gap.inside):
            yield gap


@dataclass(frozen=True)
class GapProgram:
    """The program over the gaps that may have to be dropped.

    Attributes:
        schedule: Workload and order.
        capacity: Bytes of the scratchpad.
    """

    schedule: Schedule
    capacity: int

    @cached_property
    def free(self) -> frozenset[Gap]:
        """Gaps that are kept in any case."""
        return frozenset(_always_kept(self.schedule, self.capacity))

    @cached_property
    def gaps(self) -> tuple[Gap, ...]:
        """The other ones; each is a column: whether it is dropped."""
        return tuple(gap for gap in self.schedule.gaps if gap not in self.free)

    @cached_property
    def unit(self) -> int:
        """Bytes that all sizes are multiples of."""
        return gcd(*(self.schedule.sizes[gap.tensor] for gap in self.gaps))

    @cached_property
    def program(self) -> Program:
        """Drop gaps, and write tensors out, for the fewest units of traffic."""
        schedule, gaps = self.schedule, self.gaps
        sizes = [schedule.sizes[gap.tensor] // self.unit for gap in gaps]
        written = sorted({gap.tensor for gap in gaps} - schedule.has_copy)
        column = {name: len(gaps) + number for number, name in enumerate(written)}
        rows = [
            Row({column[gap.tensor]: 1, number: -1}, low=0)
            for number, gap in enumerate(gaps)
            if gap.tensor in column
        ]
        room = [self.capacity - demand for demand in schedule.demand]
        for gap in self.free:
            for step in gap.inside:
                room[step] -= schedule.sizes[gap.tensor]
        around: dict[tuple[int, ...], int] = {}
        for step, left in enumerate(room):
            spanning = tuple(n for n, gap in enumerate(gaps) if gap.first < step < gap.last)
            if spanning:
                least = min(left // self.unit, around.get(spanning, left // self.unit))
                around[spanning] = least
        for spanning, left in around.items():
            total = sum(sizes[number] for number in spanning)
            if total > left:
                rows.append(Row({number: sizes[number] for number in spanning}, low=total - left))
        costs = [*sizes, *(schedule.sizes[name] // self.unit for name in written)]
        return Program(tuple(costs), tuple(rows))


def bound_holds(schedule: Schedule, capacity: int, bound: int) -> bool:
    """Whether it is proven in integers that no choice of gaps goes below a bound.

    Args:
        schedule: Workload and order.
        capacity: Bytes of the scratchpad.
        bound: Non-compulsory bytes.

    Raises:
        NumericsError: It is refuted: the solver that found it was wrong.
        MissingExtra: OR-Tools is not installed.
    """
    made = GapProgram(schedule, capacity)
    if not bound or not made.gaps:
        return bound == 0
    found = made.program.has_none_below(-(-bound // made.unit))
    if found is False:
        raise NumericsError(f"the gap program has a choice below its bound of {bound} bytes")
    return found is True
