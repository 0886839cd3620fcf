"""Kernels for the processor this runs on, each with a NumPy reference.

The compiled part is optional: without it every kernel runs on its reference.
"""

from __future__ import annotations

from netwright.kernels.bank_product import bank_product
from netwright.kernels.blocksparse import BlockSparse, pack
from netwright.kernels.coded import (
    CodedInputs,
    CodedWeights,
    coded_product,
    encode_inputs,
    encode_weights,
)
from netwright.kernels.encoder import attend, embed, normalize
from netwright.kernels.epilogue import Requantize, gelu_table
from netwright.kernels.from_graph import pack_constant
from netwright.kernels.graphs import SKEWED, UNIFORM, rmat
from netwright.kernels.isa import available_isas, selected_isa
from netwright.kernels.nm import NMWeights, nm_product, pack_nm
from netwright.kernels.nm_mask import nm_mask
from netwright.kernels.shared_table import SharedTableProduct, shared_table_product
from netwright.kernels.sparse_rows import SparseRows
from netwright.kernels.spgemm import (
    ACCUMULATORS,
    SEMIRINGS,
    Pool,
    SparseProduct,
    multiply_rows,
    multiply_rows_reference,
    spgemm,
)
from netwright.kernels.spmm import Product, prepare, spmm, spmm_reference
from netwright.kernels.store import load_packed, save_packed

__all__ = [
    "ACCUMULATORS",
    "SEMIRINGS",
    "SKEWED",
    "UNIFORM",
    "BlockSparse",
    "CodedInputs",
    "CodedWeights",
    "NMWeights",
    "Pool",
    "Product",
    "Requantize",
    "SharedTableProduct",
    "SparseProduct",
    "SparseRows",
    "attend",
    "available_isas",
    "bank_product",
    "coded_product",
    "embed",
    "encode_inputs",
    "encode_weights",
    "gelu_table",
    "load_packed",
    "multiply_rows",
    "multiply_rows_reference",
    "nm_mask",
    "nm_product",
    "normalize",
    "pack",
    "pack_constant",
    "pack_nm",
    "prepare",
    "rmat",
    "save_packed",
    "selected_isa",
    "shared_table_product",
    "spgemm",
    "spmm",
    "spmm_reference",
]
