"""The mapper ``split``: layers of several networks on the unlike accelerators of one machine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal, get_args

from netwright.arch import Architecture
from netwright.cost import stream
from netwright.cost.accelerators import Cost, Unit, refused, units_of
from netwright.cost.price import check_figures
from netwright.errors import ConfigError, GraphError, Infeasible
from netwright.ir.einsums.einsum import UNKNOWN
from netwright.mapping.legality import check_legal
from netwright.mapping.loopnest import LoopNest
from netwright.mapping.mapping import Group, Mapping
from netwright.mapping.operation import Operation, is_operation, operation
from netwright.mapping.split import Split, SplitProblem, Step, split_greedily
from netwright.mapping.split_exact import Aim, split_exactly
from netwright.progress import Progress, silent
from netwright.workload import Coverage, Einsum, Workload, coverage, joined

Method = Literal["exact", "greedy"]
METHODS: tuple[Method, ...] = get_args(Method)

FEMTO = 1e15
"""Energies are compared in whole femtojoules, times in whole cycles of the fastest unit."""


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
    started = time.perf_counter()
    check_figures(architecture)
    if limit_s is not None and not limit_s > 0:
        raise ConfigError(f"the limit must be above 0 s, not {limit_s:g} s")
    if method == "greedy" and limit_s is None:
        raise ConfigError("a greedy split needs a limit in seconds")
    workload = joined(networks)
    units = units_of(architecture)
    table = _Table(workload, units, progress)
    clock = max(unit.compute.rate.value for unit in units if unit.compute.rate is not None)
    problem = table.problem(clock)
    limit = None if limit_s is None else int(limit_s * clock * (1 + 1e-12))
    if method == "exact":
        found = split_exactly(problem, aim=aim, limit=limit, time_limit_s=time_limit_s)
    else:
        assert limit is not None
        maybe = split_greedily(problem, limit)
        if maybe is None:
            raise Infeasible(
                f"the greedy split found none that ends in {limit} cycles", smallest=0,
                hint="the exact method says whether there is one",
            )  # fmt: skip
        found = maybe
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
        self.left_out: list[tuple[str, str]] = []
        self.heads: list[str] = []
        self.members: list[list[Einsum]] = []
        self.costs: list[list[Cost | None]] = []
        self.nests: list[list[LoopNest | None]] = []
        self.step_of: dict[str, int] = {}
        self.known: dict[tuple[object, ...], _Known] = {}
        waiting: list[Einsum] = []
        for number, einsum in enumerate(workload.einsums):
            progress(number, len(workload.einsums), einsum.name)
            if is_operation(einsum):
                self._open(einsum, waiting)
                waiting = []
            elif einsum.map_op in UNKNOWN:
                self.left_out.append((einsum.name, f'"{einsum.map_op}" is not known'))
            elif (place := self._maker(einsum)) is None:
                waiting.append(einsum)
            else:
                self._follow(einsum, place)
        if not self.members:
            raise GraphError(f'nothing of "{workload.name}" multiplies; there is nothing to split')
        for einsum in waiting:
            self._follow(einsum, len(self.members) - 1)

    def _maker(self, einsum: Einsum) -> int | None:
        """The last step that makes an operand."""
        makers = self.workload.producers
        names = [makers[t].name for t in einsum.reads if t in makers]
        return max((self.step_of[name] for name in names if name in self.step_of), default=None)

    def _open(self, einsum: Einsum, before: list[Einsum]) -> None:
        """Begin a step with a product."""
        wanted = operation(self.workload, einsum)
        if wanted.signature not in self.known:
            self.known[wanted.signature] = self._costs(wanted)
        costs, first, nests = self.known[wanted.signature]
        names = dict(zip(first.tensors, wanted.tensors, strict=True))
        self.heads.append(einsum.name)
        self.members.append([])
        self.costs.append(list(costs))
        self.nests.append([None if nest is None else nest.renamed(names) for nest in nests])
        for other in before:
            self._follow(other, len(self.members) - 1)
        self.members[-1].append(einsum)
        self.step_of[einsum.name] = len(self.members) - 1

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
            raise refused(wanted, self.units, reasons)
        return costs, wanted, nests

    def _follow(self, einsum: Einsum, place: int) -> None:
        """An operator that goes once through its operands, as part of a step."""
        counts = stream.count(self.workload, einsum, self.units[0].architecture)
        root = self.units[0].root.name
        moved = counts.amount(root, "read"), counts.amount(root, "write")
        self.costs[place] = [
            None if cost is None else cost.plus(unit.of_moves(*moved))
            for unit, cost in zip(self.units, self.costs[place], strict=True)
        ]
        self.members[place].append(einsum)
        self.step_of[einsum.name] = place

    def problem(self, clock: float) -> SplitProblem:
        """The steps in cycles and femtojoules."""
        makers = self.workload.producers
        steps = []
        for place, own in enumerate(self.members):
            needs = {
                self.step_of[makers[tensor].name]
                for einsum in own
                for tensor in einsum.reads
                if tensor in makers and makers[tensor].name in self.step_of
            } - {place}
            cycles = tuple(None if c is None else _cycles(c, clock) for c in self.costs[place])
            energy = tuple(
                None if c is None else round(c.joules * FEMTO) for c in self.costs[place]
            )
            steps.append(Step(self.heads[place], tuple(sorted(needs)), cycles, energy))
        return SplitProblem(tuple(unit.name for unit in self.units), tuple(steps))

    def mapping(self, found: Split) -> Mapping:
        """The split as a mapping."""
        order: list[str] = []
        bindings: dict[str, str] = {}
        nests: dict[str, LoopNest] = {}
        for place in _by_start(found):
            unit = found.units[place]
            nest = self.nests[place][unit]
            assert nest is not None
            order += [einsum.name for einsum in self.members[place]]
            bindings[self.heads[place]] = self.units[unit].compute.name
            nests[self.heads[place]] = nest
        order += [name for name, _ in self.left_out]
        groups = tuple(Group(name, (name,)) for name in order if name not in nests)
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
            names = tuple(einsum.name for einsum in self.members[place])
            end = start + _cycles(cost, clock) / clock
            runs.append(
                Run(self.heads[place], names, self.units[unit].name, start, end, cost.joules)
            )
        return tuple(runs)

    def assumptions(self) -> tuple[str, ...]:
        """What is taken for granted."""
        free = {
            name
            for own in self.members
            for einsum in own
            for name in stream.undone(einsum, self.units[0].architecture)
        }
        lines = list(self.workload.assumptions)
        lines.append("steps start when their operands are in the memory that all units share")
        lines.append("units share its bandwidth as their ports say, whether others work or not")
        if free:
            lines.append(
                f"no unit does {', '.join(sorted(free))}: they take the time and energy of their "
                "bytes alone, on the unit before"
            )
        return tuple(lines)


def _cycles(cost: Cost, clock: float) -> int:
    """Whole cycles, rounded up; what is rounding of floats is not."""
    return max(1, ceil(cost.seconds * clock * (1 - 1e-12)))


def _by_start(found: Split) -> list[int]:
    return sorted(range(len(found.units)), key=lambda place: (found.starts[place], place))
