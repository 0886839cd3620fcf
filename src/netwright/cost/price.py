"""The one place where counts become seconds and joules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from math import isfinite
from typing import get_args

from netwright.arch import MAC, Architecture, Compute, Figure, Link, Memory, Node
from netwright.cost.counts import Action, Counts
from netwright.cost.events.energy import STANDBY, bytes_of, energy_of
from netwright.errors import ConfigError
from netwright.ir.einsums.einsum import MapOp, ReduceOp
from netwright.ir.einsums.functions import UnaryOp
from netwright.mapping.binding import THEN
from netwright.notebook import table
from netwright.quantities import Fidelity, Quantity


@dataclass(frozen=True, slots=True)
class Estimate:
    """What an operation, or a sequence of them, costs.

    Attributes:
        name: Name of the operation or network.
        seconds: Time from the first to the last step.
        joules: Energy of all actions.
        num_operations: Operations of the compute units; multiply-accumulates where they do no
            other ones.
        utilization: Cycles of the operations over those that all units had meanwhile.
        bound: Name of the component that decides the time; of the longest part of a sequence.
        bytes_moved: Bytes read and written, by memory.
        joules_by: Energy, by component.
        seconds_by: How long each component is busy.
        assumptions: What the engine and the machine's file take for granted.
        fidelity: ``"assumed"`` as soon as one figure of the machine is.
        utilization_by: For each compute unit, the share of its cycles that it works.
    """

    name: str
    seconds: float
    joules: float
    num_operations: int
    utilization: float
    bound: str
    bytes_moved: Mapping[str, int]
    joules_by: Mapping[str, float]
    seconds_by: Mapping[str, float]
    assumptions: tuple[str, ...] = ()
    fidelity: Fidelity = "modelled"
    utilization_by: Mapping[str, float] = field(default_factory=dict)

    def _repr_html_(self) -> str:
        rows: list[tuple[str, object]] = [
            ("time", f"{self.seconds:.4g} s"),
            ("energy", f"{self.joules:.4g} J"),
            ("operations", self.num_operations),
            ("units used", f"{self.utilization:.1%}"),
            ("bound by", self.bound),
            *((f"bytes moved by {name}", size) for name, size in self.bytes_moved.items()),
            ("fidelity", self.fidelity),
            *(("taken for granted", text) for text in self.assumptions),
        ]
        return table(f"estimate of {self.name}", ("figure", "value"), rows)

    @property
    def energy_delay(self) -> float:
        """Energy times time, in joule seconds."""
        return self.joules * self.seconds

    def quantity(self, what: str) -> Quantity:
        """Seconds or joules as a sourced quantity."""
        unit = {"seconds": "s", "joules": "J"}[what]
        return Quantity(getattr(self, what), unit, "netwright.cost.price", self.fidelity)


def check_figures(architecture: Architecture) -> None:
    """Refuse a machine whose file does not say enough, or names operators that there are not.

    Raises:
        ConfigError: With every missing figure and unknown operator.
    """
    missing = (*architecture.missing_figures(), *_unknown_operators(architecture))
    if missing:
        lines = "".join(f"\n  {fault}" for fault in missing)
        raise ConfigError(f'architecture "{architecture.name}" cannot be priced{lines}')


def _unknown_operators(architecture: Architecture) -> Iterator[str]:
    """Operators of compute units that no Einsum has."""
    known = {MAC, *get_args(MapOp), *get_args(UnaryOp), *get_args(ReduceOp)} - {"none", "opaque"}
    for unit in architecture.units:
        for name in unit.operators:
            for part in name.split(THEN):
                if part not in known:
                    near = get_close_matches(part, known, n=1)
                    meant = (
                        f'; did you mean "{near[0]}"?'
                        if near
                        else f"; operators are {', '.join(sorted(known))}"
                    )
                    yield f'"{unit.name}" does {name}, which is no operator{meant}'


def price(counts: Counts, architecture: Architecture) -> Estimate:
    """Energy is the sum over all actions; time is the sum over all phases.

    A phase takes as long as its busiest component: all of them work at the same time. What goes on
    beside the phases decides the time only where it takes longer than they do. Transfers into
    memories that are not double-buffered hold up computation: the longest of them comes on top.
    Nodes with a leakage take its energy all the time.

    Raises:
        ConfigError: A figure is missing, a unit does not do an operator, or figures are so extreme
            that the result is not finite.
    """
    check_figures(architecture)
    nodes = {node.name: node for node in architecture.nodes}
    joules_by: dict[str, float] = {}
    bytes_moved: dict[str, int] = {}
    for action in counts.actions:
        node = nodes[action.component]
        joules_by[node.name] = joules_by.get(node.name, 0.0) + joules_of(action, node)
        if isinstance(node, Memory) and action.kind == "command":
            bits = 8 * _bytes_of(action, node)
            bytes_moved[node.name] = bytes_moved.get(node.name, 0) + bits
        elif isinstance(node, Memory):
            bytes_moved[node.name] = bytes_moved.get(node.name, 0) + action.amount
    phases, beside = _phases(counts, nodes)
    limits: dict[str, float] = {}
    spent_by: dict[str, float] = {}
    for phase in (*phases, beside):
        for times in (phase.busy, phase.waiting):
            for name, spent in times.items():
                spent_by[name] = spent_by.get(name, 0.0) + spent
    for phase in phases:
        limits[phase.bound] = limits.get(phase.bound, 0.0) + phase.seconds
    together = sum(phase.seconds for phase in phases)
    longest = max(beside.busy, key=lambda name: spent_by[name], default="")
    if longest and spent_by[longest] > together:
        limits, together = {longest: spent_by[longest]}, spent_by[longest]
    seconds = together + max(beside.waiting.values(), default=0.0)
    for name, watts in architecture.leakage_w.items():
        joules_by[name] = joules_by.get(name, 0.0) + watts * seconds
    if not (isfinite(seconds) and isfinite(sum(joules_by.values()))):
        raise ConfigError(
            f'the figures of architecture "{architecture.name}" give no finite time or energy for '
            f'"{counts.name}"',
            hint="a bandwidth or a rate is too small, or an energy too large",
        )
    used = _used(counts, architecture, seconds)
    return Estimate(
        counts.name, seconds, sum(joules_by.values()), counts.num_operations,
        _share(used, architecture), max(limits, key=lambda name: limits[name]),
        {name: -(-bits // 8) for name, bits in bytes_moved.items()}, joules_by, spent_by,
        counts.assumptions, fidelity_of(architecture), used,
    )  # fmt: skip


def _phases(counts: Counts, nodes: Mapping[str, Node]) -> tuple[list[_Phase], _Phase]:
    """The phases, and what goes on beside them."""
    actions: dict[int | None, list[Action]] = {}
    for action in counts.actions:
        actions.setdefault(action.phase, []).append(action)
    last = max(len(counts.steps), *(1 + n for n in actions if n is not None), 1)
    phases = []
    for number in range(last):
        steps = counts.steps[number] if number < len(counts.steps) else {}
        phases.append(_Phase.of(steps, actions.get(number, []), nodes))
    for phase in phases:
        phase.busy.setdefault(_units(nodes)[0], 0.0)
    return phases, _Phase.of({}, actions.get(None, []), nodes)


@dataclass(frozen=True, slots=True)
class _Phase:
    """How long each component is busy in a phase, and how long it holds up computation."""

    busy: dict[str, float]
    waiting: dict[str, float]

    @classmethod
    def of(
        cls, steps: Mapping[str, int], actions: Sequence[Action], nodes: Mapping[str, Node]
    ) -> _Phase:
        """The times of one phase."""
        busy: dict[str, float] = {}
        for name, number in steps.items():
            node = nodes[name]
            if isinstance(node, Memory) and node.dram is not None:
                busy[name] = number * node.dram.clock.value
                continue
            assert isinstance(node, Compute)
            busy[name] = number / _value(node.rate)
        waiting: dict[str, float] = {}
        for action in actions:
            node = nodes[action.component]
            if not isinstance(node, Memory | Link) or node.bandwidth is None:
                continue
            if action.kind == "command":
                continue  # in the steps
            own = waiting if action.waits else busy
            own[node.name] = own.get(node.name, 0.0) + seconds_of(action, node)
        return cls(busy, waiting)

    @property
    def seconds(self) -> float:
        """From the first to the last step."""
        return max(self.busy.values()) + max(self.waiting.values(), default=0.0)

    @property
    def bound(self) -> str:
        """Name of the component that decides the time."""
        bound = max(self.busy, key=lambda name: self.busy[name])
        if max(self.waiting.values(), default=0.0) > self.busy[bound]:
            bound = max(self.waiting, key=lambda name: self.waiting[name])
        return bound


def _units(nodes: Mapping[str, Node]) -> list[str]:
    return [name for name, node in nodes.items() if isinstance(node, Compute)]


def _used(counts: Counts, architecture: Architecture, seconds: float) -> dict[str, float]:
    """For each compute unit, cycles of its operations over those that all copies had meanwhile."""
    found = {}
    for unit in architecture.units:
        cycles = sum(
            action.amount * unit.cycles_of(action.operator)
            for action in counts.actions
            if action.component == unit.name
        )
        had = seconds * _value(unit.rate) * architecture.copies(unit.name)
        found[unit.name] = cycles / had if had else 0.0
    return found


def _share(used: Mapping[str, float], architecture: Architecture) -> float:
    """Cycles used over cycles of all units together."""
    if len(used) == 1:
        return next(iter(used.values()))
    weights = {
        unit.name: _value(unit.rate) * architecture.copies(unit.name) for unit in architecture.units
    }
    return sum(used[name] * weight for name, weight in weights.items()) / sum(weights.values())


def sequence(
    name: str, parts: Sequence[Estimate], *, assumptions: tuple[str, ...] = ()
) -> Estimate:
    """Operations one after the other."""
    seconds = sum(part.seconds for part in parts)
    operations = sum(part.num_operations for part in parts)
    bounds: dict[str, float] = {}
    for part in parts:
        bounds[part.bound] = bounds.get(part.bound, 0.0) + part.seconds
    moved: dict[str, int] = {}
    joules: dict[str, float] = {}
    spent: dict[str, float] = {}
    used: dict[str, float] = {}
    for part in parts:
        share = part.seconds / seconds if seconds else 0.0
        for key, own in part.utilization_by.items():
            used[key] = used.get(key, 0.0) + own * share
        for key, size in part.bytes_moved.items():
            moved[key] = moved.get(key, 0) + size
        for key, energy in part.joules_by.items():
            joules[key] = joules.get(key, 0.0) + energy
        for key, time in part.seconds_by.items():
            spent[key] = spent.get(key, 0.0) + time
    taken = tuple(dict.fromkeys(a for part in parts for a in part.assumptions))
    fidelity: Fidelity = (
        "assumed" if any(part.fidelity == "assumed" for part in parts) else "modelled"
    )
    return Estimate(
        name, seconds, sum(part.joules for part in parts), operations,
        sum(part.utilization * part.seconds for part in parts) / seconds if seconds else 0.0,
        max(bounds, key=lambda key: bounds[key]),
        moved, joules, spent, (*assumptions, *taken), fidelity, used,
    )  # fmt: skip


def fidelity_of(architecture: Architecture) -> Fidelity:
    """``"assumed"`` as soon as one figure of a machine is; a model of figures otherwise."""
    return "assumed" if assumed_figures(architecture) else "modelled"


def assumed_figures(architecture: Architecture) -> tuple[str, ...]:
    """The figures of a machine that are assumed, as ``node.figure``."""
    return tuple(
        place for place, figure in architecture.figures.items() if figure.fidelity == "assumed"
    )


def seconds_of(action: Action, node: Memory | Link) -> float:
    """How long a memory or link is busy with what it moves; no time without a bandwidth."""
    if node.bandwidth is None:
        return 0.0
    return action.amount / 8 / node.bandwidth.value / action.copies


def joules_of(action: Action, node: Node) -> float:
    """Energy of an action.

    Raises:
        ConfigError: A unit does not do an operator.
    """
    if isinstance(node, Memory) and action.kind == "command":
        assert node.dram is not None
        return action.amount * energy_of(node.dram, action.operator)
    if isinstance(node, Memory):
        figure = node.read_energy if action.kind == "read" else node.write_energy
        return action.amount / 8 * _value(figure)
    if isinstance(node, Link):
        return action.amount / 8 * _value(node.energy)
    assert isinstance(node, Compute)
    if action.operator not in node.does:
        raise ConfigError(
            f'compute unit "{node.name}" does not do {action.operator}',
            hint=f"it does {', '.join(node.does)}",
        )
    return action.amount * _value(node.energy_of(action.operator))


def _bytes_of(action: Action, node: Memory) -> int:
    """Bytes that commands move; standby moves none."""
    if node.dram is None or action.operator in STANDBY:
        return 0
    return action.amount * bytes_of(node.dram, action.operator)


def _value(figure: Figure | None) -> float:
    assert figure is not None  # check_figures
    return figure.value
