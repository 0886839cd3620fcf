"""Cascades on numbers: every Einsum in NumPy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from netwright.errors import GraphError, NumericsError
from netwright.ir.einsums.einsum import Access, Affine, Einsum, ReduceOp
from netwright.ir.einsums.functions import FUNCTIONS
from netwright.workload.cycles import is_cyclic
from netwright.workload.workload import Tensor, Workload

Array = NDArray[Any]

MAX_ELEMENTS = 1 << 31
"""Elements of all tensors together that are computed at most."""

CHUNK = 1 << 22
"""Points that are held at a time."""

MAX_STEPS = 1 << 20
"""Points of iterative ranks, which run one after the other."""

_MAPS = {
    "multiply": np.multiply,
    "add": np.add,
    "subtract": np.subtract,
    "divide": np.divide,
    "max": np.maximum,
    "min": np.minimum,
}
_REDUCTIONS: Mapping[ReduceOp, Any] = {"add": np.add, "max": np.maximum, "min": np.minimum}
_NEUTRAL: Mapping[ReduceOp, float] = {"none": 0.0, "add": 0.0, "max": -np.inf, "min": np.inf}


@dataclass(frozen=True, slots=True)
class Executed(Mapping[str, Array]):
    """Values of all tensors.

    Attributes:
        tensors: By name.
        warnings: Overflows, divisions by zero and values that are no numbers, each with the Einsum
            in which it first appeared.
    """

    tensors: Mapping[str, Array]
    warnings: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Array:
        return self.tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)


def execute(
    workload: Workload, inputs: Mapping[str, Array], *, dtype: DTypeLike = np.float64
) -> Executed:
    """Compute every tensor of a workload.

    Einsums that read each other along an iterative rank run point by point of that rank, all others
    at once.

    Args:
        workload: Unfused; steps that are opaque have no values.
        inputs: Arrays of all external tensors by name, shaped as these.
        dtype: In which everything is computed.

    Returns:
        All tensors by name, and what went wrong numerically; it is not hidden.

    Raises:
        GraphError: An Einsum has no values.
        NumericsError: Inputs are missing, have other shapes, or the tensors are too large.
    """
    _check(workload, inputs)
    values = {t.name: np.asarray(inputs[t.name], dtype) for t in workload.tensors if t.is_external}
    found: list[str] = []
    for together in workload.together:
        _run(workload, together, values, np.dtype(dtype), found)
    return Executed(values, tuple(found))


def _check(workload: Workload, inputs: Mapping[str, Array]) -> None:
    for einsum in workload.einsums:
        unknown = [function for function in einsum.unary if function not in FUNCTIONS]
        if einsum.map_op not in ("copy", *_MAPS) or unknown:
            what = unknown[0] if unknown else einsum.map_op
            raise GraphError(f'"{what}" has no values', node=einsum.name)
        if einsum.map_op == "copy" and len(einsum.inputs) + len(einsum.constants) > 1:
            raise GraphError("a copy of several tensors has no values", node=einsum.name)
        for access in (*einsum.inputs, einsum.output):
            _check_access(workload, einsum, access)
    faults = []
    for tensor in workload.tensors:
        if not tensor.is_external:
            continue
        given = inputs.get(tensor.name)
        if given is None:
            faults.append(f'"{tensor.name}" is missing')
        elif np.shape(given) != tensor.shape:
            shape = np.shape(given)
            faults.append(f'"{tensor.name}" must have shape {tensor.shape}, not {shape}')
    if faults:
        raise NumericsError(f'inputs of "{workload.name}": {"; ".join(faults)}')
    size = sum(prod(tensor.shape) for tensor in workload.tensors)
    if size > MAX_ELEMENTS:
        raise NumericsError(
            f'"{workload.name}" has {size} elements; at most {MAX_ELEMENTS} can be computed'
        )


def _check_access(workload: Workload, einsum: Einsum, access: Access) -> None:
    shape = workload.by_name[access.tensor].shape
    if prod(shape) > 1 and not any(axis.terms or axis.offset for axis in access.index):
        raise GraphError(
            f'which elements of "{access.tensor}" meet is not known: it is read whole',
            node=einsum.name,
        )
    extent = {rank.name: rank.extent for rank in einsum.ranks}
    for axis, size in zip(access.index, shape, strict=True):
        ends = [step * (extent[name] - 1) for name, step in axis.terms]
        low = axis.offset + sum(min(end, 0) for end in ends)
        high = axis.offset + sum(max(end, 0) for end in ends)
        if low < 0 or high >= size:
            raise GraphError(
                f'reaches from {low} to {high} of an axis of "{access.tensor}" with {size} indices',
                node=einsum.name,
            )


def _run(
    workload: Workload,
    together: tuple[Einsum, ...],
    values: dict[str, Array],
    dtype: np.dtype[Any],
    found: list[str],
) -> None:
    for einsum in together:
        values[einsum.output.tensor] = _empty(workload.by_name[einsum.output.tensor], einsum, dtype)
    ranks: dict[str, None] = {}
    if is_cyclic(together):
        ranks = dict.fromkeys(rank for einsum in together for rank in einsum.iterative)
    extents = {rank.name: rank.extent for einsum in together for rank in einsum.ranks}
    if prod(extents[rank] for rank in ranks) > MAX_STEPS:
        raise NumericsError(f'"{together[0].name}" has more than {MAX_STEPS} steps')
    for point in product(*(range(extents[rank]) for rank in ranks)):
        at = dict(zip(ranks, point, strict=True))
        for einsum in together:
            _compute(einsum, values, at, found)


def _empty(tensor: Tensor, einsum: Einsum, dtype: np.dtype[Any]) -> Array:
    """A tensor before its Einsum runs: the first value where no point of the Einsum comes."""
    neutral = _NEUTRAL[einsum.reduce_op]
    made = np.full(tensor.shape, neutral if tensor.initial is None else tensor.initial, dtype)
    made[tuple(slice(axis.offset, None) for axis in einsum.output.index)] = neutral
    return made


def _compute(
    einsum: Einsum, values: dict[str, Array], at: Mapping[str, int], found: list[str]
) -> None:
    """One Einsum, at one point of the iterative ranks; in chunks of its first long rank."""
    ranks = {rank.name: (0, rank.extent) for rank in einsum.ranks}
    ranks |= {name: (index, index + 1) for name, index in at.items()}
    kinds: set[str] = set()

    def note(kind: str, _: int) -> None:
        kinds.add(kind)

    with np.errstate(all="call", under="ignore", call=note):
        if _is_contraction(einsum):
            _contract(einsum, values, ranks, kinds)
        else:
            for part in _chunks(einsum, ranks):
                _points(einsum, values, part)
    for kind in sorted(kinds):
        _note(found, einsum, kind)


def _note(found: list[str], einsum: Einsum, kind: str) -> None:
    names = {"overflow": "overflows", "divide by zero": "divides by zero"}
    text = f'Einsum "{einsum.name}" {names.get(kind, "makes values that are no numbers")}'
    if text not in found:
        found.append(text)


Ranges = Mapping[str, tuple[int, int]]


def _chunks(einsum: Einsum, ranks: Ranges) -> Iterator[Ranges]:
    """Parts of the iteration space that fit into memory."""
    size = prod(high - low for low, high in ranks.values())
    name = max(ranks, key=lambda rank: ranks[rank][1] - ranks[rank][0], default="")
    if size <= CHUNK or not name:
        yield ranks
        return
    low, high = ranks[name]
    middle = (low + high) // 2
    yield from _chunks(einsum, {**ranks, name: (low, middle)})
    yield from _chunks(einsum, {**ranks, name: (middle, high)})


def _is_contraction(einsum: Einsum) -> bool:
    """Whether it is a sum of products over plain ranks, which NumPy does without all points."""
    accesses = (*einsum.inputs, einsum.output)
    plain = all(
        axis.offset == 0 and len(axis.terms) == 1 and axis.terms[0][1] == 1
        for access in accesses
        for axis in access.index
    )
    read = {rank for access in einsum.inputs for axis in access.index for rank, _ in axis.terms}
    plain = plain and read == {rank.name for rank in einsum.ranks}
    return einsum.is_sum_of_products and plain and not (einsum.iterative or einsum.constants)


def _contract(einsum: Einsum, values: dict[str, Array], ranks: Ranges, kinds: set[str]) -> None:
    number = {name: index for index, name in enumerate(ranks)}

    def labels(access: Access) -> list[int]:
        return [number[axis.terms[0][0]] for axis in access.index]

    def part(access: Access) -> Array:
        bounds = (ranks[axis.terms[0][0]] for axis in access.index)
        return values[access.tensor][tuple(slice(low, high) for low, high in bounds)]

    pairs = [item for access in einsum.inputs for item in (part(access), labels(access))]
    made = np.einsum(*pairs, labels(einsum.output), optimize=True)
    part(einsum.output)[...] = made
    if not np.isfinite(made).all() and all(np.isfinite(item).all() for item in pairs[::2]):
        kinds.add("overflow")


def _points(einsum: Einsum, values: dict[str, Array], ranks: Ranges) -> None:
    operands = [_operand(access, values, ranks) for access in einsum.inputs]
    dtype = values[einsum.output.tensor].dtype
    operands += [np.asarray(constant, dtype) for constant in einsum.constants]
    value = operands[0]
    for operand in operands[1:]:
        value = _MAPS[einsum.map_op](value, operand)
    for function in einsum.unary:
        value = FUNCTIONS[function](value)
    shape = tuple(high - low for low, high in ranks.values())
    kept = {rank for axis in einsum.output.index for rank, _ in axis.terms}
    over = tuple(axis for axis, name in enumerate(ranks) if name not in kept)
    value = np.broadcast_to(value, shape)
    target = values[einsum.output.tensor]
    where = _where(einsum.output, ranks, kept)
    if einsum.reduce_op == "none":
        target[where] = value
        return
    reduce = _REDUCTIONS[einsum.reduce_op]
    part = reduce.reduce(value, axis=over, keepdims=False) if over else value
    reduce.at(target, where, part) if _overlaps(einsum) else _combine(target, where, reduce, part)


def _combine(target: Array, where: tuple[Any, ...], reduce: Any, part: Array) -> None:
    target[where] = reduce(target[where], part)


def _overlaps(einsum: Einsum) -> bool:
    """Whether several points of the kept ranks may fall on one element."""
    return any(len(axis.terms) > 1 for axis in einsum.output.index)


def _operand(access: Access, values: Mapping[str, Array], ranks: Ranges) -> Array:
    return values[access.tensor][_where(access, ranks, set(ranks))]


def _where(access: Access, ranks: Ranges, used: set[str]) -> tuple[Any, ...]:
    """Integer indices of each axis, broadcast over the ranks that are used, in order."""
    order = [name for name in ranks if name in used]
    return tuple(_index(axis, ranks, order) for axis in access.index)


def _index(axis: Affine, ranks: Ranges, order: list[str]) -> Array:
    total = np.full((1,) * len(order), axis.offset)
    for name, step in axis.terms:
        low, high = ranks[name]
        place = order.index(name)
        along = np.arange(low, high).reshape([-1 if i == place else 1 for i in range(len(order))])
        total = total + step * along
    return total
