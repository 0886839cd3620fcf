"""An Einsum as loop nests see it: three tensors, ranks that mean something, separable axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from netwright.arch import ROLES, Direction, Role
from netwright.errors import GraphError
from netwright.workload import Access, Affine, Einsum, Tensor, Workload


@dataclass(frozen=True)
class Operation:
    """A product of two tensors, summed over some ranks.

    Attributes:
        name: Name of the Einsum.
        extents: Size of every rank that is larger than 1.
        tensors: The tensors by role.
        axes: For each role and axis of the tensor the affine index, ranks of size 1 left out.
        directions: What each rank means to a convolution.
    """

    name: str
    extents: Mapping[str, int]
    tensors: Mapping[Role, Tensor]
    axes: Mapping[Role, tuple[Affine, ...]]
    directions: Mapping[str, Direction]

    def relevant(self, role: Role) -> frozenset[str]:
        """Ranks on which an element of a tensor depends."""
        return frozenset(rank for axis in self.axes[role] for rank, _ in axis.terms)

    @property
    def reduced(self) -> frozenset[str]:
        """Ranks that are summed over."""
        return frozenset(self.extents) - self.relevant("output")

    @property
    def sliding(self) -> frozenset[str]:
        """Ranks that share an axis of a tensor with another: windows and their elements."""
        axes = (axis for role in ROLES for axis in self.axes[role] if len(axis.terms) > 1)
        return frozenset(rank for axis in axes for rank, _ in axis.terms)

    @property
    def num_macs(self) -> int:
        """Points of the iteration space."""
        return prod(self.extents.values())

    @property
    def signature(self) -> tuple[object, ...]:
        """Equal for operations that cost the same."""
        shapes = tuple((self.tensors[role].shape, self.tensors[role].bits) for role in ROLES)
        return tuple(self.extents.items()), shapes, tuple(self.axes[role] for role in ROLES)


def is_operation(einsum: Einsum) -> bool:
    """Whether an Einsum is a sum of products, which loop nests map."""
    return einsum.map_op == "multiply" and einsum.reduce_op == "add" and len(einsum.inputs) > 1


def operation(workload: Workload, einsum: Einsum) -> Operation:
    """An Einsum of a workload as loop nests see it; further inputs (a bias) are left out.

    Raises:
        GraphError: It is not a sum of products, or a rank walks along two axes of one tensor.
    """
    if not is_operation(einsum):
        raise GraphError("is not a sum of products of two tensors", node=einsum.name)
    extents = {rank.name: rank.extent for rank in einsum.ranks if rank.extent > 1}
    accesses: tuple[Access, ...] = (einsum.inputs[0], einsum.inputs[1], einsum.output)
    tensors = {r: workload.by_name[a.tensor] for r, a in zip(ROLES, accesses, strict=True)}
    axes = {r: _axes(a, extents) for r, a in zip(ROLES, accesses, strict=True)}
    whole = {r for r, a in zip(ROLES, accesses, strict=True) if not any(i.terms for i in a.index)}
    _read_views(einsum.name, extents, tensors, axes, whole)
    for role in ROLES:
        ranks = [rank for axis in axes[role] for rank, _ in axis.terms]
        twice = sorted({rank for rank in ranks if ranks.count(rank) > 1})
        if twice:
            raise GraphError(
                f'rank {", ".join(twice)} walks along two axes of "{tensors[role].name}"',
                node=einsum.name,
                hint="loop nests need ranks that walk along one axis of each tensor",
            )
    sliding = _sliding(einsum.inputs[0])
    return Operation(einsum.name, extents, tensors, axes, _directions(extents, axes, sliding))


def _axes(access: Access, extents: Mapping[str, int]) -> tuple[Affine, ...]:
    return tuple(
        Affine(tuple((rank, step) for rank, step in axis.terms if rank in extents), axis.offset)
        for axis in access.index
    )


def _read_views(
    name: str,
    extents: Mapping[str, int],
    tensors: dict[Role, Tensor],
    axes: dict[Role, tuple[Affine, ...]],
    whole: set[Role],
) -> None:
    """A tensor that is read whole, as many elements as are summed, is read in their order."""
    used = {rank for axis in axes["output"] for rank, _ in axis.terms}
    reduced = tuple(rank for rank in extents if rank not in used)
    for role in sorted(whole - {"output"}):
        size = prod(tensors[role].shape)
        if size == 1:
            continue
        if size != prod(extents[rank] for rank in reduced):
            raise GraphError(
                f'reads "{tensors[role].name}" whole; which elements meet is not known', node=name
            )
        steps, step = [], 1
        for rank in reversed(reduced):
            steps.append((rank, step))
            step *= extents[rank]
        old = tensors[role]
        tensors[role] = Tensor(old.name, (size,), old.format, old.kind)
        axes[role] = (Affine(tuple(reversed(steps))),)


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
    extents: Mapping[str, int], axes: Mapping[Role, tuple[Affine, ...]], sliding: Mapping[str, int]
) -> dict[str, Direction]:
    sets = {role: {rank for axis in axes[role] for rank, _ in axis.terms} for role in ROLES}
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
