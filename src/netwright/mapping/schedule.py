"""An order of execution and what follows from it: uses, gaps and demands."""

from __future__ import annotations

from collections.abc import Mapping as Table
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from netwright.errors import ConfigError, GraphError, Infeasible
from netwright.mapping.names import no_einsum
from netwright.workload import Workload

MOST_NAMED = 20
"""Einsums that a message lists where one is not known."""


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """The steps between two consecutive uses of a tensor, where it may leave the memory.

    Attributes:
        first: Step of the earlier use.
        last: Step of the later use; at least two steps later.
        tensor: Name of the tensor.
    """

    first: int
    last: int
    tensor: str

    @property
    def inside(self) -> range:
        """The steps in between, which do not use the tensor."""
        return range(self.first + 1, self.last)


@dataclass(frozen=True)
class Schedule:
    """A workload in a fixed order, seen by a memory of a given line size.

    Attributes:
        workload: What is computed.
        order: Names of all Einsums, each after the ones it reads from.
        line_bytes: Tensors occupy whole lines.
        places_weights: Whether trained parameters pass through the memory too.

    Raises:
        GraphError: The order is not one of the workload.
    """

    workload: Workload
    order: tuple[str, ...]
    line_bytes: int = 1
    places_weights: bool = False

    def __post_init__(self) -> None:
        names = {einsum.name for einsum in self.workload.einsums}
        if set(self.order) != names or len(self.order) != len(names):
            raise GraphError(
                f'an order of "{self.workload.name}" must name each of its {len(names)} Einsums '
                "once"
            )

    @cached_property
    def operands(self) -> tuple[tuple[str, ...], ...]:
        """Tensors that must be present at each step: what is read, then what is made."""
        einsums = {einsum.name: einsum for einsum in self.workload.einsums}
        steps = ((*einsums[name].reads, einsums[name].output.tensor) for name in self.order)
        return tuple(
            tuple(dict.fromkeys(name for name in step if name in self.sizes)) for step in steps
        )

    @cached_property
    def sizes(self) -> Table[str, int]:
        """Bytes that each placed tensor occupies, in whole lines."""
        placed = (t for t in self.workload.tensors if self.places_weights or t.kind != "weight")
        line = self.line_bytes
        return {tensor.name: -(-tensor.num_bytes // line) * line for tensor in placed}

    @cached_property
    def uses(self) -> Table[str, tuple[int, ...]]:
        """Steps that make or read each tensor, in order."""
        found: dict[str, list[int]] = {}
        for step, names in enumerate(self.operands):
            for name in names:
                found.setdefault(name, []).append(step)
        return {name: tuple(steps) for name, steps in found.items()}

    @cached_property
    def gaps(self) -> tuple[Gap, ...]:
        """Every gap of every tensor."""
        return tuple(
            Gap(first, last, name)
            for name, steps in self.uses.items()
            for first, last in pairwise(steps)
            if last - first > 1
        )

    @cached_property
    def demand(self) -> tuple[int, ...]:
        """Bytes of the operands of each step."""
        return tuple(sum(self.sizes[name] for name in names) for names in self.operands)

    @cached_property
    def has_copy(self) -> frozenset[str]:
        """Tensors that lie off-chip anyway, so that dropping them costs no write."""
        external = {tensor.name for tensor in self.workload.tensors if tensor.is_external}
        return frozenset(external | set(self.workload.outputs))

    @property
    def largest_demand(self) -> int:
        """Smallest memory in which every step runs (the paper's M_R), in bytes."""
        return max(self.demand)

    @property
    def peak(self) -> int:
        """Smallest memory in which nothing ever leaves (M_P for this order), in bytes."""
        level = list(self.demand)
        for gap in self.gaps:
            for step in gap.inside:
                level[step] += self.sizes[gap.tensor]
        return max(level)

    def check_capacity(self, capacity: int) -> None:
        """Refuse a memory in which some step cannot run.

        Raises:
            Infeasible: It names the step with the largest operands.
        """
        need = self.largest_demand
        if need <= capacity:
            return
        step = self.demand.index(need)
        parts = ", ".join(
            f"{name} {kib(self.sizes[name])}"
            for name in sorted(self.operands[step], key=lambda n: (-self.sizes[n], n))
        )
        raise Infeasible(
            f"operands of {self.order[step]} need {kib(need)}, the scratchpad has {kib(capacity)}",
            smallest=need,
            hint=f"they are {parts}; tensors are not tiled, so this network needs {kib(need)}",
        )


def default_schedule(
    workload: Workload, *, line_bytes: int = 1, places_weights: bool = False
) -> Schedule:
    """The workload in its own order."""
    order = tuple(einsum.name for einsum in workload.einsums)
    return Schedule(workload, order, line_bytes, places_weights)


def ordered(workload: Workload, names: Sequence[str]) -> tuple[str, ...]:
    """An order of all Einsums in which some come in a given sequence; else the workload's own.

    Args:
        workload: What is computed.
        names: Some Einsums, or all; each once.

    Raises:
        ConfigError: A name is unknown or there twice, or the sequence contradicts what is read.
    """
    place = {einsum.name: number for number, einsum in enumerate(workload.einsums)}
    for name in names:
        if name not in place or list(names).count(name) > 1:
            why = "is there twice" if name in place else no_einsum(workload, name)
            more = f" and {len(place) - MOST_NAMED} more" if len(place) > MOST_NAMED else ""
            told = ", ".join([*place][:MOST_NAMED]) + more
            raise ConfigError(f'order: "{name}" {why}', hint=f"Einsums: {told}")
    needs: dict[str, set[str]] = {name: set() for name in place}
    for einsum in workload.einsums:
        for tensor in einsum.reads:
            maker = workload.producers.get(tensor)
            if maker is not None and place[maker.name] < place[einsum.name]:
                needs[einsum.name].add(maker.name)
    for before, after in pairwise(names):
        needs[after].add(before)
    done: dict[str, None] = {}
    while len(done) < len(place):
        ready = next((n for n in place if n not in done and needs[n] <= done.keys()), None)
        if ready is None:
            stuck = next(name for name in names if name not in done)
            missing = sorted(needs[stuck] - done.keys(), key=lambda name: place[name])
            raise ConfigError(
                f'order: "{stuck}" cannot come there: it waits for {", ".join(missing)}, '
                "which wait for it",
                hint="an Einsum comes after those that make what it reads",
            )
        done[ready] = None
    return tuple(done)


def kib(num_bytes: int) -> str:
    """Bytes as text: whole KiB if possible, one decimal otherwise.

    Example:
        >>> kib(2048), kib(1536), kib(100)
        ('2 KiB', '1.5 KiB', '100 B')
    """
    if num_bytes < 1024:
        return f"{num_bytes} B"
    whole = num_bytes % 1024 == 0
    return f"{num_bytes // 1024} KiB" if whole else f"{num_bytes / 1024:.1f} KiB"
