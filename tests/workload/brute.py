"""Workloads on numbers, point by point: slow, short, and independent of the package's executor."""

from __future__ import annotations

from collections.abc import Mapping
from math import erf

import numpy as np

from netwright.workload import Einsum, Workload

MAPS = {
    "multiply": np.multiply, "add": np.add, "subtract": np.subtract, "divide": np.divide,
    "max": np.maximum, "min": np.minimum,
}  # fmt: skip
REDUCTIONS = {"none": np.add, "add": np.add, "max": np.maximum, "min": np.minimum}
NEUTRAL = {"none": 0.0, "add": 0.0, "max": -np.inf, "min": np.inf}
UNARY = {
    "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "reciprocal": lambda v: 1 / v,
    "square": lambda v: v * v, "negate": np.negative, "absolute": np.abs, "tanh": np.tanh,
    "sigmoid": lambda v: 1 / (1 + np.exp(-v)), "relu": lambda v: np.maximum(v, 0),
    "erf": np.vectorize(erf), "gelu": lambda v: v * (1 + np.vectorize(erf)(v / 2**0.5)) / 2,
    "silu": lambda v: v / (1 + np.exp(-v)), "sin": np.sin, "cos": np.cos,
}  # fmt: skip


def run(workload: Workload, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Values of all tensors; what is read outside a tensor changes nothing."""
    values = {}
    for tensor in workload.tensors:
        given = inputs.get(tensor.name)
        start = np.full(tensor.shape, tensor.initial or 0.0)
        values[tensor.name] = start if given is None else np.reshape(given, tensor.shape)
        assert given is not None or not tensor.is_external, tensor.name
    turns = 1 + max(
        (r.extent for e in workload.einsums for r in e.ranks if r.name in e.iterative), default=0
    )
    for _ in range(turns):  # each turn settles one more point of the iterative ranks
        for einsum in workload.einsums:
            values[einsum.output.tensor] = made(workload, einsum, values)
    return values


def made(workload: Workload, einsum: Einsum, values: Mapping[str, np.ndarray]) -> np.ndarray:
    """What one Einsum makes."""
    names = [rank.name for rank in einsum.ranks]
    grid = dict(zip(names, np.indices([r.extent for r in einsum.ranks]), strict=True))
    shape = tuple(rank.extent for rank in einsum.ranks)

    def places(access):
        index, inside = [], np.ones(shape, bool)
        for axis, extent in zip(access.index, workload.by_name[access.tensor].shape, strict=True):
            at = sum((c * grid[r] for r, c in axis.terms), np.zeros(shape, int)) + axis.offset
            inside &= (at >= 0) & (at < extent)
            index.append(np.clip(at, 0, extent - 1))
        return tuple(index), inside

    operands = []
    for access in einsum.inputs:
        tensor = workload.by_name[access.tensor]
        known = any(a.terms or a.offset for a in access.index) or np.prod(tensor.shape) == 1
        assert known, f"{einsum.name} reads {access.tensor} whole"
        index, inside = places(access)
        neutral = NEUTRAL[einsum.reduce_op]
        operands.append(np.where(inside, values[access.tensor][index], neutral))
    operands += [np.asarray(constant) for constant in einsum.constants]
    value = operands[0]
    for other in operands[1:]:
        value = (np.add if einsum.map_op == "copy" else MAPS[einsum.map_op])(value, other)
    for function in einsum.unary:
        value = UNARY[function](value)
    tensor = workload.by_name[einsum.output.tensor]
    start = tensor.initial if tensor.initial is not None else NEUTRAL[einsum.reduce_op]
    result = np.full(tensor.shape, start)
    index, inside = places(einsum.output)
    value = np.broadcast_to(value, shape)
    where = tuple(at[inside] for at in index)
    if einsum.reduce_op == "none":
        result[where] = value[inside]
    else:
        REDUCTIONS[einsum.reduce_op].at(result, where, value[inside])
    return result
