"""HLS C++ through hls4ml, with every register given by the graph."""

from netwright.backends.hls.backend import HlsBackend, hls
from netwright.backends.hls.design import HlsDesign

__all__ = ["HlsBackend", "HlsDesign", "hls"]
