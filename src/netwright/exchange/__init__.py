"""Graphs in and out of other tools' files."""

from netwright.exchange.cleaned import cleaned
from netwright.exchange.file_referee import FileReferee
from netwright.exchange.hgq_model import HgqModel
from netwright.exchange.read import InputQuantizer, read_qonnx
from netwright.exchange.read_hgq import read_hgq
from netwright.exchange.read_workload import is_quantized, read_workload
from netwright.exchange.referee import QonnxModel, referee
from netwright.exchange.write import write_qonnx

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
