"""Number formats and patterns of zeros: what one element of a tensor is."""

from netwright.formats.bfloat import (
    bfloat16_values,
    bfloat16_words,
    lane_product,
    rounded_to_bfloat16,
)
from netwright.formats.bipolar import Bipolar
from netwright.formats.block_scaled import (
    MXFP4,
    MXFP6,
    MXFP6_E3M2,
    MXFP8,
    MXFP8_E5M2,
    MXINT8,
    NVFP4,
    BlockScaled,
)
from netwright.formats.blocks import Blocks
from netwright.formats.density import Density
from netwright.formats.fixed import Fixed
from netwright.formats.flint import Flint
from netwright.formats.floats import Float
from netwright.formats.format import FLOAT, Format
from netwright.formats.integers import Int, smallest_int
from netwright.formats.minifloat import BFLOAT16, E2M1, E2M3, E3M2, E4M3, E5M2, MiniFloat
from netwright.formats.names import NAMED, number_named
from netwright.formats.nm import NM
from netwright.formats.number import (
    MAX_BITS,
    IntegerFormat,
    NumberFormat,
    Ungrouped,
    Words,
    check_bits,
    holds_integers,
    reach,
)
from netwright.formats.outlier_pairs import OutlierPairs
from netwright.formats.pattern import Pattern
from netwright.formats.rounding import (
    AP_FIXED_ROUNDING,
    QONNX_ROUNDING,
    Overflow,
    Rounding,
    noise_of,
    on_borders,
    round_real,
)
from netwright.formats.shared_exponent import leading_ones, shared_exponent
from netwright.formats.stored import Stored, stored

__all__ = [
    "AP_FIXED_ROUNDING",
    "BFLOAT16",
    "E2M1",
    "E2M3",
    "E3M2",
    "E4M3",
    "E5M2",
    "FLOAT",
    "MAX_BITS",
    "MXFP4",
    "MXFP6",
    "MXFP6_E3M2",
    "MXFP8",
    "MXFP8_E5M2",
    "MXINT8",
    "NAMED",
    "NM",
    "NVFP4",
    "QONNX_ROUNDING",
    "Bipolar",
    "BlockScaled",
    "Blocks",
    "Density",
    "Fixed",
    "Flint",
    "Float",
    "Format",
    "Int",
    "IntegerFormat",
    "MiniFloat",
    "NumberFormat",
    "OutlierPairs",
    "Overflow",
    "Pattern",
    "Rounding",
    "Stored",
    "Ungrouped",
    "Words",
    "bfloat16_values",
    "bfloat16_words",
    "check_bits",
    "holds_integers",
    "lane_product",
    "leading_ones",
    "noise_of",
    "number_named",
    "on_borders",
    "reach",
    "round_real",
    "rounded_to_bfloat16",
    "shared_exponent",
    "smallest_int",
    "stored",
]
