"""Put MACs and parameters of 20 networks, out of both exporters, beside independent counts.

PyTorch's counter counts the operations that a module runs, and the module its parameters; the
parameters in a file are counted from the file alone, since one exporter folds normalizations.

Arguments: names of networks; all 20 without. Ends with exit code 1 if a count differs.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any, get_args

import onnx
import torch
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from netwright.errors import NetwrightError
from netwright.exchange import read_workload
from netwright.models import published
from netwright.workload import opaque_operators

NETWORKS = (
    "resnet50", "mobilenet_v2", "efficientnet_b0", "convnext_tiny", "densenet121",
    "shufflenet_v2_x1_0", "regnet_y_400mf", "squeezenet1_1", "deeplabv3_resnet50",
    "dcgan_generator", "vit_b_16", "swin_t", "mobilevit", "segformer", "bert", "gpt2",
    "gpt2_decode", "llama_grouped", "whisper_encoder", "lstm_tagger",
)  # fmt: skip

STATISTICS = 2
"""The last inputs of a batch normalization, which are measured and not trained."""


def counted(name: str) -> tuple[int, int]:
    """MACs that PyTorch counts while the module runs, and its parameters."""
    module, values = published.build(name)
    before, torch.backends.mkldnn.enabled = torch.backends.mkldnn.enabled, False
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), published.whole_attention(), counter:
        module(*values)
    torch.backends.mkldnn.enabled = before
    return counter.get_total_flops() // 2, sum(p.numel() for p in module.parameters())


def in_file(path: Path) -> int:
    """Elements of the real-valued tensors that a file stores and that are no buffers."""
    graph = onnx.load(path, load_external_data=False).graph
    statistics = {
        name
        for node in graph.node
        if node.op_type == "BatchNormalization"
        for name in node.input[-STATISTICS:]
    }
    total = 0
    for tensor in graph.initializer:
        is_real = tensor.data_type in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)
        if is_real and tensor.dims and tensor.name not in statistics:
            size = 1
            for extent in tensor.dims:
                size *= extent
            total += size
    return total


def row(name: str, exporter: Any, macs: int, parameters: int, folder: Path) -> tuple[bool, Any]:
    """Whether our counts are equal, and a line of the table."""
    try:
        path = published.export(name, folder, exporter=exporter)
    except NetwrightError as error:
        return True, (name, exporter, f"not exported: {error}", "", "", "", "")
    except Exception as error:  # the exporters raise whatever they like
        first = str(error).strip().splitlines()[:1]
        return True, (name, exporter, f"not exported: {''.join(first)[:60]}", "", "", "", "")
    workload = read_workload(path)
    ours = workload.num_macs, workload.num_parameters
    stored = in_file(path)
    opaque = ", ".join(name for name, _ in opaque_operators(workload)) or "-"
    equal = ours[0] == macs and ours[1] in (parameters, stored)
    marks = "=" if ours[0] == macs else "differs"
    same = "module" if ours[1] == parameters else "file" if ours[1] == stored else "differs"
    numbers = (f"{ours[0]:,} {marks}", f"{macs:,}", f"{ours[1]:,} = {same}", f"{parameters:,}")
    return equal, (name, exporter, *numbers, opaque)


def main() -> None:
    """Export, read and compare."""
    table = Table("network", "exporter", "MACs", "counted", "parameters", "in the module", "opaque")
    console, whole = Console(width=150), True
    with tempfile.TemporaryDirectory() as folder:
        for name in sys.argv[1:] or NETWORKS:
            macs, parameters = counted(name)
            for exporter in get_args(published.Exporter):
                equal, line = row(name, exporter, macs, parameters, Path(folder))
                whole = whole and equal
                console.print(" ".join(line), highlight=False)
                table.add_row(*line)
    console.print(table)
    sys.exit(not whole)


if __name__ == "__main__":
    main()
