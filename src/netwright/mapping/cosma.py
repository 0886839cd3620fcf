"""COSMA as a mapper: replacement and addresses for an order, optimal by proof."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from netwright.arch import Architecture, Memory
from netwright.errors import ConfigError, Infeasible, NumericsError
from netwright.mapping.gaps import GapSolution, bound_holds, solve_gaps, traffic_of
from netwright.mapping.mapping import Mapping
from netwright.mapping.placement import Offsets, Stay, place_greedily, residencies, stays
from netwright.mapping.rectangles import place_exactly, solve_joint
from netwright.mapping.replay import Traffic, replay
from netwright.mapping.schedule import Schedule, default_schedule, kib
from netwright.workload import Coverage, Workload, coverage, opaque_operators

Method = Literal["first fit", "CP-SAT", "joint CP-SAT", "smaller budget"]
"""How the addresses were found; the last one only after a time limit."""


@dataclass(frozen=True, slots=True)
class Solution:
    """A legal mapping with what its replay counted and what was proven.

    Attributes:
        mapping: Order and residencies.
        traffic: Transfers counted by the replay.
        objective: Non-compulsory bytes as the program counts them; the replay must agree.
        bound: Non-compulsory bytes that no mapping in this order goes below.
        bound_without_moves: The same for mappings in which every stay keeps its address: moves on
            the chip can make room that these do not have.
        is_checked: Whether what equals a bound was proven once more, in exact integers.
        method: How the addresses were found.
        seconds: Wall-clock time of the search.
        coverage: How much of the network that is; opaque operators are missing.
    """

    mapping: Mapping
    traffic: Traffic
    objective: int
    bound: int
    bound_without_moves: int
    is_checked: bool
    method: Method
    seconds: float
    coverage: Coverage

    @property
    def num_bytes(self) -> int:
        """Non-compulsory bytes."""
        return self.traffic.non_compulsory_bytes

    @property
    def is_optimal(self) -> bool:
        """Whether the value equals its checked bound, and no operator is missing."""
        return self.num_bytes == self.bound and self.is_checked and self.coverage.is_whole

    @property
    def is_optimal_without_moves(self) -> bool:
        """Likewise, among mappings that move nothing on the chip."""
        is_proven = self.num_bytes == self.bound_without_moves and self.is_checked
        return is_proven and self.coverage.is_whole


def scratchpad_of(architecture: Architecture) -> tuple[Memory, int]:
    """The scratchpad and its capacity in bytes.

    Raises:
        ConfigError: The architecture has no memory of limited capacity.
    """
    memory = architecture.scratchpad
    capacity = None if memory is None else memory.capacity_bytes
    if memory is None or capacity is None:
        raise ConfigError(
            f'architecture "{architecture.name}" has no memory of limited capacity',
            hint="give one of its memories a capacity",
        )
    return memory, capacity


def cosma(
    workload: Workload,
    architecture: Architecture,
    *,
    order: tuple[str, ...] | None = None,
    places_weights: bool = False,
    time_limit_s: float = 60.0,
    seed: int = 0,
) -> Solution:
    """Map a workload onto a scratchpad with the fewest off-chip accesses for its order.

    The gap program gives the optimum without addresses, which is a lower bound with them. If the
    stays it chooses can be placed, the bound is reached; if they cannot, replacement and addresses
    are solved together.

    Args:
        workload: What is computed, at the granularity it has.
        architecture: Its scratchpad is the memory that is managed.
        order: Names of the Einsums; the workload's own order if not given.
        places_weights: Whether trained parameters pass through the scratchpad too.
        time_limit_s: Limit of each solver call; at the limit the best mapping known is returned
            with its bound.
        seed: Of the constraint solver.

    Raises:
        Infeasible: Some operands do not fit; the message says which and what would do.
        MissingExtra: A solver is not installed.
    """
    started = time.perf_counter()
    memory, capacity = scratchpad_of(architecture)
    schedule = default_schedule(
        workload, line_bytes=memory.line_bytes, places_weights=places_weights
    )
    if order is not None:
        schedule = Schedule(workload, order, memory.line_bytes, places_weights)
    relaxed = solve_gaps(schedule, capacity)
    chosen, offsets, bound, method = _place(schedule, capacity, relaxed, time_limit_s, seed)
    mapping = Mapping(
        workload.granularity,
        schedule.order,
        residencies(chosen, offsets, memory=memory.name),
        places_weights=places_weights,
    )
    traffic = replay(workload, architecture, mapping)
    objective = _objective(schedule, chosen)
    if objective != traffic.non_compulsory_bytes:
        raise NumericsError(
            f"the program counts {objective} bytes of traffic and the replay "
            f"{traffic.non_compulsory_bytes}"
        )
    # CP-SAT reasons in integers already; the gap program's bound comes from HiGHS.
    is_checked = objective > relaxed.bound or bound_holds(schedule, capacity, relaxed.bound)
    covered = coverage(workload, opaque_operators(workload))
    seconds = time.perf_counter() - started
    return Solution(
        mapping, traffic, objective, relaxed.bound, bound, is_checked, method, seconds, covered
    )


def _objective(schedule: Schedule, chosen: tuple[Stay, ...]) -> int:
    """The program's value: each stay after the first returns, and one write makes that possible."""
    num_stays = Counter(stay.tensor for stay in chosen)
    return sum(
        schedule.sizes[name] * (count - 1 + (count > 1 and name not in schedule.has_copy))
        for name, count in num_stays.items()
    )


def _place(
    schedule: Schedule, capacity: int, relaxed: GapSolution, time_limit_s: float, seed: int
) -> tuple[tuple[Stay, ...], Offsets, int, Method]:
    wanted = stays(schedule, relaxed.kept)
    offsets = place_greedily(wanted, capacity)
    if offsets is not None:
        return wanted, offsets, relaxed.bound, "first fit"
    offsets, _ = place_exactly(wanted, capacity, time_limit_s=min(time_limit_s, 10.0), seed=seed)
    if offsets is not None:
        return wanted, offsets, relaxed.bound, "CP-SAT"
    joint = solve_joint(
        schedule,
        capacity,
        bound=relaxed.bound,
        hint=relaxed.kept,
        time_limit_s=time_limit_s,
        seed=seed,
    )
    if joint.kept is not None:
        wanted = stays(schedule, joint.kept)
        offsets = tuple(joint.offsets[stay.tensor, stay.first] for stay in wanted)
        return wanted, offsets, joint.bound, "joint CP-SAT"
    return *_smaller_budget(schedule, capacity), joint.bound, "smaller budget"


def _smaller_budget(schedule: Schedule, capacity: int) -> tuple[tuple[Stay, ...], Offsets]:
    """A mapping without proof: replacement for a smaller scratchpad leaves room to place."""
    smallest = schedule.largest_demand
    for step in range(1, 17):
        budget = capacity - (capacity - smallest) * step // 16
        kept = solve_gaps(schedule, budget).kept
        wanted = stays(schedule, kept)
        offsets = place_greedily(wanted, capacity)
        if offsets is not None:
            return wanted, offsets
    raise Infeasible(
        f"no addresses were found in {kib(capacity)} within the time limit, though each step's "
        f"operands fit",
        smallest=schedule.peak,
        hint=f"raise the time limit, or the scratchpad; with {kib(schedule.peak)} nothing leaves",
    )


__all__ = ["Method", "Solution", "cosma", "scratchpad_of", "traffic_of"]
