"""Operators of the source as steps, however many Einsums each of them is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from netwright.ir.einsums.einsum import Access, Affine, Einsum
from netwright.workload.workload import Workload


def by_operator(workload: Workload) -> Workload:
    """Let every operator of the source be one step: what its cascade makes inside never exists.

    A softmax, for instance, is one step that reads logits and writes shares, as it is in a
    framework that calls one kernel for it; as a cascade it would write its powers and their sums.
    Einsums that follow each other and come from one operator are joined where only the last one's
    result is read by others. A joined step says what is read and written, and nothing else:
    it is a copy of its operands. What is computed inside stays as :attr:`Workload.in_place`.

    Args:
        workload: Unfused; any other comes back unchanged.

    Returns:
        A workload of granularity ``"operators"``.
    """
    if workload.granularity != "unfused":
        return workload
    readers: dict[str, set[str]] = {}
    for einsum in workload.einsums:
        for name in einsum.reads:
            readers.setdefault(name, set()).add(einsum.name)
    kept: list[Einsum] = []
    inside: list[Einsum] = []
    for origin, members in groupby(workload.einsums, key=lambda einsum: einsum.origin):
        run = tuple(members)
        alone = len(run) == 1 or not origin or not _is_closed(workload, run, readers)
        kept += run if alone else [_joined(workload, run)]
        inside += () if alone else run
    used = {access.tensor for einsum in kept for access in (*einsum.inputs, einsum.output)}
    tensors = tuple(t for t in workload.tensors if t.name in used or t.kind == "weight")
    return Workload(
        workload.name, tensors, tuple(kept), workload.outputs, "operators", workload.assumptions,
        (*workload.in_place, *inside),
    )  # fmt: skip


def _is_closed(workload: Workload, run: Sequence[Einsum], readers: dict[str, set[str]]) -> bool:
    """Whether others read only what the last Einsum makes."""
    own = {einsum.name for einsum in run}
    inside = [einsum.output.tensor for einsum in run[:-1]]
    return not any(name in workload.outputs or readers.get(name, set()) - own for name in inside)


def _joined(workload: Workload, run: Sequence[Einsum]) -> Einsum:
    last = run[-1]
    made = {einsum.output.tensor for einsum in run}
    read = dict.fromkeys(name for einsum in run for name in einsum.reads if name not in made)
    inputs = tuple(Access(name, (Affine(()),) * len(workload.by_name[name].shape)) for name in read)
    axes = [frozenset(rank for rank, _ in axis.terms) for axis in last.output.index]
    ranks = tuple(rank for rank in last.ranks if any(rank.name in axis for axis in axes))
    return Einsum(last.name, ranks, last.output, inputs, "copy", origin=last.origin)
