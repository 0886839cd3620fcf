"""Orders of execution: the search for one with few off-chip accesses, or with a low peak."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from netwright.arch import Architecture
from netwright.mapping.anneal import Order, Simulation, anneal
from netwright.mapping.cosma import scratchpad_of
from netwright.mapping.gaps import bound_holds, solve_gaps
from netwright.mapping.order_bounds import bound_of_all_orders, peak_bound
from netwright.mapping.precedence import Precedence
from netwright.mapping.schedule import Schedule, default_schedule, kib
from netwright.progress import Progress, silent
from netwright.workload import Workload

ROUNDS = 4
"""Annealings in the time of one search."""


@dataclass(frozen=True, slots=True)
class OrderSolution:
    """The best order found, and what no order can do better than.

    Attributes:
        order: Names of the Einsums.
        num_bytes: Its value: the least non-compulsory bytes without regard to addresses, or its
            peak.
        bound: Bytes that no order goes below.
        first: Value of the workload's own order.
        seconds: Wall-clock time of the search.
        is_interrupted: Whether the user ended the search early.
    """

    order: tuple[str, ...]
    num_bytes: int
    bound: int
    first: int
    seconds: float
    is_interrupted: bool = False

    @property
    def is_optimal(self) -> bool:
        """Whether the value equals its bound, so that no order is better."""
        return self.num_bytes == self.bound

    @property
    def gap(self) -> float:
        """Share of the value that is not proven necessary, from 0 to 1."""
        return 1 - self.bound / self.num_bytes if self.num_bytes else 0.0


def search_order(
    workload: Workload,
    architecture: Architecture,
    *,
    places_weights: bool = False,
    start: tuple[str, ...] | None = None,
    time_limit_s: float = 60.0,
    seed: int = 0,
    progress: Progress = silent,
) -> OrderSolution:
    """Look for an order that needs few off-chip accesses.

    Simulated annealing moves runs of operators within their precedence windows; its objective is a
    quick simulation, and the gap program gives the value of the order that is returned. The search
    ends when the value reaches the bound of all orders, at the time limit, or when the user
    interrupts it; the best order so far is returned in each case. A seed repeats the same moves,
    but how many of them are made depends on time.

    Args:
        workload: What is computed.
        architecture: Its scratchpad is the memory that is managed.
        places_weights: Whether trained parameters pass through the scratchpad too.
        start: An order to begin with if it is better than the workload's own.
        time_limit_s: Limit of the whole search.
        seed: Of the moves.
        progress: Told when something better is known; its steps are the seconds of the limit.

    Raises:
        Infeasible: Some operands do not fit.
        MissingExtra: A solver is not installed.
    """
    started = time.perf_counter()
    memory, capacity = scratchpad_of(architecture)
    schedule = default_schedule(
        workload, line_bytes=memory.line_bytes, places_weights=places_weights
    )
    own = solve_gaps(schedule, capacity)
    first = own.num_bytes
    precedence = Precedence(schedule)
    bound, is_interrupted = 0, False
    if precedence.has_one_order:
        bound = own.bound if bound_holds(schedule, capacity, own.bound) else 0
    elif first:
        try:
            bound = bound_of_all_orders(precedence, capacity, time_limit_s=0.2 * time_limit_s)
        except KeyboardInterrupt:  # nothing is proven, and the order is still one
            is_interrupted = True
    best = _Best(
        schedule,
        capacity,
        bound,
        started,
        time_limit_s,
        progress,
        list(range(len(schedule.order))),
        first,
    )
    if start is not None:
        step_of = {name: step for step, name in enumerate(schedule.order)}
        other = [step_of[name] for name in start]
        best.order, best.value = min(
            (best.order, first), (other, best.of(other)), key=lambda pair: pair[1]
        )
    best.tell()
    if best.value > bound and not is_interrupted:
        is_interrupted = _anneal(best, precedence, time_limit_s, seed)
    seconds = time.perf_counter() - started
    return OrderSolution(best.names(), best.value, bound, first, seconds, is_interrupted)


def minimum_peak(
    workload: Workload,
    *,
    line_bytes: int = 1,
    places_weights: bool = False,
    time_limit_s: float = 20.0,
    seed: int = 0,
) -> OrderSolution:
    """Look for an order with a low peak: the smallest memory in which nothing ever leaves.

    The paper's schedule that minimizes the peak (its MPMF mode). The traffic of an order is zero in
    a memory of its peak, so the search is that of :func:`search_order` in memories that shrink.

    Args:
        workload: What is computed.
        line_bytes: Tensors occupy whole lines.
        places_weights: Whether trained parameters pass through the memory too.
        time_limit_s: Limit of the whole search.
        seed: Of the moves.
    """
    started = time.perf_counter()
    schedule = default_schedule(workload, line_bytes=line_bytes, places_weights=places_weights)
    precedence = Precedence(schedule)
    low, first = peak_bound(precedence), schedule.peak
    order, peak = list(range(len(schedule.order))), first
    failed = schedule.largest_demand - 1
    is_interrupted = False
    for turn in range(10):
        left = time_limit_s - (time.perf_counter() - started)
        if peak == low or left <= 0 or peak - failed <= line_bytes or is_interrupted:
            break
        capacity = low if turn == 0 else max((failed + peak) // 2, schedule.largest_demand)
        best = _Best(
            schedule, capacity, 0, time.perf_counter(), time_limit_s, silent, order, 1 << 62
        )
        budget = min(left, time_limit_s / 5)
        is_interrupted = _anneal(best, precedence, budget, seed + turn, exact=False)
        found = Schedule(workload, best.names(), line_bytes, places_weights).peak
        if found < peak:
            order, peak = best.order, found
        if found > capacity:
            failed = capacity
    names = tuple(schedule.order[step] for step in order)
    seconds = time.perf_counter() - started
    return OrderSolution(names, peak, low, first, seconds, is_interrupted)


@dataclass(slots=True)
class _Best:
    """The best order while the search goes on."""

    schedule: Schedule
    capacity: int
    bound: int
    started: float
    time_limit_s: float
    progress: Progress
    order: Order
    value: int
    rough: int = 1 << 62

    def names(self) -> tuple[str, ...]:
        return tuple(self.schedule.order[step] for step in self.order)

    def tell(self) -> None:
        seconds = min(time.perf_counter() - self.started, self.time_limit_s)
        known = f"{kib(self.value)} off-chip, bound {kib(self.bound)}"
        self.progress(seconds, self.time_limit_s, known)

    def of(self, order: Order) -> int:
        names = tuple(self.schedule.order[step] for step in order)
        schedule = self.schedule
        own = Schedule(schedule.workload, names, schedule.line_bytes, schedule.places_weights)
        return solve_gaps(own, self.capacity).num_bytes


def _anneal(
    best: _Best, precedence: Precedence, time_limit_s: float, seed: int, *, exact: bool = True
) -> bool:
    """Anneal in rounds until the limit or the bound; whether the user interrupted it.

    Rounds start from the best order and take turns in what the simulation evicts: neither rule is
    always closer to the gap program.
    """
    share = time_limit_s / ROUNDS

    def found(order: Order, cost: int) -> None:
        best.rough = min(best.rough, cost)
        if not exact:
            best.order = order
        elif cost < best.value:  # the simulation is an upper bound of the program
            best.order, best.value = order, cost
            best.tell()

    try:
        for turn in range(ROUNDS):
            begun = time.perf_counter()
            simulation = Simulation(precedence, best.capacity, is_farthest=turn % 2 == 0)

            def is_over(begun: float = begun) -> float:
                if best.rough <= best.bound:
                    return 1.0
                return (time.perf_counter() - begun) / share

            draw = random.Random(seed * ROUNDS + turn)
            anneal(simulation, list(best.order), draw=draw, is_over=is_over, found=found)
    except KeyboardInterrupt:
        is_interrupted = True
    else:
        is_interrupted = False
    if exact:
        value = best.of(best.order)
        if value < best.value:
            best.value = value
            best.tell()
    return is_interrupted
