"""Number formats and patterns of zeros: what one element of a tensor is."""

from netwright.formats.bipolar import Bipolar
from netwright.formats.blocks import Blocks
from netwright.formats.fixed import Fixed
from netwright.formats.floats import Float
from netwright.formats.format import FLOAT, Format
from netwright.formats.integers import Int, smallest_int
from netwright.formats.number import MAX_BITS, NumberFormat, check_bits
from netwright.formats.rounding import AP_FIXED_ROUNDING, QONNX_ROUNDING, Overflow, Rounding

__all__ = [
    "AP_FIXED_ROUNDING",
    "FLOAT",
    "MAX_BITS",
    "QONNX_ROUNDING",
    "Bipolar",
    "Blocks",
    "Fixed",
    "Float",
    "Format",
    "Int",
    "NumberFormat",
    "Overflow",
    "Rounding",
    "check_bits",
    "smallest_int",
]
