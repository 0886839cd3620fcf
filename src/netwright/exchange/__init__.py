"""Graphs in and out of other tools' files."""

from netwright.exchange.referee import QonnxModel, referee
from netwright.exchange.write import write_qonnx

__all__ = ["QonnxModel", "referee", "write_qonnx"]
