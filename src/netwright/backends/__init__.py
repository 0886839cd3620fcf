"""Backends: from an integer graph to a design that computes the same integers."""

from netwright.backends import cpu
from netwright.backends.base import Backend, Design, Target
from netwright.backends.hls import HlsBackend, HlsDesign, hls, plain_outputs
from netwright.backends.rtl import RtlBackend, RtlDesign, StreamDesign, rtl

__all__ = [
    "Backend",
    "Design",
    "HlsBackend",
    "HlsDesign",
    "RtlBackend",
    "RtlDesign",
    "StreamDesign",
    "Target",
    "cpu",
    "hls",
    "plain_outputs",
    "rtl",
]
