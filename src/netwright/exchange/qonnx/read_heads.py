"""Operators at the end of a file that stay on the host: nothing behind them is computed."""

from __future__ import annotations

from netwright.errors import GraphError
from netwright.exchange.onnx.attributes import axis, integer
from netwright.exchange.onnx.source_model import SourceNode
from netwright.exchange.qonnx.reader import Head, Reader

HEADS = {
    "ArgMax": "argmax",
    "HardSigmoid": "hard-sigmoid",
    "LogSoftmax": "log-softmax",
    "Sigmoid": "sigmoid",
    "Softmax": "softmax",
    "TopK": "top-k",
}
"""What the host does behind an output, by operator."""


_FOLLOWING = {
    "Cast": "cast",
    "Clip": "clip",
    "DequantizeLinear": "dequantize",
    "Flatten": "flatten",
    "Identity": "identity",
    "QuantizeLinear": "quantize",
    "Reshape": "reshape",
    "Squeeze": "squeeze",
}
"""What may follow a head on the host."""


def is_head(reader: Reader, node: SourceNode) -> bool:
    """Whether the node stands at the end of the file: what reads it, if anything, does too."""
    follows = bool(node.inputs) and node.inputs[0] in reader.heads
    if node.op == "Softmax" and reader.source.outputs == node.outputs and not follows:
        return False  # the graph's own Softmax, which a pass takes off
    starts = node.op in HEADS and _is_standard(node) and node.op not in reader.computed
    return (starts or follows) and node.name in reader.ending


def ending(reader: Reader) -> frozenset[str]:
    """Names of the nodes that may be left to the host, as everything may that reads them."""
    found: set[str] = set()
    for node in reversed(reader.source.nodes):
        known = _is_standard(node) and (node.op in HEADS or node.op in _FOLLOWING)
        readers = [r for name in node.outputs for r in reader.readers.get(name, ())]
        if known and all(other.name in found for other in readers):
            found.add(node.name)
    return frozenset(found)


def _is_standard(node: SourceNode) -> bool:
    return node.domain in ("", "ai.onnx")


def head(reader: Reader, node: SourceNode) -> None:
    """Leave a node at the end to the host; what it reads becomes the graph's output."""
    name = node.inputs[0] if node.inputs else ""
    if not reader.is_activation(name):
        raise GraphError(f"input 0 of {node.op} must not be a constant", node=node.name)
    root = reader.heads[name].root if name in reader.heads else name
    text = _FOLLOWING.get(node.op) or _described(reader, node, root)
    for output in filter(None, node.outputs):
        reader.heads[output] = Head(name, root, text)


def _described(reader: Reader, node: SourceNode, root: str) -> str:
    """What the host does, with the axis where that is not the last one."""
    rank = len(reader.shape(reader.tensor(root)))
    if node.op in ("Sigmoid", "HardSigmoid") or not rank:
        return HEADS[node.op]
    default = -1 if node.op == "TopK" or reader.source.opset >= 13 else 1
    default = 0 if node.op == "ArgMax" else default
    along = axis(node, integer(node, "axis", default), rank)
    return HEADS[node.op] + (f" on axis {along}" if along != rank - 1 else "")
