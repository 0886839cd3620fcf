"""Networks on chips of templates, thousands of times: what a search asks of a chip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from netwright.arch import Architecture
from netwright.cost.accelerators import Cost, Unit, refused, units_of
from netwright.cost.dataflows import Shape, shape_of, why_not
from netwright.cost.steps import (
    FEMTO,
    Group,
    cycles_within,
    groups_of,
    moved_bits,
    problem_of,
)
from netwright.errors import ConfigError, UnsupportedOp
from netwright.mapping.operation import operation
from netwright.mapping.split import Split, SplitProblem, split_towards
from netwright.mapping.split_exact import split_within
from netwright.workload import Workload

Asked = Literal["never", "misses", "always"]
"""When an exact solver is asked: never, where the greedy split is late, or always."""


@dataclass(frozen=True, slots=True)
class Layers:
    """A network as chips of templates see it.

    Attributes:
        groups: Steps.
        shapes: The product of each step.
        moved: Bits that the others of each step read and write outside.
    """

    groups: tuple[Group, ...]
    shapes: tuple[Shape, ...]
    moved: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What networks take on a chip.

    Attributes:
        seconds: From the first to the last step.
        joules: Energy of all steps.
        area_m2: Square meters of the accelerators.
        is_proven: Whether the split is the cheapest in time, or none ends in time, by proof.
    """

    seconds: float
    joules: float
    area_m2: float
    is_proven: bool = False


def layers_of(workload: Workload, architecture: Architecture) -> Layers:
    """The steps of a network.

    Raises:
        GraphError: An operator is none that templates count.
        UnsupportedOp: An operator is not known.
    """
    groups, left_out = groups_of(workload)
    if left_out:
        raise UnsupportedOp(left_out[0][0], where=f"a search of chips ({left_out[0][1]})")
    shapes = tuple(shape_of(operation(workload, group.head))[0] for group in groups)
    moved = tuple(moved_bits(workload, group, architecture) for group in groups)
    return Layers(groups, shapes, moved)


@lru_cache(maxsize=1 << 10)
def _offset(groups: tuple[Group, ...], places: int) -> tuple[Group, ...]:
    """The groups behind those of other networks."""
    return tuple(
        Group(own.head, own.members, tuple(need + places for need in own.needs)) for own in groups
    )


def assess(
    networks: Sequence[Layers],
    architecture: Architecture,
    *,
    limit_s: float,
    solver: Asked = "misses",
) -> Verdict:
    """Time, energy and area of networks on a chip of templates.

    The split has the least energy that was found within the limit; where none was, it is the last
    one of the greedy way there, and takes longer. Equal arguments give equal verdicts.

    Args:
        networks: What runs at the same time.
        architecture: A machine all of whose units were made of templates.
        limit_s: Seconds that it may take.
        solver: When an exact solver is asked: never, where the greedy split is late, or always.

    Raises:
        MissingExtra: OR-Tools is not installed, and asked.
        ConfigError: A unit was not made of a template.
        GraphError: A layer runs on no accelerator.
    """
    units = units_of(architecture)
    other = next((unit for unit in units if unit.accelerator is None), None)
    if other is not None:
        raise ConfigError(f'compute unit "{other.name}" is no accelerator made of a template')
    groups: list[Group] = []
    costs = []
    for own in networks:
        groups += _offset(own.groups, len(groups))
        costs += [
            _costs(units, group, shape, moved)
            for group, shape, moved in zip(own.groups, own.shapes, own.moved, strict=True)
        ]
    clock = max(unit.compute.rate.value for unit in units if unit.compute.rate is not None)
    problem = problem_of(groups, units, costs, clock)
    limit = cycles_within(limit_s, clock)
    found = split_as_asked(problem, limit, solver)
    area = sum(unit.size.area_m2 for unit in units if unit.size is not None)
    return Verdict(found.makespan / clock, found.energy / FEMTO, area, found.is_optimal)


def split_as_asked(problem: SplitProblem, limit: int, solver: Asked) -> Split:
    """The split that a verdict is about.

    Args:
        problem: Steps and units.
        limit: Cycles that it may take.
        solver: When an exact solver is asked.

    Raises:
        MissingExtra: OR-Tools is not installed, and asked.
    """
    if solver == "never":
        return split_towards(problem, limit)
    return split_within(problem, limit, always=solver == "always")


def _costs(
    units: tuple[Unit, ...], group: Group, shape: Shape, moved: tuple[int, int]
) -> list[Cost | None]:
    """What a step costs on each unit."""
    found = [unit.of_shape(shape) for unit in units]
    if all(cost is None for cost in found):
        reasons = [why_not(shape, unit.size) for unit in units if unit.size is not None]
        raise refused(group.name, units, reasons)
    return [
        None if cost is None else cost.plus(unit.of_moves(*moved))
        for unit, cost in zip(units, found, strict=True)
    ]
