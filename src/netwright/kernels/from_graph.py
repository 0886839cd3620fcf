"""Packed weights from a graph whose types say where the zeros lie."""

from __future__ import annotations

import numpy as np

from netwright.errors import DataError
from netwright.formats import NM, Blocks
from netwright.ir import Graph
from netwright.kernels.blocksparse import BlockSparse, pack
from netwright.kernels.nm import NMWeights, pack_nm


def pack_constant(graph: Graph, name: str) -> BlockSparse | NMWeights:
    """Pack a constant of an integer graph with the pattern ``Blocks(4x1)``, ``Blocks(8x1)`` or N:M.

    The axis along which blocks extend becomes that of the rows, the one along which groups of N:M
    extend that of the columns: ``MatMul`` keeps weights as ``(inputs, outputs)``, and its blocks
    extend along axis 1, its groups along axis 0.

    Args:
        graph: A graph in the integer form.
        name: A constant with two axes.

    Raises:
        DataError: It is no such constant, or its values do not have the pattern.
        NumericsError: A row could overflow an int32 sum.
    """
    if name not in graph.constants:
        raise DataError(f'"{name}" is not a constant of graph "{graph.name}"')
    codes, pattern = graph.constants[name], graph.types[name].pattern
    if pattern is None:
        raise DataError(
            f'constant "{name}" has no pattern',
            hint="give its type one: TensorType(..., pattern=Blocks(4, axis=1, density=0.1))",
        )
    if not isinstance(pattern, Blocks | NM):
        raise DataError(f'constant "{name}" must have a pattern of blocks or N:M, not {pattern}')
    fault = pattern.fault(codes)
    if fault:
        raise DataError(f'constant "{name}": {fault}')
    if codes.ndim != 2:
        raise DataError(f'constant "{name}" must have two axes, not {codes.ndim}')
    if isinstance(pattern, NM):
        return pack_nm(np.moveaxis(codes, pattern.axis, 1), kept=pattern.kept, group=pattern.group)
    return pack(np.moveaxis(codes, pattern.axis, 0), block_rows=pattern.rows)
