"""Steps of networks on unlike accelerators: a product with what follows it up to the next ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from netwright.arch import Architecture
from netwright.cost import stream
from netwright.cost.accelerators import Cost, Unit
from netwright.errors import GraphError
from netwright.ir.einsums.einsum import UNKNOWN
from netwright.mapping.operation import is_operation
from netwright.mapping.split import SplitProblem, Step
from netwright.workload import Einsum, Workload

FEMTO = 1e15
"""Energies are compared in whole femtojoules, times in whole cycles of the fastest unit."""


@dataclass(frozen=True, slots=True)
class Group:
    """A product and the operators that run with it.

    Attributes:
        head: The product.
        members: All of them, in order.
        needs: Places of the groups that make their operands.
    """

    head: Einsum
    members: tuple[Einsum, ...]
    needs: tuple[int, ...]

    @property
    def name(self) -> str:
        """Name of the product."""
        return self.head.name


def groups_of(workload: Workload) -> tuple[tuple[Group, ...], tuple[tuple[str, str], ...]]:
    """The groups of a workload, and what is in none, with the reason.

    An operator without products runs with the last product among the makers of its operands; one
    that reads inputs only, with the next product.

    Raises:
        GraphError: There is no product.
    """
    heads: list[Einsum] = []
    members: list[list[Einsum]] = []
    left_out: list[tuple[str, str]] = []
    group_of: dict[str, int] = {}
    waiting: list[Einsum] = []
    makers = workload.producers

    def join(einsum: Einsum, place: int) -> None:
        members[place].append(einsum)
        group_of[einsum.name] = place

    for einsum in workload.einsums:
        known = {group_of[makers[t].name] for t in einsum.reads
                 if t in makers and makers[t].name in group_of}  # fmt: skip
        if is_operation(einsum):
            heads.append(einsum)
            members.append([])
            for other in (*waiting, einsum):
                join(other, len(heads) - 1)
            waiting = []
        elif einsum.map_op in UNKNOWN:
            left_out.append((einsum.name, f'"{einsum.map_op}" is not known'))
        elif known:
            join(einsum, max(known))
        else:
            waiting.append(einsum)
    if not heads:
        raise GraphError(f'nothing of "{workload.name}" multiplies; there is nothing to split')
    for einsum in waiting:
        join(einsum, len(heads) - 1)
    found = []
    for place, own in enumerate(members):
        needs = {
            group_of[makers[tensor].name]
            for einsum in own
            for tensor in einsum.reads
            if tensor in makers and makers[tensor].name in group_of
        } - {place}
        found.append(Group(heads[place], tuple(own), tuple(sorted(needs))))
    return tuple(found), tuple(left_out)


def moved_bits(workload: Workload, group: Group, architecture: Architecture) -> tuple[int, int]:
    """Bits that the outermost memory is read and written for by all but the product."""
    root = architecture.root.name
    counts = [
        stream.count(workload, einsum, architecture)
        for einsum in group.members
        if einsum is not group.head
    ]
    return (
        sum(own.amount(root, "read") for own in counts),
        sum(own.amount(root, "write") for own in counts),
    )


def cycles_of(cost: Cost, clock: float) -> int:
    """Whole cycles, rounded up; what is rounding of floats is not."""
    return max(1, ceil(cost.seconds * clock * (1 - 1e-12)))


def cycles_within(limit_s: float, clock: float) -> int:
    """Whole cycles that a limit leaves; what is rounding of floats is not lost."""
    return int(limit_s * clock * (1 + 1e-12))


def problem_of(
    groups: Sequence[Group],
    units: Sequence[Unit],
    costs: Sequence[Sequence[Cost | None]],
    clock: float,
) -> SplitProblem:
    """The steps in whole cycles and femtojoules.

    Args:
        groups: What runs together.
        units: The accelerators.
        costs: Of each group on each unit; ``None`` where it does not run.
        clock: Cycles a second.
    """
    steps = tuple(
        Step(
            group.name,
            group.needs,
            tuple(None if cost is None else cycles_of(cost, clock) for cost in own),
            tuple(None if cost is None else round(cost.joules * FEMTO) for cost in own),
        )
        for group, own in zip(groups, costs, strict=True)
    )
    return SplitProblem(tuple(unit.name for unit in units), steps)
