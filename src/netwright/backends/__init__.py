"""Backends: from an integer graph to a design that computes the same integers."""

from netwright.backends import cpu
from netwright.backends.base import Backend, Design, Target
from netwright.backends.hls import HlsBackend, HlsDesign, hls, plain_outputs
from netwright.backends.rtl import (
    ChipDesign,
    ChipOptions,
    RtlBackend,
    RtlDesign,
    StreamDesign,
    rtl,
)
from netwright.backends.rtl.backend import chip

__all__ = [
    "Backend",
    "ChipDesign",
    "ChipOptions",
    "Design",
    "HlsBackend",
    "HlsDesign",
    "RtlBackend",
    "RtlDesign",
    "StreamDesign",
    "Target",
    "chip",
    "cpu",
    "hls",
    "plain_outputs",
    "rtl",
]
