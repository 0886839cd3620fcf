"""The same workload for every point of further ranks: for each head, each sentence."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from netwright.errors import GraphError
from netwright.ir.einsums.einsum import Access, Affine, Einsum, Rank
from netwright.workload.workload import Tensor, Workload


def batched(
    workload: Workload, ranks: Mapping[str, int], *, shared: Collection[str] = ()
) -> Workload:
    """Repeat a workload along further ranks, which become the outermost axes of its tensors.

    Args:
        workload: What is repeated.
        ranks: Names and extents of the new ranks.
        shared: Tensors that all repetitions read, such as weights; nothing is repeated for them.

    Raises:
        GraphError: A rank has the name of one that is there, or a shared tensor is made, or is none
            of the workload.
    """
    for einsum in (*workload.einsums, *workload.in_place):
        taken = sorted({rank.name for rank in einsum.ranks} & set(ranks))
        if taken:
            raise GraphError(f"has a rank {taken[0]} already", node=einsum.name)
        if einsum.output.tensor in shared:
            raise GraphError(f'makes "{einsum.output.tensor}", which is to be shared',
                             node=einsum.name)  # fmt: skip
    missing = sorted(set(shared) - set(workload.by_name))
    if missing:
        raise GraphError(f'workload "{workload.name}" has no tensor "{missing[0]}"')
    outer = tuple(Rank(name, extent) for name, extent in ranks.items())
    axes = tuple(Affine(((rank.name, 1),)) for rank in outer)
    tensors = tuple(
        tensor if tensor.name in shared else _repeated(tensor, outer) for tensor in workload.tensors
    )

    def each(access: Access) -> Access:
        if access.tensor in shared:
            return access
        return replace(access, index=(*axes, *access.index))

    def every(einsum: Einsum) -> Einsum:
        inputs = tuple(each(access) for access in einsum.inputs)
        return replace(
            einsum, ranks=(*outer, *einsum.ranks), output=each(einsum.output), inputs=inputs
        )

    einsums = tuple(every(einsum) for einsum in workload.einsums)
    in_place = tuple(every(einsum) for einsum in workload.in_place)
    return replace(workload, tensors=tensors, einsums=einsums, in_place=in_place)


def _repeated(tensor: Tensor, outer: tuple[Rank, ...]) -> Tensor:
    return replace(tensor, shape=(*(rank.extent for rank in outer), *tensor.shape))
