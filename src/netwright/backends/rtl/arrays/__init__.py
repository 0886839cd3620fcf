"""Hand-written Verilog: systolic arrays, tables of sums, and units beside banks."""

from netwright.backends.rtl.arrays.bank_unit import BankSums, BankUnit, BankUnitDesign
from netwright.backends.rtl.arrays.counting import PartCount, PartCounts
from netwright.backends.rtl.arrays.design import ArrayDesign, ArrayProduct
from netwright.backends.rtl.arrays.elements import count_elements
from netwright.backends.rtl.arrays.hash_accumulator import (
    HashAccumulator,
    HashDesign,
    HashSums,
)
from netwright.backends.rtl.arrays.layers import LayerComparison, compare_layers
from netwright.backends.rtl.arrays.nm import NMArray, NMDesign
from netwright.backends.rtl.arrays.outlier import OutlierArray, OutlierDesign
from netwright.backends.rtl.arrays.shares import DecoderShares, decoder_shares

__all__ = [
    "ArrayDesign",
    "ArrayProduct",
    "BankSums",
    "BankUnit",
    "BankUnitDesign",
    "DecoderShares",
    "HashAccumulator",
    "HashDesign",
    "HashSums",
    "LayerComparison",
    "NMArray",
    "NMDesign",
    "OutlierArray",
    "OutlierDesign",
    "PartCount",
    "PartCounts",
    "compare_layers",
    "count_elements",
    "decoder_shares",
]
