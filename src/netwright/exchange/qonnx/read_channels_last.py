"""qonnx's operators for tensors with channels last: the standard ones between transpositions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from netwright.exchange.onnx.source_model import SourceNode
from netwright.exchange.qonnx import read_linear, read_pools
from netwright.exchange.qonnx.constant_values import computed_constant
from netwright.exchange.qonnx.reader import Reader, Rule

RULES: dict[str, Rule] = {
    "BatchNormalization": read_linear.normalize,
    "Conv": read_linear.conv,
    "MaxPool": read_pools.pool,
}


def read(reader: Reader, node: SourceNode) -> None:
    """Read a node of the domain :data:`netwright.exchange.onnx_text.CHANNELS_LAST`."""
    source = reader.activation(node)
    rank = len(reader.shape(source))
    first = (0, rank - 1, *range(1, rank - 1))
    last = (0, *range(2, rank), 1)
    turned = reader.emit(node, "Transpose", (source,), "channels_first", {"order": first})
    result = reader.names.fresh(f"{node.name}_result")
    others = list(node.inputs[1:])
    if node.op == "Conv" and others:
        others[0] = _turned_weights(reader, node, others[0])
    inner = replace(node, inputs=(turned, *others), outputs=(result,))
    RULES[node.op](reader, inner)
    name = reader.names.fresh(f"{node.name}_channels_last")
    reader.emit_as(name, "Transpose", (result,), node.outputs[0], {"order": last}, origin=node.name)


def _turned_weights(reader: Reader, node: SourceNode, name: str) -> str:
    """Weights, which have their channels last too, as the standard operator takes them."""
    quantized, values = reader.quantized.get(name), reader.constants.get(name)
    turned = reader.names.fresh(f"{node.name}_weights")
    if quantized is not None:
        scale = quantized.scale
        moved = np.moveaxis(scale, -1, 1) if scale.ndim else scale
        reader.quantized[turned] = quantized.moved(np.moveaxis(quantized.values, -1, 1), moved)
    elif values is not None and values.ndim > 1:
        reader.constants[turned] = np.moveaxis(values, -1, 1)
    else:
        raise computed_constant(node, "the weights")
    return turned
