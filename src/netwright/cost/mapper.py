"""The mapper: the best loop nest of an operation, with its proof; whole networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from netwright.arch import MAC, Architecture
from netwright.cost.counts import Counts
from netwright.cost.loopnest import count
from netwright.cost.mapspace import Mapspace, Spread, spreads
from netwright.cost.price import Estimate, check_figures, price
from netwright.cost.search import Objective, Solver
from netwright.errors import Infeasible
from netwright.mapping.loopnest import LoopNest, memories_of
from netwright.mapping.loopnest_legality import nest_faults
from netwright.mapping.operation import Operation

Goal = Literal["edp", "energy", "latency"]
"""``edp``: joules times seconds. ``latency``: seconds; the least joules decide between equals."""

GOALS: tuple[Goal, ...] = get_args(Goal)

TIE = 1e-6
"""Weight a joule of energy where time alone is minimized, and a second of time where energy is:
far below a step of an operation that takes millijoules, far above rounding."""

MAX_COUNTED = 30
"""Nests that are counted exactly for one way to use the arrays before the proof is given up."""

SLACK = 1e-9
"""Relative difference below which two values are taken to be rounded differently."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """The best loop nest that was found.

    Attributes:
        nest: The loop nest; it is legal.
        counts: What happens under it.
        estimate: What it costs.
        value: The minimized quantity.
        bound: No nest of the mapspace is better than this.
        num_counted: Nests that were counted exactly.
        num_spreads: Ways to use the arrays that were searched, and all there are.
        compute: Name of the compute unit that does the operation.
    """

    nest: LoopNest
    counts: Counts
    estimate: Estimate
    value: float
    bound: float
    num_counted: int
    num_spreads: tuple[int, int]
    compute: str

    @property
    def is_optimal(self) -> bool:
        """Whether the value is the proven best of the mapspace."""
        return self.value <= self.bound * (1 + 2 * SLACK)


def value_of(estimate: Estimate, goal: Goal) -> float:
    """What a goal minimizes."""
    return float(_objective(goal)(np.array([estimate.joules]), np.array([estimate.seconds]))[0])


def _objective(goal: Goal, leakage_w: float = 0.0) -> Objective:
    """What a goal minimizes, of seconds and of joules without those of leakage."""

    def edp(joules: NDArray[np.float64], seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        return joules * seconds

    def energy(joules: NDArray[np.float64], seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        return joules * (1 + TIE * seconds)

    def latency(joules: NDArray[np.float64], seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        return seconds * (1 + TIE * joules)

    wanted = {"edp": edp, "energy": energy, "latency": latency}[goal]
    if not leakage_w:
        return wanted
    return lambda joules, seconds: wanted(joules + leakage_w * seconds, seconds)


def search(
    operation: Operation,
    architecture: Architecture,
    *,
    goal: Goal = "edp",
    spread: Spread | None = None,
    max_counted: int = MAX_COUNTED,
) -> Mapped:
    """The best mapping of an operation in the mapspace of :mod:`netwright.cost.mapspace`.

    Args:
        operation: What is computed.
        architecture: The machine.
        goal: What is minimized.
        spread: The only way to use the arrays; all ways if not given.
        max_counted: Nests that may be counted exactly for one way to use the arrays.

    Raises:
        ConfigError: The machine lacks a figure.
        Infeasible: Nothing fits; it says which memory is too small and what would do.
    """
    check_figures(architecture)
    solvers = []
    for unit in architecture.units_for(MAC):
        branch = architecture.branch(unit.name)
        assert unit.rate is not None  # check_figures
        step_seconds = unit.cycles_of(MAC) / unit.rate.value
        ways = (spread,) if spread is not None else spreads(operation, branch)
        objective = _objective(goal, sum(architecture.leakage_w.values()))
        solvers += [Solver(Mapspace(operation, branch, way), step_seconds, objective)
                    for way in ways]  # fmt: skip
    ranked = sorted(((solver.floor(), n) for n, solver in enumerate(solvers)))
    best: tuple[float, str, LoopNest, Counts, Estimate] | None = None
    seen: set[tuple[str, LoopNest]] = set()
    limit, counted, searched, missed = float("inf"), 0, 0, float("inf")
    for floor, number in ranked:
        if floor >= limit * (1 - SLACK):
            break
        searched += 1
        solver, own = solvers[number], 0
        for chain in solver.chains(limit):
            if chain.bound >= limit * (1 - SLACK):
                break
            if own >= max_counted:
                missed = min(missed, chain.bound)
                break
            nest = solver.space.nest(chain.steps)
            branch = solver.space.architecture
            unit_name = branch.path[-1].name
            if (unit_name, nest) in seen or nest_faults(operation, branch, nest):
                continue
            seen.add((unit_name, nest))
            counted, own = counted + 1, own + 1
            counts = count(operation, branch, nest)
            estimate = price(counts, architecture)
            value = value_of(estimate, goal)
            if value < limit:
                limit, best = value, (value, unit_name, nest, counts, estimate)
    if best is None:
        raise _nothing_fits(solvers[0])
    value, name, nest, counts, estimate = best
    return Mapped(
        nest, counts, estimate, value, min(value, missed), counted, (searched, len(solvers)), name
    )


def _nothing_fits(solver: Solver) -> Infeasible:
    """The memory that is too small for the smallest tiles, with what would do."""
    operation = solver.space.operation
    for memory in memories_of(solver.space.architecture):
        capacity = memory.capacity_bytes
        parts = {
            place.role: int(solver.rooms[place].min())
            for place in solver.space.places
            if place.memory == memory
        }
        need = sum(parts.values())
        if capacity is not None and need > capacity:
            told = ", ".join(f"{role} {size} B" for role, size in parts.items())
            return Infeasible(
                f"the smallest tiles of {operation.name} need {need} B in {memory.name} ({told}), "
                f"which has {capacity} B",
                smallest=need,
                hint=f"{need} B would do",
            )
    return Infeasible(
        f"no tiles of {operation.name} fit into the memories together",
        smallest=0,
        hint="enlarge the smallest memory",
    )
