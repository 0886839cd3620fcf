"""Graphs in and out of other tools' files."""

from netwright.exchange.cleaned import cleaned
from netwright.exchange.read import read_qonnx
from netwright.exchange.referee import QonnxModel, referee
from netwright.exchange.write import write_qonnx

__all__ = ["QonnxModel", "cleaned", "read_qonnx", "referee", "write_qonnx"]
