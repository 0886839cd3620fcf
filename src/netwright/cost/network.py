"""Whole networks: every distinct operation is searched once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Literal

from netwright.arch import Architecture, Compute
from netwright.cost import pipeline, stream
from netwright.cost.counts import Counts
from netwright.cost.events.count import execute
from netwright.cost.in_place import done_in_place, makers, told_in_place
from netwright.cost.loopnest import count
from netwright.cost.mapper import Goal, Mapped, search, too_long
from netwright.cost.price import Estimate, check_figures, price, sequence
from netwright.cost.stays import Stays
from netwright.errors import ConfigError, GraphError
from netwright.ir.einsums.einsum import UNKNOWN
from netwright.mapping.banks import place
from netwright.mapping.binding import binding_of, branch_of, check_units, undone
from netwright.mapping.given import check_granularity, check_taken
from netwright.mapping.layout import banked
from netwright.mapping.legality import check_legal
from netwright.mapping.loopnest import Loop, LoopNest
from netwright.mapping.mapping import Group, Mapping
from netwright.mapping.operation import Operation, is_operation, operation
from netwright.mapping.ranks import aligned
from netwright.mapping.schedule import ordered
from netwright.mapping.zeros import told
from netwright.notebook import table
from netwright.progress import Progress, silent
from netwright.workload import Coverage, Einsum, Workload, coverage, fuse
from netwright.workload.cycles import is_cyclic

Engine = Literal["loopnest", "stream", "pipeline", "transfers", "events", "in_place"]


@dataclass(frozen=True, slots=True)
class Layer:
    """One operation of a network.

    Attributes:
        name: Name of the Einsum, or of the group of Einsums; of what comes and goes at an Einsum
            where tensors stay; of a function that is done in place.
        engine: What counted it.
        estimate: What it costs.
        mapped: The search's result; ``None`` for streamed operators, and for what was fixed.
        same_as: Name of an equal operation that was searched before; empty if there is none.
        is_fixed: Whether the caller gave its loop nest or group.
    """

    name: str
    engine: Engine
    estimate: Estimate
    mapped: Mapped | None = None
    same_as: str = ""
    is_fixed: bool = False


@dataclass(frozen=True, slots=True)
class NetworkEstimate:
    """A network on a machine.

    Attributes:
        mapping: The network's own order or the given one, with a loop nest for every sum of
            products; all other operators stream their operands.
        layers: Every operation that was estimated, in order.
        total: Their sum.
        coverage: How much of the network that is, and what is missing.
    """

    mapping: Mapping
    layers: tuple[Layer, ...]
    total: Estimate
    coverage: Coverage

    def _repr_html_(self) -> str:
        rows = [
            (layer.name, layer.estimate.num_operations, f"{layer.estimate.seconds:.3g} s",
             f"{layer.estimate.joules:.3g} J", layer.estimate.bound)
            for layer in self.layers
        ]  # fmt: skip
        total = self.total
        rows.append(("sum", total.num_operations, f"{total.seconds:.3g} s",
                     f"{total.joules:.3g} J", total.bound))  # fmt: skip
        title = f"{total.name}; covers {self.coverage}"
        return table(title, ("operation", "operations", "time", "energy", "bound by"), rows)

    @property
    def left_out(self) -> tuple[tuple[str, str], ...]:
        """Operators that no engine can count, with the reason."""
        return self.coverage.missing

    @property
    def is_optimal(self) -> bool:
        """Whether nothing is missing, and all that was searched is the proven best."""
        return self.coverage.is_whole and all(
            layer.mapped is None or layer.mapped.is_optimal for layer in self.layers
        )


def estimate_network(
    workload: Workload,
    architecture: Architecture,
    *,
    goal: Goal = "edp",
    time_limit_s: float | None = None,
    fixed: Mapping | None = None,
    progress: Progress = silent,
) -> NetworkEstimate:
    """Map every operation of a network for itself, one after the other; the mapping is judged.

    Groups of Einsums are searched by :func:`netwright.mapping.fusion`; given as fixed, they are
    counted as a pipeline, so that what they keep on the chip costs no time and energy outside.
    Stays are found by :func:`netwright.mapping.cosma`; given as fixed, every step runs below the
    memory where its operands stay, and what comes and goes is counted beside the steps.

    Args:
        workload: The network.
        architecture: The machine.
        goal: What is minimized for each operation.
        time_limit_s: Seconds of all searches together, shared evenly among the distinct operations
            still to come; what one does not need is left to the others. No limit if not given.
        fixed: Parts of the mapping that are given: order, bindings, loop nests and groups, or the
            stays of all steps.
        progress: Told how far the search is.

    Raises:
        ConfigError: The machine lacks a figure, or the stays are not those of all steps.
        GraphError: There is nothing to estimate, or nothing of it can be.
        Infeasible: An operation fits nowhere.
        MappingError: What is fixed is not legal.
    """
    check_figures(architecture)
    if banked(architecture) is not None:
        return _in_banks(workload, architecture, fixed, progress)
    given = _given(workload, architecture, fixed)
    stays = Stays.of(workload, architecture, given) if given.residencies else None
    end = None if time_limit_s is None else monotonic() + time_limit_s
    distinct = _num_distinct(workload, given) if end is not None else 0
    steps = _Steps(architecture, stays, goal, end, distinct)
    layers: list[Layer] = []
    left_out = list(products_undone(workload, architecture))
    lacking = {name for name, _ in left_out}
    free: dict[str, None] = {}
    nests: dict[str, LoopNest] = {}
    bindings: dict[str, str] = dict(given.bindings)
    group_of = {name: group for group in given.groups for name in group.einsums}
    for number, einsum in enumerate(_ordered(workload, given)):
        progress(number, len(workload.einsums), einsum.name)
        moved = None if stays is None else stays.moved(einsum.name)
        if moved is not None:
            layers.append(Layer(moved.name, "transfers", price(moved, architecture)))
        group = group_of.get(einsum.name)
        is_fixed = fixed is not None and group in fixed.groups
        is_own = is_fixed and is_operation(einsum) and einsum.name not in lacking
        if group is not None and (is_own or not group.is_stream):
            if einsum.name == group.einsums[0]:
                counts = pipeline.count(workload, architecture, given, group)
                layers.append(Layer(group.name, "pipeline", price(counts, architecture),
                                    is_fixed=is_fixed))  # fmt: skip
            if not (is_operation(einsum) and einsum.name in lacking):
                free.update(dict.fromkeys(undone(einsum, architecture)))
            continue
        lacks = undone(einsum, architecture)
        if is_operation(einsum) and einsum.name in lacking:
            continue
        if not is_operation(einsum):
            if einsum.map_op in UNKNOWN:
                left_out.append((einsum.name, f'"{einsum.map_op}" is not a sum of products'))
            else:
                unit = given.bindings.get(einsum.name, "")
                counts = stream.count(workload, einsum, steps.machine, compute=unit)
                layers.append(Layer(einsum.name, "stream", steps.priced(counts, einsum)))
                if counts.steps:
                    bindings[einsum.name] = next(iter(counts.steps[0]))
                free.update(dict.fromkeys(lacks))
            continue
        try:
            wanted = operation(workload, einsum)
        except GraphError as error:
            left_out.append((einsum.name, error.message))
            continue
        if reason := too_long(wanted):
            left_out.append((einsum.name, reason))
            continue
        if einsum.name in given.nests:
            nests[einsum.name] = given.nests[einsum.name]
            layers.append(steps.counted(wanted, given, einsum))
            continue
        unit = given.bindings.get(einsum.name, "")
        layers.append(steps.searched(wanted, einsum, unit))
        nests[einsum.name], bindings[einsum.name] = steps.found(wanted, unit)
    if not layers:
        raise _nothing(workload, left_out)
    layers = list(_with_work_inside(workload, architecture, given.groups, layers))
    parts = [layer.estimate for layer in layers]
    taken = (
        *workload.assumptions,
        *_told(free, architecture),
        *_told_of_points(given, fixed, architecture),
        *told_in_place(workload, architecture),
    )
    total = sequence(workload.name, parts, assumptions=taken)
    mapping = _mapping(given, nests, bindings)
    check_legal(workload, architecture, mapping)
    if fixed is not None:
        check_taken(fixed, mapping)
    return NetworkEstimate(mapping, tuple(layers), total, coverage(workload, left_out))


def _with_work_inside(
    workload: Workload,
    architecture: Architecture,
    groups: Iterable[Group],
    layers: Sequence[Layer],
) -> Iterator[Layer]:
    """The layers, and what is done in place after the one whose values it takes."""
    maker = makers(workload)
    known = {layer.name: layer.name for layer in layers}
    known |= {name: group.name for group in groups for name in group.einsums}
    after: dict[str, list[Layer]] = {}
    for spent in done_in_place(workload, architecture):
        place = known.get(maker.get(spent.name, ""), "")
        after.setdefault(place, []).append(Layer(spent.name, "in_place", spent))
    yield from after.get("", ())
    for layer in layers:
        yield layer
        if layer.engine != "transfers":
            yield from after.get(layer.name, ())


def as_steps(workload: Workload, architecture: Architecture) -> Workload:
    """A network whose steps are those of a machine.

    Operators that work in place are fused into those that read them; not where the readers are
    units beside banks, which multiply and add and do nothing else on the way.
    """
    return workload if banked(architecture) is not None else fuse(workload)


def products_undone(workload: Workload, architecture: Architecture) -> tuple[tuple[str, str], ...]:
    """Sums of products that no unit of a machine does, each with the reason; totals lack them."""
    return tuple(
        (einsum.name, f"no unit does {', '.join(lacks)}")
        for einsum in (*workload.einsums, *workload.in_place)
        if is_operation(einsum) and (lacks := undone(einsum, architecture))
    )


def _in_banks(
    workload: Workload, architecture: Architecture, fixed: Mapping | None, progress: Progress
) -> NetworkEstimate:
    """What a network costs where matrices stay in banks and are multiplied there."""
    mapping = fixed if fixed is not None else place(workload, architecture)
    if (
        mapping.nests
        or mapping.residencies
        or mapping.places_weights
        or not all(group.is_stream for group in mapping.groups)
    ):
        raise ConfigError(
            f'"{architecture.name}" has units beside the banks of its memory: layouts, bindings '
            "and an order can be given, not loop nests, stays and groups of several Einsums",
            hint="netwright estimate --write writes such a mapping",
        )
    check_granularity(workload, mapping)
    done = execute(workload, architecture, mapping, progress=progress)
    layers = tuple(
        Layer(counts.name, "events", price(counts, architecture), is_fixed=fixed is not None)
        for counts in done.counts
    )
    if not layers:
        raise _nothing(workload, list(done.left_out))
    lacking = {
        name
        for einsum in workload.einsums
        if einsum.name not in mapping.bindings
        for name in undone(einsum, architecture)
    }
    taken = (*workload.assumptions, *_told(lacking, architecture))
    total = sequence(workload.name, [layer.estimate for layer in layers], assumptions=taken)
    return NetworkEstimate(mapping, layers, total, coverage(workload, list(done.left_out)))


def _told(free: Iterable[str], architecture: Architecture) -> tuple[str, ...]:
    """What is said where no unit does some operators."""
    names = ", ".join(sorted(free))
    if not names:
        return ()
    units = architecture.abilities
    return (f"no unit does {names} ({units}): they take the time and energy of their bytes alone",)


def _told_of_points(
    given: Mapping, fixed: Mapping | None, architecture: Architecture
) -> tuple[str, ...]:
    """What is said where Einsums run point by point in groups that nobody searched for."""
    known = () if fixed is None else fixed.groups
    if all(group.is_stream or group in known for group in given.groups):
        return ()
    return (
        "what runs point by point does so on one copy of its unit, with operands in "
        f"{architecture.root.name}; groups of netwright map --mapper fusion, given with --fix, "
        "may do better",
    )


def _given(workload: Workload, architecture: Architecture, fixed: Mapping | None) -> Mapping:
    """What is fixed, everything else streaming in groups of one; it is judged.

    Raises:
        ConfigError: Something is given that this machine or network has no use for.
        MappingError: It is not legal.
    """
    taken = {name for group in fixed.groups for name in group.einsums} if fixed else set()
    found = tuple(_point_by_point(workload, architecture, taken))
    cycles = tuple(group for group, _ in found)
    bindings = {name: unit for _, units in found for name, unit in units.items() if unit}
    homeless = {name for _, units in found for name, unit in units.items() if not unit}
    check_units((e for e in workload.einsums if e.name in homeless), architecture)
    order = tuple(einsum.name for einsum in workload.einsums)
    if cycles:
        order = tuple(einsum.name for members in workload.together for einsum in members)
    if fixed is None:
        return Mapping(workload.granularity, order, groups=cycles, bindings=bindings)
    check_granularity(workload, fixed)
    if fixed.layouts:
        raise ConfigError(
            f'layouts are given, and "{architecture.name}" has no units beside the banks of a '
            "memory"
        )
    if fixed.places_weights and not fixed.residencies:
        raise ConfigError("that weights are placed says something of stays, and none are given")
    if fixed.residencies and set(fixed.order) != set(order):
        raise ConfigError("stays are counted in steps, so that the whole order must be given")
    if fixed.residencies and cycles:
        raise ConfigError(
            f'"{cycles[0].einsums[0]}" runs point by point with others, and an estimate takes no '
            "stays then"
        )
    known = workload.einsum_of
    order = ordered(replace(workload, einsums=tuple(known[n] for n in order)), fixed.order)
    given = replace(
        fixed, granularity=workload.granularity, order=order, groups=(*fixed.groups, *cycles),
        bindings={**bindings, **fixed.bindings},
    )  # fmt: skip
    check_legal(workload, architecture, _mapping(given, dict(given.nests), dict(given.bindings)))
    return given


def _point_by_point(
    workload: Workload, architecture: Architecture, taken: set[str]
) -> Iterator[tuple[Group, dict[str, str]]]:
    """Einsums that read each other along an iterative rank, and the unit of each; empty if none.

    They cannot run one after the other; so they are a group, with a tile for each point.
    """
    for members in aligned(workload).together:
        names = tuple(einsum.name for einsum in members)
        if is_cyclic(members) and taken.isdisjoint(names):
            ranks = dict.fromkeys(rank for einsum in members for rank in einsum.iterative)
            units = {einsum.name: binding_of(architecture, einsum) for einsum in members}
            yield Group(names[-1], names, tuple(Loop(rank, 1) for rank in ranks)), units


def _ordered(workload: Workload, given: Mapping) -> Iterator[Einsum]:
    """The Einsums; where tensors stay, in the order in which they run."""
    if not given.residencies:
        yield from workload.einsums
        return
    by_name = {einsum.name: einsum for einsum in workload.einsums}
    yield from (by_name[name] for name in given.order)


def _num_distinct(workload: Workload, given: Mapping) -> int:
    """How many searches there will be."""
    taken = {*given.nests, *(name for group in given.groups for name in group.einsums)}
    found = set()
    for einsum in workload.einsums:
        if is_operation(einsum) and einsum.name not in taken:
            with suppress(GraphError):
                wanted = operation(workload, einsum)
                found.add((*wanted.signature, given.bindings.get(einsum.name, "")))
    return len(found)


def _mapping(given: Mapping, nests: dict[str, LoopNest], bindings: dict[str, str]) -> Mapping:
    """What is given and found; all else streams, each Einsum a group of its own.

    Where tensors stay, all else is a step whose operands are there.
    """
    if given.residencies:
        return replace(given, bindings=bindings, nests=nests)
    groups = tuple(group for group in given.groups if nests.keys().isdisjoint(group.einsums))
    taken = {*nests, *(name for group in groups for name in group.einsums)}
    groups += tuple(Group(name, (name,)) for name in given.order if name not in taken)
    return replace(given, bindings=bindings, nests=nests, groups=groups)


def _nothing(workload: Workload, left_out: list[tuple[str, str]]) -> GraphError:
    if not left_out:
        return GraphError(
            f'nothing of "{workload.name}" can be estimated: it has no operator that moves or '
            "computes anything"
        )
    name, reason = left_out[0]
    return GraphError(
        f'nothing of "{workload.name}" can be estimated: all {len(left_out)} operators are left '
        f'out, the first one "{name}": {reason}'
    )


@dataclass(frozen=True)
class _Steps:
    """Operations that run one after the other; equal ones are searched once."""

    architecture: Architecture
    stays: Stays | None
    goal: Goal
    end: float | None
    num_distinct: int
    known: dict[tuple[object, ...], tuple[Operation, Mapped]] = field(default_factory=dict)

    @property
    def machine(self) -> Architecture:
        """What an operation runs on."""
        return self.architecture if self.stays is None else self.stays.inside

    def priced(self, counts: Counts, einsum: Einsum) -> Estimate:
        """What an operation costs on the whole machine."""
        if self.stays is not None:
            counts = self.stays.with_weights(counts, einsum)
        return price(counts, self.architecture)

    def counted(self, wanted: Operation, given: Mapping, einsum: Einsum) -> Layer:
        """An operation under the loop nest that was given for it."""
        branch = branch_of(self.machine, einsum, given.bindings)
        assert branch is not None  # judged
        counts = count(wanted, branch, given.nests[einsum.name])
        return Layer(wanted.name, "loopnest", self.priced(counts, einsum), is_fixed=True)

    def searched(self, wanted: Operation, einsum: Einsum, unit: str) -> Layer:
        """An operation under the best loop nest."""
        key = *wanted.signature, unit
        first = self.known[key][0] if key in self.known else None
        if first is None:
            self.known[key] = (
                wanted,
                search(wanted, self.machine, goal=self.goal, compute=unit,
                       time_limit_s=self._seconds_left()),
            )  # fmt: skip
        _, mapped = self.known[key]
        estimate = mapped.estimate
        if self.stays is not None:
            estimate = self.priced(mapped.counts, einsum)
        estimate = replace(estimate, name=wanted.name)
        if first is not None:  # the zeros of tensors of other names
            does = self.machine.branch(mapped.compute).path[-1]
            assert isinstance(does, Compute)
            others = told(first.operands, does)
            taken = [line for line in estimate.assumptions if line not in others]
            estimate = replace(estimate, assumptions=(*taken, *told(wanted.operands, does)))
        return Layer(wanted.name, "loopnest", estimate, mapped, "" if first is None else first.name)

    def _seconds_left(self) -> float | None:
        """The share of the next search in the time that is left."""
        if self.end is None:
            return None
        left = max(1, self.num_distinct - len(self.known))
        return max(0.0, self.end - monotonic()) / left

    def found(self, wanted: Operation, unit: str) -> tuple[LoopNest, str]:
        """The nest that was found for an equal operation, on this one's tensors, and its unit."""
        first, mapped = self.known[*wanted.signature, unit]
        nest = mapped.nest.renamed(dict(zip(first.tensors, wanted.tensors, strict=True)))
        return nest, mapped.compute
