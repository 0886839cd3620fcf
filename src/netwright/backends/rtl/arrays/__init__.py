"""Systolic arrays in hand-written Verilog: for outlier-victim pairs, and for N:M sparse weights."""

from netwright.backends.rtl.arrays.design import ArrayDesign, ArrayProduct
from netwright.backends.rtl.arrays.nm import NMArray, NMDesign
from netwright.backends.rtl.arrays.outlier import OutlierArray, OutlierDesign

__all__ = ["ArrayDesign", "ArrayProduct", "NMArray", "NMDesign", "OutlierArray", "OutlierDesign"]
