"""One run of Einsums as a group that runs on units and arrays at the same time.

For loops that a group may have, this says which unit does what, what runs along the arrays, how far
Einsums run behind each other, and what is kept where. The pipeline engine counts each candidate
and the judge of mappings judges it; nothing else decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

from netwright.arch import Architecture, Array, Compute, Memory
from netwright.cost import pipeline, stream
from netwright.cost.group_arrays import GroupArrays
from netwright.cost.mapper import Goal
from netwright.cost.plans import Assigned, Plan, assignments, pipelined
from netwright.cost.price import price
from netwright.ir.einsums.einsum import UNKNOWN
from netwright.mapping.binding import able_units, work_of
from netwright.mapping.group_choice import Run
from netwright.mapping.group_legality import group_faults, kept_bytes
from netwright.mapping.homes import inner_memory
from netwright.mapping.loopnest import Keep, Loop
from netwright.mapping.mapping import Group, Phase
from netwright.mapping.mapping import Mapping as Decided
from netwright.mapping.runs import Runs
from netwright.mapping.tiles import footprint, num_tiles
from netwright.mapping.zeros import work_share
from netwright.workload import Einsum, Workload

MAX_PLANS = 2
"""Ways to share Einsums among units that are counted for given tiles."""

MAX_TRIED = 8
"""Loops of a run whose groups are counted without a better one, most promising first."""

ROUNDING = 1 - 1e-9


@dataclass(frozen=True, slots=True)
class Way:
    """A run of Einsums as a group that is judged and counted.

    Attributes:
        seconds: From its first to its last step.
        joules: Energy of all its actions.
        num_bytes: Bytes that cross the border of the chip.
        group: The group, whole.
        bindings: Units of its Einsums; none where no unit does an operator.
    """

    seconds: float
    joules: float
    num_bytes: int
    group: Group
    bindings: Mapping[str, str]

    def value(self, goal: Goal) -> tuple[float, float]:
        """What is minimized, and what decides among equals."""
        if goal == "latency":
            return self.seconds, self.joules
        if goal == "energy":
            return self.joules, self.seconds
        return self.seconds * self.joules, self.seconds


class RunMapper:
    """Finds the best way to run Einsums as one group.

    Args:
        workload: Ranks that Einsums share have one name.
        architecture: The machine.
        runs: The runs of the workload.
        goal: What is minimized.
        bindings: Units that are given.
    """

    def __init__(
        self,
        workload: Workload,
        architecture: Architecture,
        runs: Runs,
        goal: Goal,
        bindings: Mapping[str, str],
    ) -> None:
        self.workload = workload
        self.architecture = architecture
        self.runs = runs
        self.goal: Goal = goal
        self.bindings = bindings
        self.units = architecture.units
        self.arrays = {
            unit.name: tuple(
                node for node in architecture.path_to(unit.name) if isinstance(node, Array)
            )
            for unit in self.units
        }

    def best(self, begin: int, end: int) -> Way | None:
        """The best way, if there is one."""
        members = self.workload.einsums[begin:end]
        able = [self._able(einsum) for einsum in members]
        if len(members) == 1 and (not able[0] or members[0].map_op in UNKNOWN):
            return self._streamed(members[0])
        if not all(able) or any(einsum.map_op in UNKNOWN for einsum in members):
            return None
        given = self.runs.given.get((begin, end))
        if given is not None and given.phases:
            return self.counted(self.part(begin, end), given, dict(self.bindings))
        problem = _Problem(self, begin, end, able, given)
        return problem.solved()

    def _able(self, einsum: Einsum) -> tuple[Compute, ...]:
        """Units that may run an Einsum; the only one that there is, whatever it does."""
        fixed = self.bindings.get(einsum.name)
        able = self.units if len(self.units) == 1 else able_units(einsum, self.architecture)
        return tuple(unit for unit in able if fixed in (None, unit.name))

    def _streamed(self, einsum: Einsum) -> Way:
        """An Einsum that no unit does, or that nothing is known of: its bytes alone."""
        counts = stream.count(self.workload, einsum, self.architecture)
        found = price(counts, self.architecture)
        moved = found.bytes_moved.get(self.architecture.root.name, 0)
        return Way(found.seconds, found.joules, moved, Group(einsum.name, (einsum.name,)), {})

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
        least = 0.0
        for einsum in part.einsums:
            own = [self.work(part, einsum, unit) for unit in self._able(einsum)]
            least += min((spent for spent, _ in own), default=0.0)
            joules += min((energy for _, energy in own), default=0.0)
        return max(seconds, least / len(self.units)), joules

    def work(self, part: Workload, einsum: Einsum, unit: Compute) -> tuple[float, float]:
        """Seconds of an Einsum on all copies of a unit, all busy, and joules of its operations."""
        assert unit.rate is not None  # check_figures
        operators = work_of(einsum, unit)
        if not set(operators) <= set(unit.does):
            return 0.0, 0.0
        points = float(prod(rank.extent for rank in einsum.ranks))
        if einsum.map_op == "multiply":
            points *= float(work_share((part.by_name[name] for name in einsum.reads), unit))
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


class _Problem:
    """The search for one run."""

    def __init__(
        self,
        mapper: RunMapper,
        begin: int,
        end: int,
        able: Sequence[tuple[Compute, ...]],
        given: Group | None,
    ) -> None:
        self.mapper = mapper
        self.architecture = mapper.architecture
        self.able = able
        self.given = given
        self.part = mapper.part(begin, end)
        self.einsums = self.part.einsums
        self.name = given.name if given is not None else self.einsums[-1].name
        kept = {keep.tensor: keep.position for keep in given.keeps} if given is not None else {}
        self.run: Run = replace(mapper.runs.run(begin, end), given=kept, cache={})
        self.known: dict[tuple[object, ...], list[Assigned]] = {}
        self.legal: dict[frozenset[tuple[str, bool]], bool] = {}
        self.best: Way | None = None
        points_of = [prod(rank.extent for rank in e.ranks) for e in self.einsums]
        work = [
            {unit.name: mapper.work(self.part, einsum, unit) for unit in own}
            for einsum, own in zip(self.einsums, able, strict=True)
        ]
        self.joules = [{name: joules for name, (_, joules) in own.items()} for own in work]
        cycles = [
            {
                name: seconds / points * self.architecture.copies(name)
                for name, (seconds, _) in own.items()
            }
            for own, points in zip(work, points_of, strict=True)
        ]
        self.arrays = GroupArrays(self.run, self.part, able, mapper.arrays, mapper.units, cycles)

    def solved(self) -> Way | None:
        """The best way with any loops, most promising loops first."""
        order: list[tuple[float, int, tuple[Loop, ...], float]] = []
        for loops in self._loops():
            ranks = frozenset((loop.rank, loop.tile == 1) for loop in loops)
            if ranks not in self.legal:
                self.legal[ranks] = self.run.is_legal(loops)
            if not self.legal[ranks]:
                continue
            choice = self.run.best(loops, self.mapper.runs.capacity, None)
            if choice is None:
                continue
            value, moved = self._least(choice.traffic)
            order.append((value, len(order), loops, moved))
        tried = 0
        for least, _, loops, moved in sorted(order):
            if self.best is not None and (least >= self._limit() or tried == MAX_TRIED):
                break
            tried = 0 if self._try(loops, moved) else tried + 1
        return self.best

    def _least(self, bits: int) -> tuple[float, float]:
        """The least value of a group that moves so many bits past the root, and their seconds."""
        moved, energy = self.mapper.moved(bits)
        joules = energy + sum(min(own.values()) for own in self.joules)
        if self.mapper.goal == "latency":
            return moved, moved
        return (joules if self.mapper.goal == "energy" else joules * moved), moved

    def _limit(self) -> float:
        assert self.best is not None
        return self.best.value(self.mapper.goal)[0] * ROUNDING

    def _loops(self) -> Iterator[tuple[Loop, ...]]:
        """Loops of the mapspace of fusion, and each with one more that fits an axis of an array."""
        spatial = () if self.given is None else tuple(x for x in self.given.loops if x.is_spatial)
        if self.given is not None and self.given.loops:
            yield tuple(x for x in self.given.loops if x not in spatial)
            return
        fanouts = sorted({f for own in self.mapper.arrays.values() for a in own for f in a.fanout})
        first = self.run.shapes[0]
        for loops in self.mapper.runs.loops(self.run):
            yield loops
            if first.is_whole:
                continue
            tiles = {**first.extents, **{loop.rank: loop.tile for loop in loops}}
            seen: set[Loop] = set()
            for rank, tile in tiles.items():
                for fanout in fanouts:
                    fits = _largest_divisor(tile, fanout)
                    if 1 < fits < tile and rank not in self.run.common:
                        seen.add(Loop(rank, fits))
            yield from ((*loops, more) for more in sorted(seen, key=lambda x: (x.rank, x.tile)))

    def _assigned(self, loops: Sequence[Loop]) -> list[Assigned]:
        """Units and arrays for tiles of these sizes, best first."""
        own: dict[str, tuple[int, ...]] = {}
        for loop in loops:
            own[loop.rank] = (*own.get(loop.rank, ()), loop.tile)
        key = tuple(sorted(own.items()))
        if key in self.known:
            return self.known[key]
        goal, share = self.mapper.goal, self._share(loops)
        always = [own.keys() <= shape.ranks for shape in self.run.shapes]
        steps = [
            (self.arrays.steps(loops, spread), spread) for spread in self.arrays.spreads(loops)
        ]
        steps.sort(key=lambda pair: self._bound(pair[0]))
        found: list[Assigned] = []
        for times, spread in steps:
            found.sort(key=lambda state: state.key(goal, share))
            del found[MAX_PLANS:]
            least = self._bound(times)
            worst = found[-1].longest(share) if len(found) == MAX_PLANS else float("inf")
            if goal != "energy" and least >= worst:
                break
            found += assignments(times, self.joules, always, goal, share=share, spread=spread)
        found.sort(key=lambda state: state.key(goal, share))
        self.known[key] = found[:MAX_PLANS]
        return self.known[key]

    def _bound(self, times: Sequence[Mapping[str, float]]) -> float:
        """The least time of the busiest unit, however Einsums are shared."""
        least = [min(own.values()) for own in times]
        return max(max(least), sum(least) / len(self.mapper.units))

    def _share(self, loops: Sequence[Loop]) -> float:
        """Of all tiles, those in which every Einsum runs: the last along ranks that some lack."""
        ranks = frozenset(loop.rank for loop in loops)
        sets = {ranks - shape.ranks for shape in self.run.shapes} - {frozenset()}
        if len(sets) > 1:
            return 1.0  # they run in unlike tiles: no more is said than that units are busy
        lacking = frozenset[str]().union(*sets)
        tiles = prod(
            num_tiles(self.run.extents[rank], [x.tile for x in loops if x.rank == rank])
            for rank in lacking
        )
        return 1.0 / tiles

    def _try(self, loops: tuple[Loop, ...], moved: float) -> bool:
        """Count the groups of these loops; whether one of them is the best so far."""
        before = self.best
        for state in self._assigned(loops):
            for plan in self._plans(loops, state):
                if self.best is not None and plan.least(self.mapper.goal, moved) >= self._limit():
                    continue
                way = self._way(loops, state, plan)
                better = way is not None and (
                    self.best is None
                    or way.value(self.mapper.goal) < self.best.value(self.mapper.goal)
                )
                if better:
                    self.best = way
        return self.best is not before

    def _plans(self, loops: Sequence[Loop], state: Assigned) -> Iterable[Plan]:
        """All units at the same time, each a tile behind who makes what it needs; or in turn."""
        summed = frozenset(
            n for n, shape in enumerate(self.run.shapes)
            if any(x.rank in shape.summed and self._is_above(x, state.units[n])
                   for x in state.spread)
        )  # fmt: skip
        share = self._share(loops)
        found = pipelined(self.einsums, state, loops, self.run.extents, summed, share)
        if found is not None:
            yield found
        yield Plan(state.seconds, state.joules)

    def _is_above(self, loop: Loop, unit: str) -> bool:
        return loop.array in {array.name for array in self.mapper.arrays[unit]}

    def _way(self, loops: tuple[Loop, ...], state: Assigned, plan: Plan) -> Way | None:
        """The least traffic with these loops and this plan, with registers used where they fit."""
        run = replace(self.run, places=plan.places, spare=plan.spare, cache={})
        choice = run.best(loops, self.mapper.runs.capacity, None)
        if choice is None:
            return None
        memory = self.mapper.runs.memory.name
        names = tuple(einsum.name for einsum in self.einsums)
        bindings = {
            name: unit
            for name, unit, einsum in zip(names, state.units, self.einsums, strict=True)
            if any(own.name == unit for own in able_units(einsum, self.architecture))
        }
        phases: tuple[Phase, ...] = ()
        if plan.is_at_once:
            units = dict.fromkeys(state.units)
            lists = {
                u: tuple(n for n, own in zip(names, state.units, strict=True) if own == u)
                for u in units
            }
            phases = (Phase(lists),)
        lags = {name: lag for name, lag in zip(names, plan.lags or (), strict=False) if lag}
        keeps = tuple(Keep(memory, t, position) for t, position in choice.positions.items())
        group = Group(self.name, names, (*loops, *state.spread), phases, keeps, lags)
        near = replace(group, keeps=self._near(group, bindings, state))
        found = self.mapper.counted(self.part, near, bindings)
        return found or self.mapper.counted(self.part, group, bindings)

    def _near(self, group: Group, bindings: Mapping[str, str], state: Assigned) -> tuple[Keep, ...]:
        """The keeps, those in registers instead that fit there and save most."""
        unit_of = dict(zip(group.einsums, state.units, strict=True))
        wanted: dict[str, list[tuple[Keep, int]]] = {}
        for keep in group.keeps:
            readers = [e for e in self.einsums if keep.tensor in e.reads]
            maker = self.part.producers.get(keep.tensor)
            units = {unit_of[einsum.name] for einsum in readers}
            if maker is None or keep.tensor in self.part.outputs or len(units) != 1:
                continue
            memory = inner_memory(self.architecture, units.pop(), group.keeps[0].memory)
            if memory is not None and self._is_cheaper(memory):
                accesses = 1 + len(readers)
                bits = self.part.by_name[keep.tensor].stored.num_bits * accesses
                wanted.setdefault(memory.name, []).append((replace(keep, memory=memory.name), bits))
        moved: dict[str, Keep] = {}
        for name, own in wanted.items():
            node = self.architecture.memory(name)
            assert node is not None
            moved |= {keep.tensor: keep for keep in self._fitting(group, bindings, node, own)}
        return tuple(moved.get(keep.tensor, keep) for keep in group.keeps)

    def _is_cheaper(self, memory: Memory) -> bool:
        outer = self.mapper.runs.memory
        pairs = ((memory.read_energy, outer.read_energy), (memory.write_energy, outer.write_energy))
        return all(a is None or b is None or a.value <= b.value for a, b in pairs)

    def _fitting(
        self,
        group: Group,
        bindings: Mapping[str, str],
        memory: Memory,
        wanted: Sequence[tuple[Keep, int]],
    ) -> tuple[Keep, ...]:
        """Those of some keeps that save most and fit together; exact."""
        capacity = memory.capacity_bytes
        if capacity is None:
            return tuple(keep for keep, _ in wanted)
        front: list[tuple[int, int, tuple[Keep, ...]]] = [(0, 0, ())]
        for keep, saved in wanted:
            size = self._size(group, bindings, keep)
            grown = [
                (taken + size, total - saved, (*chosen, keep))
                for taken, total, chosen in front
                if taken + size <= capacity
            ]
            least = float("inf")
            kept = []
            for entry in sorted((*front, *grown), key=lambda entry: entry[:2]):
                if entry[1] < least:
                    kept.append(entry)
                    least = entry[1]
            front = kept
        return min(front, key=lambda entry: entry[1])[2]

    def _size(self, group: Group, bindings: Mapping[str, str], keep: Keep) -> int:
        """Bytes that a tensor takes in one copy of a memory."""
        alone = replace(group, keeps=(keep,))
        decided = Decided(self.part.granularity, group.einsums, bindings=bindings, groups=(alone,))
        return kept_bytes(self.part, self.architecture, decided, keep.memory)


def _largest_divisor(size: int, most: int) -> int:
    return next(d for d in range(min(size, most), 0, -1) if size % d == 0)
