"""Caches of keys and values: which tensor grows, and along what."""

from __future__ import annotations

from math import prod

from netwright.mapping.bank_columns import Growth
from netwright.mapping.layout import Product
from netwright.mapping.operation import Operation
from netwright.workload import Tensor, Workload


def new_rows(workload: Workload, cache: str) -> Tensor | None:
    """What is written into a cache, if it grows."""
    return next((tensor for tensor in workload.tensors if tensor.part_of == cache), None)


def growth_of(workload: Workload, wanted: Operation) -> Growth:
    """Along what the second operand of a product grows; empty for trained parameters.

    A cache that gets new rows grows along the axis that counts them. Of one that gets none here,
    values are known by the weights of a softmax that they are multiplied with.
    """
    name = wanted.of("weight")
    tensor = wanted.tensors[name]
    if tensor.kind == "weight":
        return ""
    axis = _token_axis(workload, tensor)
    if axis is not None:
        ranks = {rank for rank, _ in wanted.axes[name][axis].terms}
        return "outputs" if all("output" in wanted.known_to(rank) for rank in ranks) else "length"
    maker = workload.producers.get(wanted.tensors[wanted.of("input")].name)
    return "length" if maker is not None and maker.map_op == "divide" else "outputs"


def num_new(workload: Workload, cache: str, product: Product, growth: Growth) -> int:
    """Tokens whose rows are written into a cache."""
    rows = new_rows(workload, cache)
    if rows is None or not growth:
        return 0
    tokens = product.outputs if growth == "outputs" else product.length
    return -(-prod(rows.shape) * tokens // prod(workload.by_name[cache].shape))


def _token_axis(workload: Workload, tensor: Tensor) -> int | None:
    """The axis along which a cache is longer than its new rows, whichever shape these have."""
    rows = new_rows(workload, tensor.name)
    if rows is None:
        return None
    shape = tensor.shape
    for axis, extent in enumerate(shape):
        before, after = prod(shape[:axis]), prod(shape[axis + 1 :])
        for place, own in enumerate(rows.shape):
            same = prod(rows.shape[:place]) == before and prod(rows.shape[place + 1 :]) == after
            if same and own < extent:
                return axis
    return None
