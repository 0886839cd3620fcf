"""Mappings: the decisions, and nothing that follows from them."""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass, field

from netwright.mapping.layout import Layout
from netwright.mapping.loopnest import Keep, Loop, LoopNest
from netwright.notebook import table
from netwright.workload import Granularity


@dataclass(frozen=True, slots=True)
class Residency:
    """A tensor's stay in a memory, without a break and at one address.

    Attributes:
        tensor: Name of the tensor.
        memory: Name of the memory.
        first: First step of the stay.
        last: Last step of the stay, included.
        offset: First byte.
    """

    tensor: str
    memory: str
    first: int
    last: int
    offset: int


@dataclass(frozen=True, slots=True)
class Phase:
    """What runs at the same time.

    Attributes:
        steps: For each compute unit the Einsums that it runs one after the other.
    """

    steps: Table[str, tuple[str, ...]] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Group:
    """Einsums that run together, tile by tile.

    What is not kept streams: operands come from the root and results go there, each piece once for
    every iteration of the shared loops that touches it. A group of one Einsum without loops reads
    its operands once and writes its result once.

    Attributes:
        name: Unique in its mapping.
        einsums: Names, in the order in which they run within a tile.
        loops: Tile loops that all of them share, outermost first.
        phases: What runs at the same time; one Einsum after the other if there are none.
        keeps: Tensors whose tiles stay in a memory between the Einsums, or over iterations.
        lags: How many tiles an Einsum runs behind the first ones; 0 if not given. So units work on
            several tiles at a time, and what lies between them has as many places.
    """

    name: str
    einsums: tuple[str, ...]
    loops: tuple[Loop, ...] = ()
    phases: tuple[Phase, ...] = ()
    keeps: tuple[Keep, ...] = ()
    lags: Table[str, int] = field(default_factory=dict)

    @property
    def is_stream(self) -> bool:
        """Whether it is one Einsum that reads its operands once and writes its result once."""
        return len(self.einsums) == 1 and not (self.loops or self.keeps or self.phases)

    @property
    def temporal(self) -> tuple[Loop, ...]:
        """Loops over tiles that follow each other, outermost first."""
        return tuple(loop for loop in self.loops if not loop.is_spatial)

    @property
    def phase_of(self) -> Table[str, int]:
        """Number of the phase of each Einsum."""
        if not self.phases:
            return {name: number for number, name in enumerate(self.einsums)}
        return {
            name: number
            for number, phase in enumerate(self.phases)
            for names in phase.steps.values()
            for name in names
        }


@dataclass(frozen=True, slots=True)
class Mapping:
    """Order of the Einsums, how each runs, and where tensors lie at each step.

    An Einsum runs in one of three ways: under a loop nest of its own, in a group, or else as one
    step whose operands all stay in a memory meanwhile. A loop nest that does not keep them at the
    root says how such a step runs below that memory. What a mapping costs is not part of it.

    Attributes:
        granularity: Which operators are steps of their own.
        order: Names of the Einsums; step 0 runs the first.
        residencies: Every stay of every tensor.
        bindings: The compute unit of an Einsum; the machine's only one if not given.
        nests: Loop nests, by Einsum.
        groups: Einsums that run together.
        places_weights: Whether trained parameters pass through the memory too; else they have a
            place of their own and do not count.
        layouts: How tensors lie in the banks of a memory that has units beside them.
    """

    granularity: Granularity
    order: tuple[str, ...]
    residencies: tuple[Residency, ...] = ()
    bindings: Table[str, str] = field(default_factory=dict, hash=False)
    nests: Table[str, LoopNest] = field(default_factory=dict, hash=False)
    groups: tuple[Group, ...] = ()
    places_weights: bool = False
    layouts: tuple[Layout, ...] = ()

    @property
    def staged(self) -> tuple[str, ...]:
        """Einsums that run as one step, with all operands in a memory."""
        other = {*self.nests, *(name for group in self.groups for name in group.einsums)}
        return tuple(name for name in self.order if name not in other)

    def _repr_html_(self) -> str:
        rows = (
            (stay.tensor, stay.memory, self.order[stay.first], self.order[stay.last], stay.offset)
            for stay in self.residencies
        )
        title = f"mapping of {len(self.order)} steps, {self.granularity}"
        return table(title, ("tensor", "memory", "from", "to", "first byte"), rows)
