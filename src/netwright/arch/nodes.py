"""The four kinds of nodes that every accelerator is made of, as sourced data."""

from __future__ import annotations

from collections.abc import Mapping, Set
from math import prod
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, Field, model_validator

from netwright.arch.dram import Dram
from netwright.arch.figure import Figure, Part, figure_in
from netwright.errors import NumericsError
from netwright.formats import number_named
from netwright.registry import entries

Role = Literal["input", "weight", "output"]
"""What a tensor is to an operation: the first input, the second input, the result."""

MAX_NAME = 100
"""Letters of a node's name."""

MAX_COPIES = 1 << 24
"""Copies along one axis of an array."""

MAX_AXES = 6
"""Axes of an array."""

Direction = Literal["N", "G", "M", "C", "P", "Q", "R", "S"]
"""What a rank is to a convolution: batch, group, output channel, input channel, output row and
column, filter row and column. A matrix product has M, C and P."""

ROLES: tuple[Role, ...] = get_args(Role)
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)

_WORDS = ("reduced", *(f"{how}:{role}" for how in ("private", "shared") for role in ROLES))


def _constraint(text: str) -> str:
    if text in DIRECTIONS:
        return text
    for word in text.split("+"):
        if word not in _WORDS:
            raise ValueError(
                f"must be a letter of a convolution ({', '.join(DIRECTIONS)}) or say what a rank "
                f"is to tensors ({', '.join(_WORDS)}; several joined by +, such as "
                f'"private:output+shared:weight"), not "{text}"'
            )
    return text


Constraint = Annotated[str, AfterValidator(_constraint)]
"""Which ranks may run along an axis: a letter of a convolution, or what the rank is to tensors.

``reduced``: it is summed over. ``private:ROLE``: each copy has elements of its own of that tensor.
``shared:ROLE``: all copies have the same. Words joined by ``+`` hold together. Letters are names of
such combinations where ranks are those of a convolution: M is
``shared:input+private:weight+private:output``, C, R and S ``private:input+private:weight+reduced``,
N, P and Q ``private:input+shared:weight+private:output``, G is private to all."""


def _whole_bytes(figure: Figure) -> Figure:
    if figure.value < 1:
        raise ValueError(f"must be at least one byte, not {figure.value:g} B")
    return figure


Capacity = Annotated[Figure, figure_in("B", above_zero=True), AfterValidator(_whole_bytes)]
Bandwidth = Annotated[Figure, figure_in("B/s", above_zero=True)]
EnergyOfByte = Annotated[Figure, figure_in("J/B")]
EnergyOfOperation = Annotated[Figure, figure_in("J/op")]
Rate = Annotated[Figure, figure_in("op/s", above_zero=True)]
Area = Annotated[Figure, figure_in("m2")]
Leakage = Annotated[Figure, figure_in("W")]
Cycles = Annotated[Figure, figure_in("cycle", above_zero=True)]
Latency = Annotated[Figure, figure_in("s")]
Name = Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")]

MAC = "mac"
"""Name of the operator that multiplies and adds; what a unit does that names no operators."""


