"""Runs of Einsums as groups: what may run them, what they take at least, and what one costs.

The pipeline engine counts each candidate and the judge of mappings judges it; nothing else decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

from netwright.arch import Architecture, Array, Compute, Memory
from netwright.cost import pipeline, stream
from netwright.cost.fused_group import GroupSearch
from netwright.cost.keeps import Value, value_of
from netwright.cost.least_moves import LeastMoves
from netwright.cost.mapper import Goal
from netwright.cost.plans import least_time
from netwright.cost.price import price
from netwright.ir.einsums.einsum import UNKNOWN
from netwright.mapping.binding import able_units, work_of
from netwright.mapping.group_legality import group_faults
from netwright.mapping.mapping import Group
from netwright.mapping.mapping import Mapping as Decided
from netwright.mapping.runs import Runs
from netwright.mapping.tiles import footprint
from netwright.mapping.zeros import multiplied, work_share
from netwright.workload import Einsum, Workload


@dataclass(frozen=True, slots=True)
class Way:
    """A run of Einsums as a group that is judged and counted.

    Attributes:
        seconds: From its first to its last step.
        joules: Energy of all its actions.
        num_bytes: Bytes that cross the border of the chip.
        group: The group, whole.
        bindings: Units of its Einsums; none where no unit does an operator.
        bound: No way to run them has a lower value of what is minimized.
    """

    seconds: float
    joules: float
    num_bytes: int
    group: Group
    bindings: Mapping[str, str]
    bound: float = 0.0

    def value(self, goal: Goal) -> Value:
        """What is minimized, and what decides among equals."""
        return value_of(goal, self.seconds, self.joules)


class RunMapper:
    """Finds the best way to run Einsums as one group.

    Args:
        workload: Ranks that Einsums share have one name.
        architecture: The machine.
        runs: The runs of the workload.
        goal: What is minimized.
        bindings: Units that are given.
        is_whole: Whether all is looked at that could be better.
        deadline: When the first way must do, by :func:`time.perf_counter`.
    """

    def __init__(
        self,
        workload: Workload,
        architecture: Architecture,
        runs: Runs,
        goal: Goal,
        bindings: Mapping[str, str],
        *,
        is_whole: bool = False,
        deadline: float = float("inf"),
    ) -> None:
        self.is_whole = is_whole
        self.deadline = deadline
        self.undecided: set[tuple[int, int]] = set()
        self.workload = workload
        self.architecture = architecture
        self.runs = runs
        self.goal: Goal = goal
        self.bindings = bindings
        self.units = architecture.units
        self.moves = LeastMoves(architecture, runs.memory)
        self.arrays = {
            unit.name: tuple(
                node for node in architecture.path_to(unit.name) if isinstance(node, Array)
            )
            for unit in self.units
        }
        self.speeds = {
            unit.name: unit.rate.value * architecture.copies(unit.name)
            for unit in self.units
            if unit.rate is not None
        }

    def best(self, begin: int, end: int) -> Way | None:
        """The best way, if there is one."""
        members = self.workload.einsums[begin:end]
        able = [self._able(einsum) for einsum in members]
        given = self.runs.given.get((begin, end))
        if len(members) == 1 and (not able[0] or members[0].map_op in UNKNOWN):
            way: Way | None = self._streamed(members[0], given)
        elif not self._is_counted(members):
            return None
        else:
            if given is None or not (given.phases or given.lags):
                way = GroupSearch(self, begin, end, able, given).solved()
                if self.is_whole:
                    self.undecided.discard((begin, end))
                    search = GroupSearch(self, begin, end, able, given, is_whole=True, best=way)
                    way = search.solved()
                return None if way is None else self._bounded(way, begin, end)
            units = self.runs.bindings
            bindings = {name: units[name] for name in given.einsums if name in units}
            way = self.counted(self.part(begin, end), given, bindings)
        return None if way is None else replace(way, bound=way.value(self.goal)[0])

    def _bounded(self, way: Way, begin: int, end: int) -> Way:
        """A way whose bound is no less than what any group of its Einsums takes."""
        least = value_of(self.goal, *self.least(begin, end))[0]
        return replace(way, bound=max(way.bound, min(least, way.value(self.goal)[0])))

    def _is_counted(self, members: Sequence[Einsum]) -> bool:
        """Whether the engine counts every access of a group, so that nothing streams untold."""
        return all(self._able(e) and e.map_op not in UNKNOWN for e in members)

    def _able(self, einsum: Einsum) -> tuple[Compute, ...]:
        """Units that may run an Einsum; the only one that there is, whatever it does."""
        fixed = self.bindings.get(einsum.name)
        able = self.units if len(self.units) == 1 else able_units(einsum, self.architecture)
        return tuple(unit for unit in able if fixed in (None, unit.name))

    def _streamed(self, einsum: Einsum, given: Group | None) -> Way:
        """An Einsum that no unit does, or that nothing is known of: its bytes alone."""
        counts = stream.count(self.workload, einsum, self.architecture)
        found = price(counts, self.architecture)
        moved = found.bytes_moved.get(self.architecture.root.name, 0)
        group = Group(einsum.name, (einsum.name,)) if given is None else given
        return Way(found.seconds, found.joules, moved, group, {})

    def least(self, begin: int, end: int) -> tuple[float, float]:
        """Seconds and joules that any group of some Einsums takes at least.

        What comes and goes does so once, and units that do them best are busy all the time.
        """
        part = self.part(begin, end)
        made = {einsum.output.tensor for einsum in part.einsums}
        bits = 0
        for tensor in part.tensors:
            if tensor.name in made and tensor.name not in part.outputs:
                continue
            touched = [
                (access, {rank.name: rank.extent for rank in einsum.ranks})
                for einsum in part.einsums
                for access in (*einsum.inputs, einsum.output)
                if access.tensor == tensor.name
            ]
            bits += tensor.bits_of(footprint(tensor, touched))
        seconds, joules = self.moved(bits)
        if self.goal != "latency" and self._is_counted(part.einsums):
            joules = max(joules, self.moves.least(self.runs.free(begin, end)))
        times = []
        for einsum in part.einsums:
            own = {unit.name: self.work(part, einsum, unit) for unit in self._able(einsum)}
            times.append({name: spent for name, (spent, _) in own.items()})
            joules += min((energy for _, energy in own.values()), default=0.0)
        return max(seconds, least_time(times, self.speeds)), joules

    def work(self, part: Workload, einsum: Einsum, unit: Compute) -> tuple[float, float]:
        """Seconds of an Einsum on all copies of a unit, all busy, and joules of its operations."""
        assert unit.rate is not None  # check_figures
        operators = work_of(einsum, unit)
        if not set(operators) <= set(unit.does):
            return 0.0, 0.0
        points = float(prod(rank.extent for rank in einsum.ranks))
        points *= float(work_share(multiplied(part, einsum), unit))
        cycles = sum(unit.cycles_of(operator) for operator in operators)
        figures = [unit.energy_of(operator) for operator in operators]
        joules = points * sum(figure.value for figure in figures if figure is not None)
        return points * cycles / unit.rate.value / self.architecture.copies(unit.name), joules

    def moved(self, bits: int) -> tuple[float, float]:
        """Seconds and joules of so many bits that cross the border of the chip."""
        root = self.architecture.root
        assert isinstance(root, Memory)
        assert root.bandwidth is not None  # check_figures
        assert root.read_energy is not None  # check_figures
        assert root.write_energy is not None  # check_figures
        energy = min(root.read_energy.value, root.write_energy.value)
        return bits / 8 / root.bandwidth.value, bits / 8 * energy

    def part(self, begin: int, end: int) -> Workload:
        """The Einsums of a run as a workload of their own."""
        members = self.workload.einsums[begin:end]
        used = {a.tensor for e in members for a in (*e.inputs, e.output)}
        made = {einsum.output.tensor for einsum in members}
        later = {name for e in self.workload.einsums[end:] for name in e.reads}
        later |= {name for e in self.workload.einsums[:begin] for name in e.reads}
        tensors = tuple(
            tensor
            if tensor.name in made or tensor.kind != "activation"
            else replace(tensor, kind="input")
            for tensor in self.workload.tensors
            if tensor.name in used
        )
        leaving = sorted(made & (later | set(self.workload.outputs)))
        return replace(self.workload, tensors=tensors, einsums=members, outputs=tuple(leaving))

    def counted(self, part: Workload, group: Group, bindings: Mapping[str, str]) -> Way | None:
        """A group that the judge accepts, counted and priced."""
        decided = Decided(part.granularity, group.einsums, bindings=bindings, groups=(group,))
        if group_faults(part, self.architecture, decided, group):
            return None
        counts = pipeline.count_aligned(part, self.architecture, decided, group)
        found = price(counts, self.architecture)
        moved = found.bytes_moved.get(self.architecture.root.name, 0)
        return Way(found.seconds, found.joules, moved, group, bindings)
