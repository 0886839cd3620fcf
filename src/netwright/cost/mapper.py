"""The mapper: the best loop nest of an operation, with its proof; whole networks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
from math import inf, prod
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from netwright.arch import MAC, Architecture, Compute, Memory
from netwright.cost.chains import Deadline, TimeUp
from netwright.cost.counts import Counts
from netwright.cost.loopnest import count
from netwright.cost.mapspace import Mapspace, Problem, touched
from netwright.cost.moves import Moves
from netwright.cost.price import Estimate, check_figures, price
from netwright.cost.search import Solver
from netwright.cost.spreads import Spread, SpreadTable, spread_tables
from netwright.cost.tables import Objective, floors
from netwright.errors import ConfigError, Infeasible
from netwright.mapping.loopnest import LoopNest, memories_of
from netwright.mapping.loopnest_legality import nest_faults
from netwright.mapping.operation import Operation
from netwright.mapping.zeros import share_of, work_share

MAX_EXTENT = 1 << 20
"""Points of the longest rank whose loop nests are counted."""

Goal = Literal["edp", "energy", "latency"]
"""``edp``: joules times seconds. ``latency``: seconds; the least joules decide between equals."""

GOALS: tuple[Goal, ...] = get_args(Goal)

TIE = 1e-6
"""Weight a joule of energy where time alone is minimized, and a second of time where energy is:
far below a step of an operation that takes millijoules, far above rounding."""

MAX_COUNTED = 30
"""Nests that are counted exactly for one way to use the arrays before the proof is given up."""

MAX_SPREADS = 2000
"""Ways to use the arrays that are searched for one compute unit before the proof is given up."""

MAX_KNOWN = 1_000_000
"""Ways to use the arrays that are looked at for one compute unit before the proof is given up."""

FIRST = 5
"""Nests of few tiles that are counted before all are looked at."""

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
        num_spreads: Ways to use the arrays that were searched, and that were looked at.
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


def too_long(operation: Operation) -> str:
    """Why loop nests of an operation cannot be counted; empty if they can."""
    long = [f"{rank} has {n} points" for rank, n in operation.extents.items() if n > MAX_EXTENT]
    told = f"loop nests are counted step by step, for ranks of at most {MAX_EXTENT} points"
    return f"{', '.join(long)}; {told}" if long else ""


def search(
    operation: Operation,
    architecture: Architecture,
    *,
    goal: Goal = "edp",
    spread: Spread | None = None,
    max_counted: int = MAX_COUNTED,
    max_spreads: int = MAX_SPREADS,
    max_known: int = MAX_KNOWN,
    time_limit_s: float | None = None,
    compute: str = "",
) -> Mapped:
    """The best mapping of an operation in the mapspace of :mod:`netwright.cost.mapspace`.

    Args:
        operation: What is computed.
        architecture: The machine.
        goal: What is minimized.
        spread: The only way to use the arrays; all ways if not given.
        max_counted: Nests that may be counted exactly for one way to use the arrays.
        max_spreads: Ways to use the arrays that may be searched for one compute unit.
        max_known: Ways to use them that may be looked at for one compute unit.
        time_limit_s: Seconds after which the best nest so far is returned, with a bound for all.
        compute: The only compute unit; any that multiplies and adds if not given.

    Raises:
        ConfigError: The machine lacks a figure, or a rank is too long.
        Infeasible: Nothing fits; it says which memory is too small and what would do.
    """
    check_figures(architecture)
    if reason := too_long(operation):
        raise ConfigError(f'"{operation.name}": {reason}')
    found = _Search(operation, architecture, goal, max_counted, Deadline(time_limit_s))
    for unit in architecture.units_for(MAC):
        if compute not in ("", unit.name):
            continue
        branch = architecture.branch(unit.name)
        ways: Iterable[SpreadTable] = spread_tables(operation, branch)
        if spread is not None:
            ways = (SpreadTable.of(spread, operation),)
        found.search(unit, branch, ways, max_spreads, max_known)
    return found.result()


class _Search:
    """The best nest so far, and what is known about all others."""

    def __init__(
        self,
        operation: Operation,
        architecture: Architecture,
        goal: Goal,
        max_counted: int,
        deadline: Deadline,
    ) -> None:
        self.operation = operation
        self.architecture = architecture
        self.goal = goal
        self.max_counted = max_counted
        self.deadline = deadline
        self.objective = _objective(goal, sum(architecture.leakage_w.values()))
        self.best: tuple[str, LoopNest, Counts, Estimate] | None = None
        self.limit = float("inf")
        self.missed = float("inf")
        self.counted = self.searched = self.known = 0
        self.lacks: Infeasible | None = None

    def search(
        self,
        unit: Compute,
        branch: Architecture,
        ways: Iterable[SpreadTable],
        max_spreads: int,
        max_known: int,
    ) -> None:
        """Look for better nests on one compute unit.

        Ways come in tables with fewest steps first, so one that takes too long ends the search. The
        most promising ways of each table are looked at first.
        """
        assert unit.rate is not None  # check_figures
        share = work_share(self.operation.operands, unit)
        step_seconds = unit.cycles_of(MAC) / unit.rate.value * float(share)
        seconds, joules = least_moves(self.operation, branch)
        tried = known = 0
        problem = Problem(self.operation, branch)
        for table in ways:
            fastest = self._value(joules, max(seconds, float(table.steps[0]) * step_seconds))
            if fastest >= self.limit * (1 - SLACK):
                return
            is_late = self.best is not None and (known > max_known or self.deadline.is_over)
            if tried >= max_spreads or is_late:
                self.missed = min(self.missed, fastest)
                return
            self.known += len(table)
            known += len(table)
            found = floors(Moves(problem, table), table.steps, step_seconds, self.objective)
            for number in np.argsort(found, kind="stable").tolist():
                floor = float(found[number])
                if floor >= self.limit * (1 - SLACK):
                    break
                is_late = self.best is not None and self.deadline.is_over
                if tried >= max_spreads or is_late:
                    self.missed = min(self.missed, floor)
                    break
                space = Mapspace(self.operation, branch, table.row(number), shared=problem)
                solver = Solver(space, step_seconds, self.objective)
                tried += 1
                self._solve(solver, floor)
                if self.best is None:
                    lacks = (_nothing_fits(solver), self.lacks)
                    self.lacks = min(filter(None, lacks), key=lambda lack: lack.smallest or inf)

    def _solve(self, solver: Solver, floor: float) -> None:
        """Look for better nests with the arrays used in one way."""
        if self.deadline.is_over:
            if self.best is None:
                self._count(solver.smallest(), solver)
            self.missed = min(self.missed, floor)
            return
        self.searched += 1
        if not solver.space.is_product_of_two:
            self.missed = min(self.missed, floor)  # nests are good, but nothing is proven
        seen: set[LoopNest] = set()
        try:
            if self.best is None:
                self._start(solver)
            if solver.is_hopeless(self.limit, self.deadline):
                return
            for chain in solver.chains(self.limit, self.deadline):
                if chain.bound >= self.limit * (1 - SLACK):
                    break
                self.deadline.check()
                if len(seen) >= self.max_counted:
                    self.missed = min(self.missed, chain.bound)
                    break
                nest = solver.space.nest(chain.steps)
                if nest not in seen and self._count(nest, solver):
                    seen.add(nest)
        except TimeUp:
            self.missed = min(self.missed, floor)
            if self.best is None:
                self._count(solver.smallest(), solver)

    def _start(self, solver: Solver) -> None:
        """A good nest of few tiles: what is worse need not be looked at."""
        few = replace(solver.space, coarse=True)
        coarse = Solver(few, solver.step_seconds, self.objective, shares=False)
        for chain in islice(coarse.chains(self.limit, self.deadline), FIRST):
            self._count(few.nest(chain.steps), solver)

    def _count(self, nest: LoopNest, solver: Solver) -> bool:
        """Count a nest exactly; whether it is legal."""
        branch = solver.space.architecture
        if nest_faults(self.operation, branch, nest):
            return False
        self.counted += 1
        counts = count(self.operation, branch, nest)
        estimate = price(counts, self.architecture)
        value = value_of(estimate, self.goal)
        if value < self.limit:
            self.limit, self.best = value, (branch.path[-1].name, nest, counts, estimate)
        return True

    def _value(self, joules: float, seconds: float) -> float:
        return float(self.objective(np.array([joules]), np.array([seconds]))[0])

    def result(self) -> Mapped:
        """The best nest.

        Raises:
            Infeasible: There is none.
        """
        if self.best is None:
            raise self.lacks or Infeasible(
                f"no nest of {self.operation.name} has a finite cost",
                smallest=0,
                hint="figures of the machine are too extreme",
            )
        unit, nest, counts, estimate = self.best
        return Mapped(
            nest, counts, estimate, self.limit, min(self.limit, self.missed), self.counted,
            (self.searched, self.known), unit,
        )  # fmt: skip


def least_moves(operation: Operation, architecture: Architecture) -> tuple[float, float]:
    """Seconds of moving every tensor past the root once; joules of that and of the operations.

    Without leakage.
    """
    unit, root = architecture.path[-1], architecture.root
    assert isinstance(unit, Compute)
    assert isinstance(root, Memory)
    energy = unit.energy_of(MAC)
    assert energy is not None  # check_figures
    assert root.read_energy is not None  # check_figures
    assert root.write_energy is not None  # check_figures
    assert root.bandwidth is not None  # check_figures
    share = work_share(operation.operands, unit)
    joules, bits = share_of(operation.num_macs, share) * energy.value, 0.0
    for name, tensor in operation.tensors.items():
        figure = root.write_energy if name == operation.output else root.read_energy
        own = tensor.bits_of(prod(touched(operation, name)))
        joules += own / 8 * figure.value
        bits += own
    return bits / 8 / root.bandwidth.value, joules


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
            line = memory.line_bytes
            whole = -(-need // line) * line
            return Infeasible(
                f"the smallest tiles of {operation.name} need {need} B in {memory.name} ({told}), "
                f"which has {capacity} B" + (f" in whole lines of {line} B" if line > 1 else ""),
                smallest=whole,
                hint=f"{whole} B would do",
            )
    return Infeasible(
        f"no tiles of {operation.name} fit into the memories together",
        smallest=0,
        hint="enlarge the smallest memory",
    )
