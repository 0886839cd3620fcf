"""How much of a tensor an Einsum reads or writes."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np

from netwright.ir.einsums.einsum import Access, Affine, Einsum
from netwright.workload.workload import Workload

MAX_COUNTED = 1 << 22
"""Values of one index that are counted one by one; of more, the span is taken."""


def num_touched(einsum: Einsum, access: Access, shape: tuple[int, ...]) -> int:
    """Elements of a tensor that an access walks over, each once; at most all of them.

    It is exact where no rank walks along two axes. An access without ranks and offsets reads the
    tensor whole.

    Args:
        einsum: Whose ranks the access names.
        access: To the tensor.
        shape: Extents of the tensor.
    """
    if not any(index.terms or index.offset for index in access.index):
        return prod(shape)
    extents = {rank.name: rank.extent for rank in einsum.ranks}
    return prod(
        _num_values(index, extent, extents)
        for index, extent in zip(access.index, shape, strict=True)
    )


def bytes_touched(workload: Workload, einsum: Einsum, name: str) -> int:
    """Bytes of a tensor that an Einsum reads or writes, each once; a lookup reads its rows.

    Args:
        workload: With the tensor.
        einsum: One of its Einsums.
        name: Of a tensor that the Einsum accesses.
    """
    tensor = workload.by_name[name]
    accesses = [access for access in (*einsum.inputs, einsum.output) if access.tensor == name]
    touched = sum(num_touched(einsum, access, tensor.shape) for access in dict.fromkeys(accesses))
    size = prod(tensor.shape)
    if touched >= size:
        return tensor.num_bytes
    return -(-tensor.num_bytes * touched // size)


def _num_values(index: Affine, extent: int, extents: Mapping[str, int]) -> int:
    """How many indices inside an axis are reached."""
    terms = [(abs(step), extents[rank]) for rank, step in index.terms if extents[rank] > 1]
    ends = [step * (extents[rank] - 1) for rank, step in index.terms]
    low = index.offset + sum(min(end, 0) for end in ends)
    high = index.offset + sum(max(end, 0) for end in ends)
    inside = max(min(high, extent - 1) - max(low, 0) + 1, 0)
    step = 0
    for size, own in sorted(terms):  # every value of the span, if no step leaves a gap
        if size > step + 1:
            break
        step += size * (own - 1)
    else:
        return inside
    if prod(own for _, own in terms) > MAX_COUNTED:
        return inside
    reached = np.array([index.offset])
    for rank, factor in index.terms:
        reached = np.unique(np.add.outer(reached, factor * np.arange(extents[rank])))
    return int(((reached >= 0) & (reached < extent)).sum())
