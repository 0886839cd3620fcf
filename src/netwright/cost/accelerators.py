"""What steps cost on the accelerators of a machine: by template, or by a search of loop nests."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from netwright.arch import MAC, Accelerator, Architecture, Compute, Link, Memory, Sized, sized
from netwright.cost.dataflows import Shape, shape_of, template_nest, why_not, work
from netwright.cost.mapper import search
from netwright.errors import ConfigError, GraphError, Infeasible
from netwright.mapping.loopnest import LoopNest
from netwright.mapping.operation import Operation


@dataclass(frozen=True, slots=True)
class Cost:
    """What a step takes.

    Attributes:
        seconds: Time.
        joules: Energy, the outermost memory included.
    """

    seconds: float
    joules: float

    def plus(self, other: Cost) -> Cost:
        """One after the other."""
        return Cost(self.seconds + other.seconds, self.joules + other.joules)


@dataclass(frozen=True)
class Unit:
    """A compute unit with all that lies between it and the root: one of several unlike ones.

    Attributes:
        architecture: The whole machine.
        compute: The compute unit.
        accelerator: The accelerator to which it belongs, if it was made of a template.
        share: Part of the root's bandwidth that it may take.
    """

    architecture: Architecture
    compute: Compute
    accelerator: Accelerator | None
    share: float

    @property
    def name(self) -> str:
        """Name of the accelerator, or of the compute unit where there is none."""
        return self.accelerator.name if self.accelerator else self.compute.name

    @property
    def root(self) -> Memory:
        """The memory that all units share."""
        root = self.architecture.root
        assert isinstance(root, Memory)
        return root

    @cached_property
    def size(self) -> Sized | None:
        """The template with its size."""
        return sized(self.accelerator) if self.accelerator else None

    @cached_property
    def bandwidth(self) -> float:
        """Bytes a second that it moves from and to the root at most."""
        assert self.root.bandwidth is not None
        return self.root.bandwidth.value * self.share

    @cached_property
    def branch(self) -> Architecture:
        """The machine as the unit sees it, with its share of the root's bandwidth."""
        own = self.architecture.branch(self.compute.name)
        assert self.root.bandwidth is not None
        figure = self.root.bandwidth.model_copy(update={"value": self.bandwidth})
        return own.with_changes(self.root.name, {"bandwidth": figure})

    def of_operation(self, operation: Operation) -> tuple[Cost, LoopNest]:
        """What a product costs here, and its loop nest.

        Raises:
            GraphError: The template does not count such an operation.
            Infeasible: It does not fit.
        """
        if self.size is None:
            found = search(operation, self.branch, goal="edp", time_limit_s=SEARCH_S)
            return Cost(found.estimate.seconds, found.estimate.joules), found.nest
        shape, _ = shape_of(operation)
        cost = self.of_shape(shape)
        nest = template_nest(operation, self.size, self.name, self.root.name)
        if cost is None or nest is None:
            raise Infeasible(why_not(shape, self.size), smallest=0)
        return cost, nest

    def of_shape(self, shape: Shape) -> Cost | None:
        """What a layer costs on the template; ``None`` if it does not fit."""
        assert self.size is not None
        assert self.compute.rate is not None
        found = work(shape, self.size)
        if found is None:
            return None
        seconds = max(
            found.cycles / self.compute.rate.value,
            found.port_bits / 8 / min(self.size.bandwidth, self.bandwidth),
        )
        written = found.port_bits - found.read_bits
        return Cost(seconds, found.joules + self._root_joules(found.read_bits, written))

    def of_moves(self, read_bits: int, written_bits: int) -> Cost:
        """What operators cost that go once through their operands."""
        size = self.size
        rate = self.bandwidth if size is None else min(size.bandwidth, self.bandwidth)
        bits = read_bits + written_bits
        return Cost(bits / 8 / rate, self._root_joules(read_bits, written_bits))

    def _root_joules(self, read_bits: int, written_bits: int) -> float:
        assert self.root.read_energy is not None
        assert self.root.write_energy is not None
        read, write = self.root.read_energy.value, self.root.write_energy.value
        return (read_bits * read + written_bits * write) / 8


SEARCH_S = 10.0
"""Seconds to search the loop nest of an operation on a unit that was not made of a template."""


def units_of(architecture: Architecture) -> tuple[Unit, ...]:
    """The compute units that multiply and add, each with its share of the root's bandwidth.

    Ports share the root as their bandwidths say, so that all of them can work at the same time. An
    accelerator in which a node was changed is no longer counted as its template.

    Raises:
        ConfigError: There is none, or the root is no memory.
    """
    if not isinstance(architecture.root, Memory):
        raise ConfigError(f'the root "{architecture.root.name}" must be a memory')
    by_name = {
        f"{own.name}_{_unit(own)}": own
        for own in architecture.accelerators
        if _is_as_made(own, architecture)
    }
    computes = architecture.units_for(MAC)
    assert architecture.root.bandwidth is not None
    whole = architecture.root.bandwidth.value
    ports = [_port(architecture, unit, whole) for unit in computes]
    over = max(1.0, sum(ports) / whole)
    return tuple(
        Unit(architecture, unit, by_name.get(unit.name), port / over / whole)
        for unit, port in zip(computes, ports, strict=True)
    )


def _unit(own: Accelerator) -> str:
    return sized(own).template.nodes[-1].name


def _is_as_made(own: Accelerator, architecture: Architecture) -> bool:
    """Whether the nodes of an accelerator are those of its template: none was changed later."""
    nodes = {node.name: node for node in architecture.nodes}
    return all(nodes.get(node.name) == node for node in sized(own).nodes(own))


def _port(architecture: Architecture, unit: Compute, whole: float) -> float:
    """Bandwidth of the first link on the way to a unit; that of the root if there is none."""
    for node in architecture.path_to(unit.name):
        if isinstance(node, Link) and node.bandwidth is not None:
            return min(whole, node.bandwidth.value)
    return whole


def refused(name: str, units: tuple[Unit, ...], reasons: list[str]) -> GraphError:
    """The error about a layer that no unit runs."""
    told = "; ".join(f"{unit.name}: {why}" for unit, why in zip(units, reasons, strict=True))
    return GraphError(
        f"no accelerator runs it ({told})",
        node=name,
        hint="enlarge a buffer, or add an accelerator of another template",
    )
