"""The mapper ``split``: layers of several networks on the unlike accelerators of one machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from netwright.arch import Architecture
from netwright.cost.accelerators import Cost, Unit, refused, units_of
from netwright.cost.chips import Asked, split_as_asked
from netwright.cost.price import check_figures
from netwright.cost.steps import Group, cycles_of, cycles_within, groups_of, moved_bits, problem_of
from netwright.errors import ConfigError, GraphError, Infeasible
from netwright.mapping.binding import operators_of, undone
from netwright.mapping.legality import check_legal
from netwright.mapping.loopnest import LoopNest
from netwright.mapping.mapping import Group as Together
from netwright.mapping.mapping import Mapping
from netwright.mapping.operation import Operation, operation
from netwright.mapping.split import Split, SplitProblem, split_greedily
from netwright.mapping.split_exact import Aim, split_exactly
from netwright.progress import Progress, silent
from netwright.workload import Coverage, Workload, coverage, joined

Method = Literal["exact", "greedy"]
METHODS: tuple[Method, ...] = get_args(Method)
MOST_S = 1e6
"""The longest limit."""


@dataclass(frozen=True, slots=True)
class Run:
    """A step of the schedule.

    Attributes:
        name: Name of the Einsum that decides the unit.
        einsums: All Einsums of the step, in order.
        unit: Name of the accelerator.
        start_s: When it starts.
        end_s: When it ends.
        joules: What it takes.
    """

    name: str
    einsums: tuple[str, ...]
    unit: str
    start_s: float
    end_s: float
    joules: float


@dataclass(frozen=True, slots=True)
class NetworkSplit:
    """Networks on a machine of unlike accelerators.

    Attributes:
        workload: The networks side by side.
        mapping: Order, bindings and loop nests; it is legal.
        split: Assignment and schedule in cycles and femtojoules.
        runs: The steps by time of start.
        seconds: From the first to the last step.
        joules: Energy of all steps, and of leakage meanwhile.
        area_m2: Square meters of the machine, where known.
        units: Names of the accelerators.
        coverage: How much of the networks that is.
        assumptions: What is taken for granted.
        spent_s: Wall-clock time of costs, assignment and schedule.
    """

    workload: Workload
    mapping: Mapping
    split: Split
    runs: tuple[Run, ...]
    seconds: float
    joules: float
    area_m2: float | None
    units: tuple[str, ...]
    coverage: Coverage
    assumptions: tuple[str, ...]
    spent_s: float

    def busy(self, unit: str) -> float:
        """Share of the time in which an accelerator works."""
        own = sum(run.end_s - run.start_s for run in self.runs if run.unit == unit)
        return own / self.seconds if self.seconds else 0.0


def split(
    networks: Sequence[Workload],
    architecture: Architecture,
    *,
    aim: Aim = "latency",
    limit_s: float | None = None,
    method: Method = "exact",
    time_limit_s: float = 10.0,
    progress: Progress = silent,
) -> NetworkSplit:
    """Assign the layers of networks to accelerators and schedule them.

    A step is a product and what follows it up to the next ones: pooling, additions and the like run
    on the accelerator that made their last operand, and move their operands through its port.

    Args:
        networks: Networks that run at the same time.
        architecture: The machine; its compute units are the accelerators.
        aim: What is minimized: the time until all are done, or their energy.
        limit_s: Seconds in which all must be done.
        method: ``"exact"`` proves; ``"greedy"`` takes the least energy that it finds within the
            limit, which it needs.
        time_limit_s: Limit of each solver call.
        progress: Told how far the costs are.

    Raises:
        ConfigError: The machine lacks a figure, or an option does not fit.
        GraphError: A layer runs on no accelerator, or nothing can be split.
        Infeasible: No split ends in time.
    """
    if method == "greedy" and limit_s is None:
        raise ConfigError("a greedy split needs a limit in seconds")

    def find(problem: SplitProblem, limit: int | None) -> Split:
        if method == "exact":
            return split_exactly(problem, aim=aim, limit=limit, time_limit_s=time_limit_s)
        assert limit is not None
        found = split_greedily(problem, limit)
        if found is None:
            raise Infeasible(
                f"the greedy split found none that ends in {limit} cycles", smallest=0,
                hint="the exact method says whether there is one",
            )  # fmt: skip
        return found

    return _split(networks, architecture, limit_s, find, progress)


def split_assessed(
    networks: Sequence[Workload],
    architecture: Architecture,
    *,
    limit_s: float,
    solver: Asked = "misses",
) -> NetworkSplit:
    """The split that :func:`~netwright.cost.assess` is about, with its mapping and schedule.

    Args:
        networks: Networks that run at the same time.
        architecture: The machine; its compute units are the accelerators.
        limit_s: Seconds that it may take; the split may take longer.
        solver: When an exact solver is asked.

    Raises:
        ConfigError: The machine lacks a figure, or an option does not fit.
        GraphError: A layer runs on no accelerator, or nothing can be split.
        MissingExtra: OR-Tools is not installed, and asked.
    """

    def find(problem: SplitProblem, limit: int | None) -> Split:
        assert limit is not None
        return split_as_asked(problem, limit, solver)

    return _split(networks, architecture, limit_s, find, silent)


def _split(
    networks: Sequence[Workload],
    architecture: Architecture,
    limit_s: float | None,
    find: Callable[[SplitProblem, int | None], Split],
    progress: Progress,
) -> NetworkSplit:
    """The split that a function finds for the steps and a limit in cycles."""
    started = time.perf_counter()
    check_figures(architecture)
    if limit_s is not None and not 0 < limit_s <= MOST_S:
        raise ConfigError(
            f"the limit must be above 0 s and at most {MOST_S:g} s, not {limit_s:g} s"
        )
    workload = joined(networks)
    units = units_of(architecture)
    table = _Table(workload, units, progress)
    clock = max(unit.compute.rate.value for unit in units if unit.compute.rate is not None)
    found = find(table.problem(clock), None if limit_s is None else cycles_within(limit_s, clock))
    mapping = table.mapping(found)
    check_legal(workload, architecture, mapping)
    seconds = found.makespan / clock
    leaked = sum(architecture.leakage_w.values()) * seconds
    runs = table.runs(found, clock)
    return NetworkSplit(
        workload, mapping, found, runs, seconds, sum(run.joules for run in runs) + leaked,
        architecture.area_m2, tuple(unit.name for unit in units),
        coverage(workload, table.left_out), table.assumptions(),
        time.perf_counter() - started,
    )  # fmt: skip


_Known = tuple[list[Cost | None], Operation, list[LoopNest | None]]
"""Costs and loop nests of an operation on each unit."""


class _Table:
    """Steps of a workload with their costs on each unit."""

    def __init__(self, workload: Workload, units: tuple[Unit, ...], progress: Progress) -> None:
        self.workload = workload
        self.units = units
        self.groups, self.left_out = groups_of(workload)
        self.costs: list[list[Cost | None]] = []
        self.nests: list[list[LoopNest | None]] = []
        self.known: dict[tuple[object, ...], _Known] = {}
        for number, group in enumerate(self.groups):
            progress(number, len(self.groups), group.name)
            self._cost(group)

    def _cost(self, group: Group) -> None:
        """What a step costs on each unit, with what goes once through its operands."""
        wanted = operation(self.workload, group.head)
        if wanted.signature not in self.known:
            self.known[wanted.signature] = self._costs(wanted)
        costs, first, nests = self.known[wanted.signature]
        names = dict(zip(first.tensors, wanted.tensors, strict=True))
        self.nests.append([None if nest is None else nest.renamed(names) for nest in nests])
        moved = moved_bits(self.workload, group, self.units[0].architecture)
        self.costs.append([
            None if cost is None else cost.plus(unit.of_moves(*moved))
            for unit, cost in zip(self.units, costs, strict=True)
        ])  # fmt: skip

    def _costs(self, wanted: Operation) -> _Known:
        costs: list[Cost | None] = []
        nests: list[LoopNest | None] = []
        reasons: list[str] = []
        for unit in self.units:
            try:
                cost, nest = unit.of_operation(wanted)
            except (GraphError, Infeasible) as error:
                reasons.append(error.message)
                costs.append(None)
                nests.append(None)
                continue
            costs.append(cost)
            nests.append(nest)
        if len(reasons) == len(self.units):
            raise refused(wanted.name, self.units, reasons)
        return costs, wanted, nests

    def problem(self, clock: float) -> SplitProblem:
        """The steps in cycles and femtojoules."""
        return problem_of(self.groups, self.units, self.costs, clock)

    def mapping(self, found: Split) -> Mapping:
        """The split as a mapping."""
        order: list[str] = []
        bindings: dict[str, str] = {}
        nests: dict[str, LoopNest] = {}
        for place in _by_start(found):
            unit = found.units[place]
            nest = self.nests[place][unit]
            assert nest is not None
            order += [einsum.name for einsum in self.groups[place].members]
            bindings[self.groups[place].name] = self.units[unit].compute.name
            nests[self.groups[place].name] = nest
        order += [name for name, _ in self.left_out]
        groups = tuple(Together(name, (name,)) for name in order if name not in nests)
        return Mapping(
            self.workload.granularity, tuple(order), bindings=bindings, nests=nests, groups=groups
        )

    def runs(self, found: Split, clock: float) -> tuple[Run, ...]:
        """The steps with their times."""
        runs = []
        for place in _by_start(found):
            unit = found.units[place]
            cost = self.costs[place][unit]
            assert cost is not None
            start = found.starts[place] / clock
            names = tuple(einsum.name for einsum in self.groups[place].members)
            end = start + cycles_of(cost, clock) / clock
            runs.append(
                Run(self.groups[place].name, names, self.units[unit].name, start, end, cost.joules)
            )
        return tuple(runs)

    def assumptions(self) -> tuple[str, ...]:
        """What is taken for granted."""
        free = {
            name
            for own in self.groups
            for einsum in own.members
            for name in undone(einsum, self.units[0].architecture)
        }
        lines = list(self.workload.assumptions)
        lines.append("steps start when their operands are in the memory that all units share")
        lines.append("units share its bandwidth as their ports say, whether others work or not")
        if free:
            lines.append(
                f"no unit does {', '.join(sorted(free))}: they take the time and energy of their "
                "bytes alone, on the unit before"
            )
        inside = {name for einsum in self.workload.in_place for name in operators_of(einsum)}
        if inside:
            names = ", ".join(sorted(inside))
            lines.append(f"{names}: done in place, without time or energy")
        return tuple(lines)


def _by_start(found: Split) -> list[int]:
    return sorted(range(len(found.units)), key=lambda place: (found.starts[place], place))
