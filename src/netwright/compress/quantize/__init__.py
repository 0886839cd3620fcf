"""Quantizers: what chooses the number format and the scale of a tensor."""

from netwright.compress.quantize.base import Quantizer
from netwright.compress.quantize.block_scaled import Mx, Nvfp4
from netwright.compress.quantize.hadamard import Hadamard
from netwright.compress.quantize.integers import Absmax, Half, Mse
from netwright.compress.quantize.names import quantizer
from netwright.compress.quantize.outlier import Outlier
from netwright.compress.quantize.statistics import PairShares, pair_shares

__all__ = [
    "Absmax",
    "Hadamard",
    "Half",
    "Mse",
    "Mx",
    "Nvfp4",
    "Outlier",
    "PairShares",
    "Quantizer",
    "pair_shares",
    "quantizer",
]
