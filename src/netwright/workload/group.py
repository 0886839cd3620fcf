"""Elementwise operators that finish the work of another one, as the same step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from netwright.ir.einsums.einsum import Access, Affine, Einsum
from netwright.workload.fuse import fuse
from netwright.workload.workload import Workload


def group(workload: Workload) -> Workload:
    """Let elementwise operators run as the last part of the step that makes one of their operands.

    A residual sum, for instance, is added to the values of a convolution before they are written;
    what the convolution alone would have written never exists as a whole. The step reads the
    operands of both. That is done where nobody else reads the operand and it has the shape of the
    result; of several such operands the one that is made last is taken. The step runs where the
    elementwise operator ran.

    Args:
        workload: Unfused or fused; a grouped one comes back unchanged.

    Returns:
        A workload of granularity ``"grouped"``, its normalizations and activations fused.
    """
    if workload.granularity == "grouped":
        return workload
    fused = fuse(workload)
    reads = Counter(access.tensor for einsum in fused.einsums for access in einsum.inputs)
    kept: dict[str, Einsum] = {}
    last: list[Einsum] = []
    for einsum in fused.einsums:
        maker = _maker(fused, einsum, kept, reads)
        if maker is None:
            kept[einsum.output.tensor] = einsum
        else:
            del kept[maker.output.tensor]
            kept[einsum.output.tensor] = _joined(fused, maker, einsum)
            last.append(einsum)
    used = {a.tensor for einsum in kept.values() for a in (*einsum.inputs, einsum.output)}
    tensors = tuple(t for t in fused.tensors if t.name in used or t.kind == "weight")
    einsums = tuple(kept.values())
    return Workload(
        fused.name, tensors, einsums, fused.outputs, "grouped", fused.assumptions,
        (*fused.in_place, *last),
    )  # fmt: skip


def _maker(
    workload: Workload, einsum: Einsum, kept: dict[str, Einsum], reads: Mapping[str, int]
) -> Einsum | None:
    """The step that an elementwise operator finishes; none if it needs a step of its own."""
    if not einsum.is_elementwise:
        return None
    shape = workload.by_name[einsum.output.tensor].shape
    own = {access.tensor for access in einsum.inputs}
    for name in reversed(kept):  # the last made first
        if (
            name in own
            and reads[name] == 1
            and name not in workload.outputs
            and workload.by_name[name].shape == shape
            and kept[name].map_op != "opaque"
            and not kept[name].is_move
        ):
            return kept[name]
    return None


def _joined(workload: Workload, maker: Einsum, last: Einsum) -> Einsum:
    shape = workload.by_name[last.output.tensor].shape
    others = tuple(
        _beside(workload, access, maker.output.index, shape)
        for access in last.inputs
        if access.tensor != maker.output.tensor
    )
    output = Access(last.output.tensor, maker.output.index)
    return replace(maker, name=last.name, inputs=(*maker.inputs, *others), output=output)


def _beside(
    workload: Workload, access: Access, index: tuple[Affine, ...], shape: tuple[int, ...]
) -> Access:
    """A further operand: element by element with the result, or whole if it has another shape."""
    own = workload.by_name[access.tensor].shape
    return Access(access.tensor, index if own == shape else (Affine(()),) * len(own))
