"""Passes: functions from graph to graph, one a file, and the pipelines made of them."""

from netwright.passes.bank_arithmetic import BankArithmetic
from netwright.passes.base import Pass, run_passes
from netwright.passes.code_products import CodeProducts, code_products, quantize_products
from netwright.passes.fold_constants import FoldConstants
from netwright.passes.fold_norms import FoldNorms
from netwright.passes.fuse_attention import FuseAttention
from netwright.passes.fuse_bias import FuseBias
from netwright.passes.fuse_functions import FuseFunctions
from netwright.passes.fuse_norms import FuseNorms
from netwright.passes.integerize import Integerize
from netwright.passes.pipelines import TO_BLOCKS, TO_INTEGER, integerize, recognize
from netwright.passes.post_training import Widths, quantize
from netwright.passes.realize import Realized, realize
from netwright.passes.strip_head import StripHead

__all__ = [
    "TO_BLOCKS",
    "TO_INTEGER",
    "BankArithmetic",
    "CodeProducts",
    "FoldConstants",
    "FoldNorms",
    "FuseAttention",
    "FuseBias",
    "FuseFunctions",
    "FuseNorms",
    "Integerize",
    "Pass",
    "Realized",
    "StripHead",
    "Widths",
    "code_products",
    "integerize",
    "quantize",
    "quantize_products",
    "realize",
    "recognize",
    "run_passes",
]
