"""The four kinds of nodes that every accelerator is made of, as sourced data."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from netwright.quantities import Fidelity, Quantity


class Part(BaseModel):
    """Base of everything an architecture file holds: frozen, strict, closed to unknown names."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Figure(Part):
    """A figure with its source, as written in a file.

    Attributes:
        value: In `unit`; never negative.
        unit: ``"J"`` for each byte or operation, ``"B/s"``, ``"B"`` or a plain noun.
        source: Paper and table, or why it was assumed.
        fidelity: How it was obtained.
    """

    value: float = Field(ge=0)
    unit: str
    source: str = Field(min_length=1)
    fidelity: Fidelity = "published"

    def to_quantity(self) -> Quantity:
        """The figure as a quantity."""
        return Quantity(self.value, self.unit, self.source, self.fidelity)


class Memory(Part):
    """A place where tensors stay.

    Attributes:
        name: Unique in its architecture.
        parent: The node above; empty for the root.
        capacity: Bytes; ``None`` for a memory that holds everything.
        line_bytes: Tensors occupy whole lines and start at line boundaries.
        bandwidth: Bytes a second, where it is known.
        read_energy: Joules a byte, where it is known.
        write_energy: Joules a byte, where it is known.
    """

    kind: Literal["memory"]
    name: str = Field(min_length=1)
    parent: str = ""
    capacity: Figure | None = None
    line_bytes: int = Field(default=1, ge=1)
    bandwidth: Figure | None = None
    read_energy: Figure | None = None
    write_energy: Figure | None = None

    @property
    def capacity_bytes(self) -> int | None:
        """Whole lines that fit, in bytes."""
        if self.capacity is None:
            return None
        return int(self.capacity.value) // self.line_bytes * self.line_bytes


class Link(Part):
    """A connection between the node above and the nodes below.

    Attributes:
        name: Unique in its architecture.
        parent: The node above.
        bandwidth: Bytes a second, where it is known.
        energy: Joules a byte, where it is known.
    """

    kind: Literal["link"]
    name: str = Field(min_length=1)
    parent: str
    bandwidth: Figure | None = None
    energy: Figure | None = None


class Array(Part):
    """Copies of everything below.

    Attributes:
        name: Unique in its architecture.
        parent: The node above.
        fanout: Copies along each axis.
    """

    kind: Literal["array"]
    name: str = Field(min_length=1)
    parent: str
    fanout: tuple[Annotated[int, Field(ge=1)], ...] = Field(min_length=1)


class Compute(Part):
    """A unit that does operations.

    Attributes:
        name: Unique in its architecture.
        parent: The node above.
        rate: Operations a second, where it is known.
        energy: Joules an operation, where it is known.
    """

    kind: Literal["compute"]
    name: str = Field(min_length=1)
    parent: str
    rate: Figure | None = None
    energy: Figure | None = None


Node = Annotated[Memory | Link | Array | Compute, Field(discriminator="kind")]
"""Any node of an architecture file."""
