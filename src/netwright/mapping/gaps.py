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
from math import gcd

import numpy as np

from netwright.errors import require
from netwright.mapping.schedule import Gap, Schedule


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
        MissingExtra: SciPy is not installed.
    """
    schedule.check_capacity(capacity)
    free = frozenset(_always_kept(schedule, capacity))
    gaps = [gap for gap in schedule.gaps if gap not in free]
    if not gaps:
        return GapSolution(free, 0, 0)
    kept, bound = _solve(schedule, capacity, gaps, free)
    chosen = free | kept
    value = traffic_of(schedule, chosen)
    return GapSolution(chosen, value, min(bound, value))


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


def _solve(
    schedule: Schedule, capacity: int, gaps: list[Gap], free: frozenset[Gap]
) -> tuple[frozenset[Gap], int]:
    optimize = require("scipy.optimize", extra="solve", purpose="the gap program")
    sparse = require("scipy.sparse", extra="solve", purpose="the gap program")
    tensors = sorted({gap.tensor for gap in gaps} - schedule.has_copy)
    unit = gcd(*(schedule.sizes[gap.tensor] for gap in gaps))
    size = {name: schedule.sizes[name] // unit for name in {gap.tensor for gap in gaps}}
    count = len(gaps)
    column = {name: count + i for i, name in enumerate(tensors)}
    cost = np.array([-size[gap.tensor] for gap in gaps] + [size[name] for name in tensors], float)
    rows: list[tuple[list[int], list[float]]] = []
    lower: list[float] = []
    upper: list[float] = []
    for index, gap in enumerate(gaps):
        if gap.tensor in column:
            rows.append(([index, column[gap.tensor]], [1.0, 1.0]))
            lower.append(1.0)
            upper.append(np.inf)
    room = [capacity - demand for demand in schedule.demand]
    for gap in free:
        for step in gap.inside:
            room[step] -= schedule.sizes[gap.tensor]
    around: dict[tuple[int, ...], int] = {}
    for step, left in enumerate(room):
        spanning = tuple(i for i, gap in enumerate(gaps) if gap.first < step < gap.last)
        if spanning:
            around[spanning] = min(left // unit, around.get(spanning, left // unit))
    for spanning, left in around.items():
        rows.append((list(spanning), [float(size[gaps[i].tensor]) for i in spanning]))
        lower.append(-np.inf)
        upper.append(float(left))
    indices = np.concatenate([row for row, _ in rows])
    values = np.concatenate([entries for _, entries in rows])
    starts = np.cumsum([0, *(len(row) for row, _ in rows)])
    matrix = sparse.csr_array((values, indices, starts), shape=(len(rows), len(cost)))
    found = optimize.milp(
        cost,
        constraints=optimize.LinearConstraint(matrix, lower, upper),
        bounds=optimize.Bounds(0, 1),
        integrality=np.ones(len(cost)),
        options={"mip_rel_gap": 0.0, "time_limit": 600.0},
    )
    if found.x is None:  # dropping every gap is always allowed
        return frozenset(), 0
    constant = sum(size[gap.tensor] for gap in gaps)
    bound = int(np.ceil(found.mip_dual_bound + constant - 1e-6)) * unit
    kept = frozenset(gap for gap, x in zip(gaps, found.x[:count], strict=True) if x > 0.5)
    return kept, bound
