"""Operators that need no tensor of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod

from netwright.workload.einsum import Access, Affine, Einsum, Workload
from netwright.workload.functions import CHEAP


def fuse(workload: Workload) -> Workload:
    """Remove operators that work in place or while they are read: functions of one tensor.

    These are elementwise operators whose other operands, if there are any, are vectors of trained
    parameters: activations, batch normalizations, quantizers. A function that costs more than a
    few comparisons and sums (a sigmoid, say) stays where a reader spreads its values over a larger
    result, since it would be computed again for every element.

    Whoever read the result of such an Einsum reads its input instead. That is sound when others
    read the input too: they take it as it is, and each reader applies the function on the way in.

    Args:
        workload: Unfused; a fused or grouped one comes back unchanged.

    Returns:
        A workload of granularity ``"fused"``.
    """
    if workload.granularity != "unfused":
        return workload
    spread = _spread(workload)
    alias: dict[str, str] = {}
    kept: list[Einsum] = []
    for einsum in workload.einsums:
        inputs = tuple(_read_through(workload, a, alias) for a in einsum.inputs)
        source = _in_place(workload, replace(einsum, inputs=inputs))
        if source and not (_is_dear(einsum) and einsum.output.tensor in spread):
            alias[einsum.output.tensor] = source
        else:
            kept.append(replace(einsum, inputs=inputs))
    if not kept:
        return workload
    outputs = tuple(dict.fromkeys(alias.get(name, name) for name in workload.outputs))
    used = {a.tensor for einsum in kept for a in (*einsum.inputs, einsum.output)}
    tensors = tuple(tensor for tensor in workload.tensors if tensor.name in used)
    return Workload(workload.name, tensors, tuple(kept), outputs, "fused", workload.assumptions)


def is_vector(shape: tuple[int, ...]) -> bool:
    """Whether at most one axis is longer than 1: one value a channel, or a single one."""
    return prod(shape) == max(shape, default=1)


def _in_place(workload: Workload, einsum: Einsum) -> str:
    """The tensor of which the result is a function, element by element; empty if there is none."""
    if not einsum.is_elementwise:
        return ""
    tensors = [workload.by_name[access.tensor] for access in einsum.inputs]
    data = [tensor for tensor in tensors if tensor.kind != "weight"]
    vectors = all(is_vector(tensor.shape) for tensor in tensors if tensor.kind == "weight")
    made = workload.by_name[einsum.output.tensor]
    if len(data) != 1 or not vectors or prod(data[0].shape) != prod(made.shape):
        return ""
    return data[0].name


def _is_dear(einsum: Einsum) -> bool:
    return any(function not in CHEAP for function in einsum.unary)


def _spread(workload: Workload) -> frozenset[str]:
    """Tensors of which an elementwise reader uses each value for several results."""
    size = {tensor.name: prod(tensor.shape) for tensor in workload.tensors}
    return frozenset(
        name
        for einsum in workload.einsums
        if einsum.is_elementwise
        for name in einsum.reads
        if size[name] < size[einsum.output.tensor]
    )


def _read_through(workload: Workload, access: Access, alias: Mapping[str, str]) -> Access:
    """The access to what the tensor stands for; whole, where that has another shape."""
    tensor = alias.get(access.tensor, access.tensor)
    shape = workload.by_name[tensor].shape
    if shape == workload.by_name[access.tensor].shape:
        return Access(tensor, access.index)
    return Access(tensor, (Affine(()),) * len(shape))
