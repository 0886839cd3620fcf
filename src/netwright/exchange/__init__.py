"""Graphs in and out of other tools' files."""

from netwright.exchange.hgq.model import HgqModel
from netwright.exchange.hgq.read import read_hgq
from netwright.exchange.onnx.read_workload import is_quantized, read_workload
from netwright.exchange.qonnx.cleaned import cleaned
from netwright.exchange.qonnx.file_referee import FileReferee
from netwright.exchange.qonnx.read import InputQuantizer, read_qonnx
from netwright.exchange.qonnx.referee import QonnxModel, referee
from netwright.exchange.qonnx.write import write_qonnx

__all__ = [
    "FileReferee",
    "HgqModel",
    "InputQuantizer",
    "QonnxModel",
    "cleaned",
    "is_quantized",
    "read_hgq",
    "read_qonnx",
    "read_workload",
    "referee",
    "write_qonnx",
]
