"""Operators that need no tensor of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from netwright.workload.einsum import IN_PLACE, Access, Affine, Einsum, Workload


def fuse(workload: Workload) -> Workload:
    """Remove normalizations and activations: they work in place or while they are read.

    Whoever read the result of such an Einsum reads its input instead. That is sound when others
    read the input too: they take it as it is, and each reader applies the function on the way in.

    Args:
        workload: Unfused; a fused or grouped one comes back unchanged.

    Returns:
        A workload of granularity ``"fused"``.
    """
    if workload.granularity != "unfused":
        return workload
    alias: dict[str, str] = {}
    kept: list[Einsum] = []
    for einsum in workload.einsums:
        inputs = tuple(_read_through(workload, a, alias) for a in einsum.inputs)
        data = [a.tensor for a in inputs if workload.by_name[a.tensor].kind != "weight"]
        if einsum.compute in IN_PLACE and len(data) == 1:
            alias[einsum.output.tensor] = data[0]
        else:
            kept.append(replace(einsum, inputs=inputs))
    if not kept:
        return workload
    outputs = tuple(dict.fromkeys(alias.get(name, name) for name in workload.outputs))
    used = {a.tensor for einsum in kept for a in (*einsum.inputs, einsum.output)}
    tensors = tuple(tensor for tensor in workload.tensors if tensor.name in used)
    return Workload(workload.name, tensors, tuple(kept), outputs, "fused", workload.assumptions)


def _read_through(workload: Workload, access: Access, alias: Mapping[str, str]) -> Access:
    """The access to what the tensor stands for; whole, where that has another shape."""
    tensor = alias.get(access.tensor, access.tensor)
    shape = workload.by_name[tensor].shape
    if shape == workload.by_name[access.tensor].shape:
        return Access(tensor, access.index)
    return Access(tensor, (Affine(()),) * len(shape))
