"""Packed weights from a graph whose types say where the zeros lie."""

from __future__ import annotations

import numpy as np

from netwright.errors import DataError
from netwright.formats import Blocks
from netwright.ir import Graph
from netwright.kernels.blocksparse import BlockSparse, pack


def pack_constant(graph: Graph, name: str) -> BlockSparse:
    """Pack a constant of an integer graph that has the pattern ``Blocks(4x1)`` or ``Blocks(8x1)``.

    The axis along which the blocks extend becomes that of the rows: ``MatMul`` keeps weights as
    ``(inputs, outputs)``, and its blocks extend along axis 1.

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
    if not isinstance(pattern, Blocks):
        raise DataError(f'constant "{name}" must have a pattern of blocks, not {pattern}')
    fault = pattern.fault(codes)
    if fault:
        raise DataError(f'constant "{name}": {fault}')
    if codes.ndim != 2:
        raise DataError(f'constant "{name}" must have two axes, not {codes.ndim}')
    return pack(np.moveaxis(codes, pattern.axis, 0), block_rows=pattern.rows)
