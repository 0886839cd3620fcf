"""HLS C++ through hls4ml, with every register given by the graph."""

from netwright.backends.hls.backend import HlsBackend, hls
from netwright.backends.hls.design import HlsDesign
from netwright.backends.hls.plain import plain_outputs

__all__ = ["HlsBackend", "HlsDesign", "hls", "plain_outputs"]
