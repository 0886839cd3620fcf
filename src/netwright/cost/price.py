"""The one place where counts become seconds and joules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from netwright.arch import Architecture, Compute, Figure, Link, Memory
from netwright.cost.counts import Action, Counts
from netwright.errors import ConfigError
from netwright.notebook import table
from netwright.quantities import Fidelity, Quantity


@dataclass(frozen=True, slots=True)
class Estimate:
    """What an operation, or a sequence of them, costs.

    Attributes:
        name: Name of the operation or network.
        seconds: Time from the first to the last step.
        joules: Energy of all actions.
        num_operations: Multiply-accumulates.
        utilization: Operations done over operations that all units could have done meanwhile.
        bound: Name of the component that decides the time; of the longest part of a sequence.
        bytes_moved: Bytes read and written, by memory.
        joules_by: Energy, by component.
        seconds_by: How long each component is busy.
        assumptions: What the engine and the machine's file take for granted.
        fidelity: ``"assumed"`` as soon as one figure of the machine is.
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

    def _repr_html_(self) -> str:
        rows: list[tuple[str, object]] = [
            ("time", f"{self.seconds:.4g} s"),
            ("energy", f"{self.joules:.4g} J"),
            ("multiply-accumulates", self.num_operations),
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
    """Refuse a machine whose file does not say enough.

    Raises:
        ConfigError: With every missing figure.
    """
    missing = architecture.missing_figures()
    if missing:
        lines = "".join(f"\n  {fault}" for fault in missing)
        raise ConfigError(f'architecture "{architecture.name}" cannot be priced{lines}')


def price(counts: Counts, architecture: Architecture) -> Estimate:
    """Energy is the sum over all actions; time is that of the busiest component.

    Components work at the same time. Transfers into memories that are not double-buffered hold up
    computation: the longest of them comes on top.

    Raises:
        ConfigError: A figure is missing, or so extreme that the result is not finite.
    """
    check_figures(architecture)
    nodes = {node.name: node for node in architecture.nodes}
    unit = architecture.path[-1]
    assert isinstance(unit, Compute)
    joules_by: dict[str, float] = {}
    bytes_moved: dict[str, int] = {}
    busy: dict[str, float] = {unit.name: counts.steps / _value(unit.rate)}
    waiting: dict[str, float] = {}
    for action in counts.actions:
        node = nodes[action.component]
        joules_by[node.name] = joules_by.get(node.name, 0.0) + _joules(action, node)
        if isinstance(node, Memory):
            bytes_moved[node.name] = bytes_moved.get(node.name, 0) + action.amount
        if isinstance(node, Memory | Link) and node.bandwidth is not None:
            spent = action.amount / 8 / node.bandwidth.value / action.copies
            table = waiting if action.waits else busy
            table[node.name] = table.get(node.name, 0.0) + spent
    together = max(busy.values())
    alone = max(waiting.values(), default=0.0)
    seconds = together + alone
    bound = max(busy, key=lambda name: busy[name])
    if alone > together:
        bound = max(waiting, key=lambda name: waiting[name])
    if not (isfinite(seconds) and isfinite(sum(joules_by.values()))):
        raise ConfigError(
            f'the figures of architecture "{architecture.name}" give no finite time or energy for '
            f'"{counts.name}"',
            hint="a bandwidth or a rate is too small, or an energy too large",
        )
    possible = seconds * _value(unit.rate) * architecture.copies(unit.name)
    everything = {
        name: busy.get(name, 0.0) + waiting.get(name, 0.0) for name in {**busy, **waiting}
    }
    return Estimate(
        counts.name, seconds, sum(joules_by.values()), counts.num_operations,
        counts.num_operations / possible, bound,
        {name: -(-bits // 8) for name, bits in bytes_moved.items()}, joules_by, everything,
        counts.assumptions, fidelity_of(architecture),
    )  # fmt: skip


def sequence(
    name: str, parts: Sequence[Estimate], *, assumptions: tuple[str, ...] = ()
) -> Estimate:
    """Operations one after the other."""
    seconds = sum(part.seconds for part in parts)
    peak = max(
        (p.num_operations / p.utilization / p.seconds for p in parts if p.utilization), default=0.0
    )
    possible = seconds * peak
    operations = sum(part.num_operations for part in parts)
    bounds: dict[str, float] = {}
    for part in parts:
        bounds[part.bound] = bounds.get(part.bound, 0.0) + part.seconds
    moved: dict[str, int] = {}
    joules: dict[str, float] = {}
    spent: dict[str, float] = {}
    for part in parts:
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
        operations / possible if possible else 0.0, max(bounds, key=lambda key: bounds[key]),
        moved, joules, spent, (*assumptions, *taken), fidelity,
    )  # fmt: skip


def fidelity_of(architecture: Architecture) -> Fidelity:
    """``"assumed"`` as soon as one figure of a machine is; a model of figures otherwise."""
    for node in architecture.nodes:
        for _, value in node:
            if isinstance(value, Figure) and value.fidelity == "assumed":
                return "assumed"
    return "modelled"


def assumed_figures(architecture: Architecture) -> tuple[str, ...]:
    """The figures of a machine that are assumed, as ``node.figure``."""
    return tuple(
        f"{node.name}.{field}"
        for node in architecture.nodes
        for field, value in node
        if isinstance(value, Figure) and value.fidelity == "assumed"
    )


def _joules(action: Action, node: object) -> float:
    if isinstance(node, Memory):
        figure = node.read_energy if action.kind == "read" else node.write_energy
        return action.amount / 8 * _value(figure)
    if isinstance(node, Link):
        return action.amount / 8 * _value(node.energy)
    assert isinstance(node, Compute)
    return action.amount * _value(node.energy)


def _value(figure: Figure | None) -> float:
    assert figure is not None  # check_figures
    return figure.value
