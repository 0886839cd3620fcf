"""Kernels for the processor this runs on, each with a NumPy reference.

The compiled part is optional: without it every kernel runs on its reference.
"""

from __future__ import annotations

from netwright.kernels.blocksparse import BlockSparse, pack
from netwright.kernels.isa import available_isas, selected_isa
from netwright.kernels.spmm import Requantize, spmm, spmm_reference

__all__ = [
    "BlockSparse",
    "Requantize",
    "available_isas",
    "pack",
    "selected_isa",
    "spmm",
    "spmm_reference",
]
