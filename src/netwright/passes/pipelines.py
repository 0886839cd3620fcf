"""Every pipeline on one screen."""

from __future__ import annotations

from netwright.ir import Graph
from netwright.passes.base import Pass, run_passes
from netwright.passes.fold_constants import FoldConstants
from netwright.passes.fuse_attention import FuseAttention
from netwright.passes.fuse_bias import FuseBias
from netwright.passes.fuse_functions import FuseFunctions
from netwright.passes.fuse_norms import FuseNorms
from netwright.passes.integerize import Integerize
from netwright.passes.strip_head import StripHead

TO_INTEGER: tuple[Pass, ...] = (FoldConstants(), StripHead(), FuseBias(), Integerize())
"""Quantized form to integer form."""

TO_BLOCKS: tuple[Pass, ...] = (FuseNorms(), FuseFunctions(), FuseAttention())
"""Normalizations, functions and attention that are written out, to the operators that they are."""


def recognize(graph: Graph) -> Graph:
    """Find normalizations, functions and attention that are written out, by :data:`TO_BLOCKS`.

    Values stay what they were, but for rounding in floating point.
    """
    return run_passes(graph, TO_BLOCKS)


def integerize(graph: Graph) -> Graph:
    """Turn a graph of quantizers on real values into one of integers, by :data:`TO_INTEGER`.

    What is not exact is listed in the result's `notes`.

    Args:
        graph: A graph in the quantized form; one in the integer form comes back as it is.

    Raises:
        GraphError: A tensor has no integer meaning; the message names the node and the remedy.
        NumericsError: A value would need more than 63 bits.

    >>> import numpy as np
    >>> from netwright.ir import Graph, Node, TensorType
    >>> grid = {"bits": 4, "signed": 1, "rounding": "half-even", "scale": (0.25,), "axis": None}
    >>> node = Node("q", "Quant", ("x",), "y", grid)
    >>> tensor = TensorType((1, 3))
    >>> graph = integerize(Graph("tiny", ("x",), ("y",), (node,), {"x": tensor, "y": tensor}, {}))
    >>> graph.nodes[0].op, str(graph.types["y"])
    ('Quantize', 'int4[1x3]')
    """
    return run_passes(graph, TO_INTEGER)