class Memory(Part):
    """A place where tensors stay.

    Attributes:
        name: Unique in its architecture.
        parent: The node above; empty for the root.
        capacity: Bytes; ``None`` for a memory that holds everything.
        line_bytes: Tensors occupy whole lines and start at line boundaries.
        bandwidth: Bytes a second, reads and writes of one copy together, where it is known.
        latency: Seconds from a request to its answer, where it is known; only what follows single
            accesses asks for it.
        read_energy: Joules a byte, where it is known.
        write_energy: Joules a byte, where it is known.
        keeps: The tensors that stay here; the others pass by.
        double_buffered: Whether half of the capacity is filled while the other half is used. Then
            transfers overlap with computation; else computation waits for them.
        area: Square meters of one copy, where it is known.
        leakage: Watts that one copy takes all the time, where it is known.
        dram: Banks, timings and currents, of a memory whose commands are counted one by one.
    """

    kind: Literal["memory"]
    name: str = Field(min_length=1, max_length=MAX_NAME)
    parent: str = Field(default="", max_length=MAX_NAME)
    capacity: Capacity | None = None
    line_bytes: int = Field(default=1, ge=1)
    bandwidth: Bandwidth | None = None
    latency: Latency | None = None
    read_energy: EnergyOfByte | None = None
    write_energy: EnergyOfByte | None = None
    keeps: tuple[Role, ...] = ROLES
    double_buffered: bool = True
    area: Area | None = None
    leakage: Leakage | None = None
    dram: Dram | None = None

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
        area: Square meters of one copy, where it is known.
        leakage: Watts that one copy takes all the time, where it is known.
    """

    kind: Literal["link"]
    name: str = Field(min_length=1, max_length=MAX_NAME)
    parent: str = Field(max_length=MAX_NAME)
    bandwidth: Bandwidth | None = None
    energy: EnergyOfByte | None = None
    area: Area | None = None
    leakage: Leakage | None = None


class Array(Part):
    """Copies of everything below.

    Attributes:
        name: Unique in its architecture.
        parent: The node above.
        fanout: Copies along each axis.
        ranks: For each axis, the ranks that may be spread along it, see :data:`Constraint`; all of
            them if not given.
        multicasts: Whether one read from above reaches all copies that need the same element.
        reduces: Whether partial sums of the copies are added on the way up.
        area: Square meters of the array itself, its copies left out, where it is known.
        leakage: Watts that the array itself takes all the time, where it is known.
    """

    kind: Literal["array"]
    name: str = Field(min_length=1, max_length=MAX_NAME)
    parent: str = Field(max_length=MAX_NAME)
    fanout: tuple[Annotated[int, Field(ge=1, le=MAX_COPIES)], ...] = Field(
        min_length=1, max_length=MAX_AXES
    )
    ranks: tuple[tuple[Constraint, ...], ...] = ()
    multicasts: bool = True
    reduces: bool = True
    area: Area | None = None
    leakage: Leakage | None = None

    @model_validator(mode="after")
    def _ranks_fit_fanout(self) -> Self:
        if self.ranks and len(self.ranks) != len(self.fanout):
            raise ValueError(
                f"ranks: must name the ranks of each of the {len(self.fanout)} axes, "
                f"not of {len(self.ranks)}"
            )
        return self

    @property
    def num_copies(self) -> int:
        """Copies along all axes."""
        return prod(self.fanout)

    def allowed(self, axis: int) -> tuple[str, ...]:
        """What the ranks must be that may be spread along an axis."""
        return self.ranks[axis] if self.ranks else DIRECTIONS

    def takes(self, axis: int, meant: Direction, known_to: Set[Role]) -> bool:
        """Whether a rank may be spread along an axis.

        Args:
            axis: Number of the axis.
            meant: What the rank is to a convolution.
            known_to: The tensors that depend on it.
        """
        return not self.ranks or any(
            text == meant or (text not in DIRECTIONS and _holds(text, known_to))
            for text in self.ranks[axis]
        )


def _holds(text: str, known_to: Set[Role]) -> bool:
    """Whether a rank that some tensors know is what all words say."""
    for word in text.split("+"):
        how, _, role = word.partition(":")
        is_known = (role or "output") in known_to
        if is_known != (how == "private"):
            return False
    return True


class Operator(Part):
    """How a compute unit does one operator.

    Attributes:
        cycles: Cycles of one operation.
        energy: Joules of one operation; the unit's energy if not given.
    """

    cycles: int = Field(default=1, ge=1)
    energy: EnergyOfOperation | None = None


def _exploited(name: str) -> str:
    patterns = tuple(entries("patterns"))
    if name in patterns:
        return name
    try:
        return str(number_named(name))
    except NumericsError:
        raise ValueError(
            f"must be a pattern ({', '.join(patterns)}) or a number format such as int8, e2m1f, "
            f'fixed<8,3> or mxfp4, not "{name}"'
        ) from None


class Compute(Part):
    """A unit that does operations.

    Attributes:
        name: Unique in its architecture.
        parent: The node above.
        rate: Cycles a second of one copy, where it is known; a multiply-accumulate takes one unless
            `operators` says otherwise.
        energy: Joules an operation, where it is known.
        accumulator_bits: Width of partial sums; that of the result if not given.
        operators: What the unit does, by the name of the operator; ``mac`` alone if not given. A
            name is that of a map, unary or reduce operator of Einsums, or ``mac``: multiply, then
            add.
        adder_cycles: Cycles from an addition to the next one that needs its sum, where the adder is
            pipelined and that is known.
        exploits: Zero patterns and number formats whose zeros the unit skips, by name.
        area: Square meters of one copy, where it is known.
        leakage: Watts that one copy takes all the time, where it is known.
    """

    kind: Literal["compute"]
    name: str = Field(min_length=1, max_length=MAX_NAME)
    parent: str = Field(max_length=MAX_NAME)
    rate: Rate | None = None
    energy: EnergyOfOperation | None = None
    accumulator_bits: int | None = Field(default=None, ge=1, le=64)
    adder_cycles: Cycles | None = None
    operators: Mapping[Name, Operator] = Field(default_factory=dict)
    exploits: tuple[Annotated[str, AfterValidator(_exploited)], ...] = ()
    area: Area | None = None
    leakage: Leakage | None = None

    @property
    def does(self) -> tuple[str, ...]:
        """Names of the operators that the unit does."""
        return tuple(self.operators) or (MAC,)

    def cycles_of(self, operator: str) -> int:
        """Cycles of one operation of an operator that the unit does."""
        return self.operators[operator].cycles if self.operators else 1

    def energy_of(self, operator: str) -> Figure | None:
        """Joules of one operation of an operator that the unit does, where they are known."""
        own = self.operators[operator].energy if self.operators else None
        return own if own is not None else self.energy


class Accelerator(Part):
    """A part of a machine that is made of a template: one of several unlike children.

    Attributes:
        name: Unique in its architecture; its nodes are called ``name_node``.
        parent: The node above.
        template: Name of the template, see :func:`netwright.arch.templates`.
        elements: Processing elements; that of the template if not given.
        bandwidth: Bytes a second between the node above and its buffer; likewise.
        buffer: Capacity of its buffer; likewise.
    """

    name: Name
    parent: str = Field(max_length=MAX_NAME)
    template: str
    elements: int | None = Field(default=None, ge=1, le=1 << 20)
    bandwidth: Bandwidth | None = None
    buffer: Capacity | None = None


Node = Annotated[Memory | Link | Array | Compute, Field(discriminator="kind")]
"""Any node of an architecture file."""
