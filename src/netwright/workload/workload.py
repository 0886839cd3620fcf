"""Workloads: Einsums over tensors with shapes and formats, and no values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Literal, get_args

from netwright.errors import GraphError
from netwright.formats import Density, Format, Int, Stored, stored
from netwright.ir.einsums.einsum import Affine, Einsum, MapOp, ReduceOp
from netwright.ir.einsums.functions import UnaryOp
from netwright.workload.cycles import groups, order_faults

BYTES = Format(Int(8))
"""What an element is unless something else is said: one byte."""

TensorKind = Literal["activation", "input", "weight"]
"""Who makes a tensor: an Einsum, or nobody here (a network input, trained parameters)."""

Granularity = Literal["unfused", "operators", "fused", "grouped"]
"""``unfused``: every Einsum writes a tensor. ``operators``: every operator of the source does, and
what its cascade makes inside never exists. ``fused``: normalization and activation work in
place, or on the way into the operator that reads them. ``grouped``: moreover an elementwise
operator is the last part of the step that makes one of its operands."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """Shape and format of a tensor.

    Attributes:
        name: Unique in its workload.
        shape: Extents, the batch included.
        format: Number format, scale and pattern of zeros of its elements.
        kind: Who makes it.
        initial: Value at index 0 of the axes that iterative ranks walk along.
        part_of: The external tensor in which its elements lie, as the new rows of a cache do; empty
            if it is none's part.
    """

    name: str
    shape: tuple[int, ...]
    format: Format = BYTES
    kind: TensorKind = "activation"
    initial: float | None = None
    part_of: str = ""

    @property
    def bits(self) -> int:
        """Width of one element."""
        return self.format.bits

    @property
    def num_bytes(self) -> int:
        """Size of all elements, packed, in whole bytes."""
        return self.stored.num_bytes

    def under(self, shape: tuple[int, ...]) -> Tensor:
        """The same elements under another shape; of a pattern with axes the share stays known."""
        pattern = self.format.pattern
        if pattern is None or shape == self.shape:
            return replace(self, shape=shape)
        share = Density(pattern.num_values(self.shape) / prod(self.shape))
        return replace(self, shape=shape, format=replace(self.format, pattern=share))

    @property
    def stored(self) -> Stored:
        """Bits and elements that are stored: what the pattern keeps, and where that lies."""
        return stored(self.format, self.shape)

    def bits_of(self, elements: int) -> int:
        """Bits that some of its elements take, their share of what is stored; rounded up."""
        if self.format.pattern is None and not self.format.number.group_bits:
            return elements * self.bits
        whole = self.stored
        return -(-elements * whole.num_bits // max(whole.num_elements, 1))

    @property
    def is_external(self) -> bool:
        """Whether it lies in the off-chip memory from the start."""
        return self.kind != "activation"


@dataclass(frozen=True)
class Workload:
    """Einsums in a valid order of execution.

    Attributes:
        name: Name of the network.
        tensors: Every tensor that is accessed, and parameters of operators that work in place.
        einsums: Each after the ones it reads from.
        outputs: Names of the tensors that must leave the chip.
        granularity: Which operators are steps of their own; it decides every result, so every
            result states it.
        assumptions: What the source does not say and is taken for granted.
        in_place: Einsums that are part of steps: functions of values that are read, and what the
            cascade of an operator makes inside. Only their operations count. Their tensors need not
            exist.

    Raises:
        GraphError: Names, extents or the order are wrong; the message lists all faults.
    """

    name: str
    tensors: tuple[Tensor, ...]
    einsums: tuple[Einsum, ...]
    outputs: tuple[str, ...]
    granularity: Granularity = "unfused"
    assumptions: tuple[str, ...] = ()
    in_place: tuple[Einsum, ...] = ()

    def __post_init__(self) -> None:
        found = list(_faults(self))
        if len(found) == 1:
            raise GraphError(f'workload "{self.name}": {found[0]}')
        if found:
            lines = "".join(f"\n  {fault}" for fault in found)
            raise GraphError(f'workload "{self.name}" has {len(found)} faults{lines}')

    @cached_property
    def by_name(self) -> Mapping[str, Tensor]:
        """Tensors by name."""
        return {tensor.name: tensor for tensor in self.tensors}

    @cached_property
    def einsum_of(self) -> Mapping[str, Einsum]:
        """Einsums by name."""
        return {einsum.name: einsum for einsum in self.einsums}

    @cached_property
    def producers(self) -> Mapping[str, Einsum]:
        """The Einsum that makes each tensor that is not external."""
        return {einsum.output.tensor: einsum for einsum in self.einsums}

    @cached_property
    def together(self) -> tuple[tuple[Einsum, ...], ...]:
        """Einsums in an order of execution; those that read each other, in one group.

        Such a group runs point by point of an iterative rank.
        """
        return tuple(
            tuple(self.einsums[place] for place in group) for group in groups(self.einsums)
        )

    @cached_property
    def num_macs(self) -> int:
        """Multiply-accumulate operations, padding included; exact at any size."""
        return sum(einsum.num_macs for einsum in (*self.einsums, *self.in_place))

    @property
    def num_parameters(self) -> int:
        """Number of trained parameters."""
        return sum(prod(tensor.shape) for tensor in self.tensors if tensor.kind == "weight")


def _faults(workload: Workload) -> Iterator[str]:
    tensors: dict[str, Tensor] = {}
    for tensor in workload.tensors:
        if tensor.name in tensors:
            yield f'tensor "{tensor.name}" is declared twice'
        tensors[tensor.name] = tensor
        if not tensor.shape or min(tensor.shape) < 1:
            yield f'tensor "{tensor.name}": extents must be 1 or more, not {tensor.shape}'
        elif tensor.format.pattern is not None:
            fault = tensor.format.pattern.shape_fault(tensor.shape)
            if fault:
                yield f'tensor "{tensor.name}": {fault}'
    for tensor in workload.tensors:
        whole = tensors.get(tensor.part_of)
        if not tensor.part_of:
            continue
        if whole is None or not whole.is_external:
            yield f'tensor "{tensor.name}": is part of "{tensor.part_of}", which is no external one'
        elif prod(tensor.shape) > prod(whole.shape):
            yield f'tensor "{tensor.name}": is part of "{whole.name}" and has more elements'
    made = {tensor.name for tensor in workload.tensors if tensor.is_external}
    names: set[str] = set()
    for einsum in workload.einsums:
        if einsum.name in names:
            yield f'Einsum "{einsum.name}" is declared twice'
        names.add(einsum.name)
        yield from _einsum_faults(einsum, tensors)
        yield from _operator_faults(einsum)
        if einsum.output.tensor in made:
            yield f'Einsum "{einsum.name}": "{einsum.output.tensor}" is made already'
        made.add(einsum.output.tensor)
    yield from _order_faults(workload, tensors)
    if not workload.einsums:
        yield "computes nothing; at least one Einsum is needed"
        return
    for name in workload.outputs:
        if name not in made:
            yield f'output "{name}" is made by no Einsum'


def _einsum_faults(einsum: Einsum, tensors: Mapping[str, Tensor]) -> Iterator[str]:
    ranks = {rank.name for rank in einsum.ranks}
    for rank in einsum.ranks:
        if rank.extent < 1:
            yield f'Einsum "{einsum.name}": rank {rank.name} must be 1 or more, not {rank.extent}'
    for access in (*einsum.inputs, einsum.output):
        tensor = tensors.get(access.tensor)
        if tensor is None:
            yield f'Einsum "{einsum.name}": tensor "{access.tensor}" is not declared'
            continue
        if len(access.index) != len(tensor.shape):
            yield (
                f'Einsum "{einsum.name}": "{tensor.name}" has {len(tensor.shape)} axes, '
                f"not {len(access.index)}"
            )
        unknown = sorted({rank for axis in access.index for rank, _ in axis.terms} - ranks)
        if unknown:
            yield f'Einsum "{einsum.name}": no rank is called {", ".join(unknown)}'
    output = tensors.get(einsum.output.tensor)
    for rank_name in einsum.iterative:
        if rank_name not in ranks:
            yield f'Einsum "{einsum.name}": no rank is called {rank_name}'
        elif Affine(((rank_name, 1),), 1) not in einsum.output.index:
            yield (
                f'Einsum "{einsum.name}": iterative rank {rank_name} must write index '
                f"{rank_name} + 1 of an axis of its output"
            )
        elif output is not None and output.initial is None:
            yield f'tensor "{output.name}": must have an initial value for rank {rank_name}'


def _operator_faults(einsum: Einsum) -> Iterator[str]:
    number = len(einsum.inputs) + len(einsum.constants)
    if einsum.map_op not in get_args(MapOp) or einsum.reduce_op not in get_args(ReduceOp):
        yield f'Einsum "{einsum.name}": no operators {einsum.map_op} and {einsum.reduce_op}'
    for function in einsum.unary:
        if function not in get_args(UnaryOp):
            yield f'Einsum "{einsum.name}": no function of one value is called "{function}"'
    if einsum.map_op in ("subtract", "divide") and number < 2:
        yield f'Einsum "{einsum.name}": {einsum.map_op} must have 2 operands, not {number}'


def _order_faults(workload: Workload, tensors: Mapping[str, Tensor]) -> Iterator[str]:
    """Reads of what is made later, unless it is an earlier index of an iterative rank."""
    place = {einsum.output.tensor: index for index, einsum in enumerate(workload.einsums)}
    for group in groups(workload.einsums):
        for index in group:
            einsum = workload.einsums[index]
            for name in einsum.reads:
                external = name in tensors and tensors[name].is_external
                made = external or place.get(name, len(place)) < index
                if name in tensors and not made and place.get(name) not in group:
                    yield f'Einsum "{einsum.name}" reads "{name}" before it is made'
        for einsum, access, why in order_faults([workload.einsums[index] for index in group]):
            yield f'Einsum "{einsum.name}" reads "{access.tensor}" before it is made: {why}'
