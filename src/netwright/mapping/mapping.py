"""Mappings: the decisions, and nothing that follows from them."""

from __future__ import annotations

from dataclasses import dataclass

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
class Mapping:
    """Order of the Einsums and where tensors lie at each step.

    What a mapping costs is not part of it: :func:`netwright.mapping.replay` walks it.

    Attributes:
        granularity: Which operators are steps of their own.
        order: Names of the Einsums; step 0 runs the first.
        residencies: Every stay of every tensor.
        places_weights: Whether trained parameters pass through the memory too; else they have a
            place of their own and do not count.
    """

    granularity: Granularity
    order: tuple[str, ...]
    residencies: tuple[Residency, ...]
    places_weights: bool = False

    def _repr_html_(self) -> str:
        rows = (
            (stay.tensor, stay.memory, self.order[stay.first], self.order[stay.last], stay.offset)
            for stay in self.residencies
        )
        title = f"mapping of {len(self.order)} steps, {self.granularity}"
        return table(title, ("tensor", "memory", "from", "to", "first byte"), rows)
