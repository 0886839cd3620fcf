"""Verilog of our own: shared adder graphs or streams, hand-written modules, open tools."""

from netwright.backends.rtl import arrays
from netwright.backends.rtl.backend import RtlBackend, rtl
from netwright.backends.rtl.chip import ChipDesign, ChipOptions
from netwright.backends.rtl.design import RtlDesign
from netwright.backends.rtl.implement.foreign import (
    ForeignDesign,
    ForeignMeasurement,
    read_foreign,
)
from netwright.backends.rtl.parts import Part, find_part, part_names, routed_parts
from netwright.backends.rtl.shared.shared_design import SharedDesign
from netwright.backends.rtl.shared_evaluation import Figures, evaluate
from netwright.backends.rtl.shared_options import SharedOptions
from netwright.backends.rtl.streams.stream_design import StreamDesign

__all__ = [
    "ChipDesign",
    "ChipOptions",
    "Figures",
    "ForeignDesign",
    "ForeignMeasurement",
    "Part",
    "RtlBackend",
    "RtlDesign",
    "SharedDesign",
    "SharedOptions",
    "StreamDesign",
    "arrays",
    "evaluate",
    "find_part",
    "part_names",
    "read_foreign",
    "routed_parts",
    "rtl",
]
