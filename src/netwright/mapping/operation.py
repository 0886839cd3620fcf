"""An Einsum as loop nests see it: tensors by name, ranks that mean something, separable axes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod

from netwright.arch import ROLES, Direction, Role
from netwright.errors import GraphError
from netwright.workload import Access, Affine, Einsum, Tensor, Workload


@dataclass(frozen=True)
class Operation:
    """A product of tensors, summed over some ranks.

    Attributes:
        name: Name of the Einsum.
        extents: Size of every rank that is larger than 1.
        tensors: Operands in order, then the result, by name. A tensor that is read once more in
            another way has the name ``x#2``.
        axes: For each tensor and axis the affine index, ranks of size 1 left out.
        roles: What the memories of a machine take each tensor for: the first operand is the input,
            the second the weight, the result the output; of further operands trained parameters
            are weights.
        directions: What each rank means to a convolution.
    """

    name: str
    extents: Mapping[str, int]
    tensors: Mapping[str, Tensor]
    axes: Mapping[str, tuple[Affine, ...]]
    roles: Mapping[str, Role]
    directions: Mapping[str, Direction]

    @cached_property
    def output(self) -> str:
        """Name of the result."""
        return self.of("output")

    def of(self, role: Role) -> str:
        """Name of the first tensor of a role."""
        return next(name for name, own in self.roles.items() if own == role)

    def along(self, tensor: str) -> tuple[tuple[Affine, int], ...]:
        """The affine index and the size of each axis of a tensor."""
        return tuple(zip(self.axes[tensor], self.tensors[tensor].shape, strict=True))

    def relevant(self, tensor: str) -> frozenset[str]:
        """Ranks on which an element of a tensor depends."""
        return frozenset(rank for axis in self.axes[tensor] for rank, _ in axis.terms)

    def known_to(self, rank: str) -> frozenset[Role]:
        """Roles of the tensors that depend on a rank."""
        return frozenset(role for name, role in self.roles.items() if rank in self.relevant(name))

    @property
    def reduced(self) -> frozenset[str]:
        """Ranks that are summed over."""
        return frozenset(self.extents) - self.relevant(self.output)

    @property
    def sliding(self) -> frozenset[str]:
        """Ranks that share an axis of a tensor with another: windows and their elements."""
        axes = (axis for own in self.axes.values() for axis in own if len(axis.terms) > 1)
        return frozenset(rank for axis in axes for rank, _ in axis.terms)

    @property
    def operands(self) -> tuple[Tensor, ...]:
        """All tensors but the result."""
        return tuple(own for name, own in self.tensors.items() if name != self.output)

    @property
    def num_macs(self) -> int:
        """Points of the iteration space."""
        return prod(self.extents.values())

    @property
    def signature(self) -> tuple[object, ...]:
        """Equal for operations that cost the same."""
        shapes = tuple(
            (tensor.shape, tensor.format.number, tensor.format.pattern)
            for tensor in self.tensors.values()
        )
        roles, axes = tuple(self.roles.values()), tuple(self.axes.values())
        return tuple(self.extents.items()), shapes, roles, axes


def is_operation(einsum: Einsum) -> bool:
    """Whether an Einsum is a sum of products, which loop nests map."""
    return einsum.is_sum_of_products


def operation(workload: Workload, einsum: Einsum) -> Operation:
    """An Einsum of a workload as loop nests see it.

    A third or later operand that does not change along the sum, such as a bias, is applied on the
    way out and left out here.

    Raises:
        GraphError: It is not a sum of products, or a rank walks along two axes of one tensor.
    """
    if not is_operation(einsum):
        raise GraphError("is not a sum of products of two tensors", node=einsum.name)
    extents = {rank.name: rank.extent for rank in einsum.ranks if rank.extent > 1}
    accesses = _operands(einsum)
    tensors = {name: workload.by_name[access.tensor] for name, access in accesses.items()}
    axes = {name: _axes(access, extents) for name, access in accesses.items()}
    whole = [name for name, access in accesses.items() if not any(i.terms for i in access.index)]
    output = list(accesses)[-1]
    _read_views(einsum.name, extents, tensors, axes, [n for n in whole if n != output], output)
    for name, own in axes.items():
        ranks = [rank for axis in own for rank, _ in axis.terms]
        twice = sorted({rank for rank in ranks if ranks.count(rank) > 1})
        if twice:
            raise GraphError(
                f'rank {", ".join(twice)} walks along two axes of "{tensors[name].name}"',
                node=einsum.name,
                hint="loop nests need ranks that walk along one axis of each tensor",
            )
    sliding = _sliding(einsum.inputs[0])
    roles = _roles(tensors)
    meant = _directions(extents, axes, roles, sliding)
    return Operation(einsum.name, extents, tensors, axes, roles, meant)


def factors_of(einsum: Einsum) -> Iterator[tuple[int, Access]]:
    """Operands that are multiplied in each point, with their numbers.

    A third or later one that does not change along the sum, such as a bias, is none.
    """
    made = {rank for axis in einsum.output.index for rank, _ in axis.terms}
    summed = {rank.name for rank in einsum.ranks if rank.extent > 1} - made
    for number, access in enumerate(einsum.inputs):
        if number < 2 or any(rank in summed for axis in access.index for rank, _ in axis.terms):
            yield number, access


def _operands(einsum: Einsum) -> dict[str, Access]:
    """What a nest moves, by name: factors that change along the sum, then the result."""
    found: dict[str, Access] = {}
    for number, access in factors_of(einsum):
        same = access.tensor in (*(own.tensor for own in found.values()), einsum.output.tensor)
        found[f"{access.tensor}#{number + 1}" if same else access.tensor] = access
    return {**found, einsum.output.tensor: einsum.output}


def _roles(tensors: Mapping[str, Tensor]) -> dict[str, Role]:
    *operands, output = tensors
    roles: dict[str, Role] = {
        name: "weight" if number == 1 or (number and tensors[name].kind == "weight") else "input"
        for number, name in enumerate(operands)
    }
    return {**roles, output: "output"}


def _axes(access: Access, extents: Mapping[str, int]) -> tuple[Affine, ...]:
    return tuple(
        Affine(tuple((rank, step) for rank, step in axis.terms if rank in extents), axis.offset)
        for axis in access.index
    )


def _read_views(
    name: str,
    extents: Mapping[str, int],
    tensors: dict[str, Tensor],
    axes: dict[str, tuple[Affine, ...]],
    whole: list[str],
    output: str,
) -> None:
    """A tensor that is read whole, as many elements as are summed, is read in their order."""
    used = {rank for axis in axes[output] for rank, _ in axis.terms}
    reduced = tuple(rank for rank in extents if rank not in used)
    for own in whole:
        size = prod(tensors[own].shape)
        if size == 1:
            continue
        if size != prod(extents[rank] for rank in reduced):
            raise GraphError(
                f'reads "{tensors[own].name}" whole; which elements meet is not known', node=name
            )
        steps, step = [], 1
        for rank in reversed(reduced):
            steps.append((rank, step))
            step *= extents[rank]
        old = tensors[own]
        tensors[own] = old.under((size,))
        axes[own] = (Affine(tuple(reversed(steps))),)


def _sliding(access: Access) -> dict[str, int]:
    """Ranks that share an axis of the first input with another, with the number of that axis."""
    found: dict[str, int] = {}
    number = 0
    for axis in access.index[2:] if len(access.index) > 2 else ():
        if len(axis.terms) > 1:
            found.update({rank: number for rank, _ in axis.terms})
            number += 1
    return found


def _directions(
    extents: Mapping[str, int],
    axes: Mapping[str, tuple[Affine, ...]],
    roles: Mapping[str, Role],
    sliding: Mapping[str, int],
) -> dict[str, Direction]:
    sets: dict[Role, set[str]] = {role: set() for role in ROLES}
    for name, role in roles.items():
        sets[role] |= {rank for axis in axes[name] for rank, _ in axis.terms}
    found: dict[str, Direction] = {}
    plain = 0
    for rank in extents:
        in_input, in_weight, in_output = (rank in sets[role] for role in ROLES)
        first = sliding.get(rank, 0) == 0
        if in_output and in_weight:
            found[rank] = "G" if in_input else "M"
        elif in_weight:
            found[rank] = "C" if rank not in sliding else "R" if first else "S"
        elif rank in sliding:
            found[rank] = "P" if first else "Q"
        elif sliding:
            found[rank] = "N"
        else:
            found[rank] = "P" if plain == 0 else "Q"
            plain += 1
    return found
