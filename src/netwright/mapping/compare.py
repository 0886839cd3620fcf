"""One network under one budget: our mapping beside every baseline."""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass
from typing import Literal

from netwright.arch import Architecture
from netwright.mapping.baselines import POLICIES, Policy, baseline
from netwright.mapping.cosma import Solution, cosma
from netwright.mapping.order import OrderSolution, minimum_peak, search_order
from netwright.mapping.schedule import default_schedule
from netwright.workload import Workload

Budget = Literal["smallest", "half-way", "peak"]
"""The paper's M_R (largest operand set of an operator), M_H (mean of the others) and M_P (smallest
peak found over orders)."""

BUDGETS: tuple[Budget, ...] = ("smallest", "half-way", "peak")

OrderKind = Literal["given", "least peak"]
"""The paper's schedulers: the network's own order, and one that minimizes the peak."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Non-compulsory bytes of one network under one budget.

    Attributes:
        workload: What is computed, at its granularity.
        budget: Name of the budget.
        capacity_bytes: The budget.
        places_weights: Whether parameters pass through the scratchpad too.
        solution: Our mapping.
        searched: The search of the order, if there was one.
        baselines: Bytes of each baseline, by order and rule of replacement. Where the least peak is
            that of the given order, both orders are one.
    """

    workload: Workload
    budget: Budget
    capacity_bytes: int
    places_weights: bool
    solution: Solution
    searched: OrderSolution | None
    baselines: Table[tuple[OrderKind, Policy], int]

    @property
    def bound(self) -> int:
        """Bytes below which no order goes, or not this one if none was searched."""
        return self.solution.bound if self.searched is None else self.searched.bound

    @property
    def can_be_reduced(self) -> bool:
        """Whether some baseline moves more than the bound."""
        return any(value > self.bound for value in self.baselines.values())

    @property
    def seconds(self) -> float:
        """Wall-clock time of our mapping, the search of its order included."""
        return self.solution.seconds + (self.searched.seconds if self.searched else 0.0)

    @property
    def reductions(self) -> tuple[float, ...]:
        """Share of each baseline's bytes that our mapping saves; none where a baseline has none."""
        ours = self.solution.num_bytes
        return tuple(1 - ours / value for value in self.baselines.values() if value)


def compare(
    workload: Workload,
    architecture: Architecture,
    budget: Budget,
    *,
    places_weights: bool = False,
    search_s: float = 0.0,
    time_limit_s: float = 60.0,
) -> Comparison:
    """Map a workload in all ways under one of the paper's budgets.

    Args:
        workload: What is computed.
        architecture: Its scratchpad is replaced by one of the budget, in lines of one byte.
        budget: Which budget.
        places_weights: Whether parameters pass through the scratchpad too.
        search_s: Seconds for the search of our order, and a third of it for the least peak; our
            mapping keeps the given order if it is 0.
        time_limit_s: Limit of each solver call.
    """
    schedule = default_schedule(workload, places_weights=places_weights)
    lowest = minimum_peak(workload, places_weights=places_weights, time_limit_s=search_s / 3)
    low, high = schedule.largest_demand, lowest.num_bytes
    capacity = {"smallest": low, "half-way": (low + high) // 2, "peak": high}[budget]
    machine = architecture.with_scratchpad(capacity, line_bytes=1)
    searched = None
    if search_s:
        searched = search_order(
            workload,
            machine,
            places_weights=places_weights,
            start=lowest.order,
            time_limit_s=search_s,
        )
    orders: dict[OrderKind, tuple[str, ...]] = {"given": schedule.order}
    if lowest.num_bytes < lowest.first:
        orders["least peak"] = lowest.order
    baselines = {
        (kind, policy): baseline(
            workload, machine, policy=policy, order=order, places_weights=places_weights
        ).traffic.non_compulsory_bytes
        for kind, order in orders.items()
        for policy in POLICIES
    }
    solution = cosma(
        workload,
        machine,
        order=None if searched is None else searched.order,
        places_weights=places_weights,
        time_limit_s=time_limit_s,
    )
    return Comparison(workload, budget, capacity, places_weights, solution, searched, baselines)
