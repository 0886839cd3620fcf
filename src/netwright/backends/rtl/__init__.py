"""Verilog of our own: shared adder graphs or streams, hand-written modules, open tools."""

from netwright.backends.rtl import arrays
from netwright.backends.rtl.backend import RtlBackend, rtl
from netwright.backends.rtl.chip import ChipDesign, ChipOptions
from netwright.backends.rtl.design import RtlDesign
from netwright.backends.rtl.options import PARTS, ROUTED_PARTS
from netwright.backends.rtl.streams.stream_design import StreamDesign

__all__ = [
    "PARTS",
    "ROUTED_PARTS",
    "ChipDesign",
    "ChipOptions",
    "RtlBackend",
    "RtlDesign",
    "StreamDesign",
    "arrays",
    "rtl",
]
