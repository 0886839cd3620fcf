"""Operators at the end of a file that stay on the host: nothing behind them is computed."""

from __future__ import annotations

from netwright.errors import GraphError
from netwright.exchange.read_attrs import axis, integer
from netwright.exchange.reader import Reader
from netwright.exchange.source_model import SourceNode

HEADS = {
    "ArgMax": "argmax",
    "HardSigmoid": "hard-sigmoid",
    "LogSoftmax": "log-softmax",
    "Sigmoid": "sigmoid",
    "Softmax": "softmax",
    "TopK": "top-k",
}
"""What the host does behind an output, by operator."""


def is_head(reader: Reader, node: SourceNode) -> bool:
    """Whether the node stands at the end of the file: only outputs and other heads read it."""
    if node.op not in HEADS or node.domain not in ("", "ai.onnx"):
        return False
    if node.op == "Softmax" and reader.source.outputs == node.outputs:
        return False  # the graph's own Softmax, which a pass takes off
    return all(
        is_head(reader, other) for name in node.outputs for other in reader.readers.get(name, ())
    )


def head(reader: Reader, node: SourceNode) -> None:
    """Leave a node at the end to the host; what it reads becomes the graph's output."""
    name = node.inputs[0] if node.inputs else ""
    if not reader.is_activation(name):
        raise GraphError(f"input 0 of {node.op} must not be a constant", node=node.name)
    root = name
    while root in reader.heads:
        root = reader.heads[root][0]
    rank = len(reader.shape(reader.tensor(root)))
    default = -1 if node.op == "TopK" or reader.source.opset >= 13 else 1
    default = 0 if node.op == "ArgMax" else default
    along = axis(node, integer(node, "axis", default), rank) if rank else 0
    text = HEADS[node.op] + (f" on axis {along}" if along != rank - 1 and _has_axis(node) else "")
    for output in filter(None, node.outputs):
        reader.heads[output] = (name, text)


def _has_axis(node: SourceNode) -> bool:
    return node.op not in ("Sigmoid", "HardSigmoid")
