"""Backends: from an integer graph to a design that computes the same integers."""

from netwright.backends.base import Backend, Capability, Design, Target
from netwright.backends.cpu import CpuBackend, CpuDesign, cpu, encoders
from netwright.backends.hls import HlsBackend, HlsDesign, hls, plain_outputs
from netwright.backends.opened import open_design
from netwright.backends.rtl import (
    ChipDesign,
    ChipOptions,
    RtlBackend,
    RtlDesign,
    SharedDesign,
    SharedOptions,
    StreamDesign,
    arrays,
    rtl,
)
from netwright.backends.rtl import evaluate as evaluate_shared
from netwright.backends.rtl.backend import chip
from netwright.backends.rtl.chip import check_chip
from netwright.backends.rtl.radiation import CONTROL, NOTHING, Protection
from netwright.backends.rtl.radiation.standard_cells import map_to_cells
from netwright.backends.rtl.reuse import reuse_factors
from netwright.backends.soc import SocBackend, SocDesign, SocOptions, soc
from netwright.backends.soc.axi import write_axi

__all__ = [
    "CONTROL",
    "NOTHING",
    "Backend",
    "Capability",
    "ChipDesign",
    "ChipOptions",
    "CpuBackend",
    "CpuDesign",
    "Design",
    "HlsBackend",
    "HlsDesign",
    "Protection",
    "RtlBackend",
    "RtlDesign",
    "SharedDesign",
    "SharedOptions",
    "SocBackend",
    "SocDesign",
    "SocOptions",
    "StreamDesign",
    "Target",
    "arrays",
    "check_chip",
    "chip",
    "cpu",
    "encoders",
    "evaluate_shared",
    "hls",
    "map_to_cells",
    "open_design",
    "plain_outputs",
    "reuse_factors",
    "rtl",
    "soc",
    "write_axi",
]
