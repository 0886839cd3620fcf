"""Operators that need no tensor of their own."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from math import prod

from netwright.ir.einsums.einsum import Access, Einsum
from netwright.ir.einsums.functions import CHEAP
from netwright.workload.absorb import absorb, view_of
from netwright.workload.view import View
from netwright.workload.workload import Workload


def fuse(workload: Workload) -> Workload:
    """Remove operators that work in place or while they are read: functions of one tensor.

    These are elementwise operators whose other operands, if there are any, are vectors of trained
    parameters: activations, batch normalizations, quantizers. A function that costs more than a
    few comparisons and sums (a sigmoid, say) stays where a reader spreads its values over a larger
    result, since it would be computed again for every element.

    The vectors stay among the tensors, as they are parameters like any other. What is removed is
    still work: it stays as :attr:`Workload.in_place`, once for each value.

    Whoever read the result of such an Einsum reads its input instead. That is sound when others
    read the input too: they take it as it is, and each reader applies the function on the way in.

    Args:
        workload: Unfused; a fused or grouped one comes back unchanged.

    Returns:
        A workload of granularity ``"fused"``.
    """
    if workload.granularity != "unfused":
        return workload
    kept = _kept(workload)
    if not kept:
        return workload
    names = {einsum.output.tensor for einsum in kept}
    sources = _sources(workload, names)
    outputs = tuple(dict.fromkeys(sources.get(name, name) for name in workload.outputs))
    used = {a.tensor for einsum in kept for a in (*einsum.inputs, einsum.output)}
    tensors = tuple(t for t in workload.tensors if t.name in used or t.kind == "weight")
    gone = tuple(einsum for einsum in workload.einsums if einsum.output.tensor not in names)
    return Workload(
        workload.name, tensors, kept, outputs, "fused", workload.assumptions,
        (*workload.in_place, *gone),
    )  # fmt: skip


def _kept(workload: Workload) -> tuple[Einsum, ...]:
    """The Einsums that stay, their operands read through those that do not.

    What cannot be read through, as its elements lie in another order, stays as well.
    """
    spread = _spread(workload)
    pinned: set[str] = set()
    while True:
        seen: dict[str, View] = {}
        kept: list[Einsum] = []
        left: set[str] = set()
        for einsum in workload.einsums:
            inner, missed = absorb(einsum, seen)
            left |= missed
            made = einsum.output.tensor
            view = None if made in pinned else _in_place(workload, inner)
            if view is None or (_is_dear(einsum) and made in spread):
                kept.append(inner)
                continue
            seen[made] = view
            if made in workload.outputs and not view.keeps_order:
                left.add(made)
        if left <= pinned:
            return tuple(kept)
        pinned |= left


def _sources(workload: Workload, kept: Collection[str]) -> dict[str, str]:
    """What the results of removed Einsums are functions of."""
    found: dict[str, str] = {}
    for einsum in workload.einsums:
        if einsum.output.tensor not in kept:
            name = _data(workload, einsum)[0].tensor
            found[einsum.output.tensor] = found.get(name, name)
    return found


def is_vector(shape: tuple[int, ...]) -> bool:
    """Whether at most one axis is longer than 1: one value a channel, or a single one."""
    return prod(shape) == max(shape, default=1)


def _in_place(workload: Workload, einsum: Einsum) -> View | None:
    """The result as a view of the tensor of which it is a function, element by element."""
    if not einsum.is_elementwise:
        return None
    data = _data(workload, einsum)
    weights = [a.tensor for a in einsum.inputs if a not in data]
    if len(data) != 1 or not all(is_vector(workload.by_name[name].shape) for name in weights):
        return None
    source, made = workload.by_name[data[0].tensor], workload.by_name[einsum.output.tensor]
    if prod(source.shape) != prod(made.shape):
        return None
    return view_of(replace(einsum, inputs=(data[0],)), source.shape)


def _data(workload: Workload, einsum: Einsum) -> list[Access]:
    return [a for a in einsum.inputs if workload.by_name[a.tensor].kind != "weight"]


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
