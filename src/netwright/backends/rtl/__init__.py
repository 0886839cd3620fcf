"""Verilog of our own: shared adder graphs, hand-written modules, open tools."""

from netwright.backends.rtl.backend import RtlBackend, rtl
from netwright.backends.rtl.design import RtlDesign

__all__ = ["RtlBackend", "RtlDesign", "rtl"]
