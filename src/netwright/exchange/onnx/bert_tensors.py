"""The weights of a BERT encoder in an ONNX file, by the names that its checkpoint gave them.

Exporters keep the names of embeddings, biases and normalizations, and lose those of the matrices,
which they transpose for the operator MatMul. A matrix is named after the bias that is added to its
product. Where there is one type of sentences only, they fold its row into a constant: the one that
is added before the normalization of the embeddings.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError, GraphError, require
from netwright.exchange.onnx.source_model import SourceNode, listing, parse_model, read_nodes
from netwright.exchange.onnx.source_tensor import plain_text, read_tensor

ANCHOR = "embeddings.word_embeddings.weight"
"""What stands before this in a name stands before every name."""

TYPES = "embeddings.token_type_embeddings.weight"


def read_bert_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Initializers of the file, named as ``encoder.layer.0.output.dense.weight``.

    Args:
        path: An ONNX file.

    Returns:
        Matrices as ``(outputs, inputs)``; what is named otherwise is there, too.

    Raises:
        DataError: The file is missing, too large, no ONNX model, or without word embeddings.
        GraphError: A tensor or node cannot be read; all faults are listed.
        MissingExtra: onnx is not installed.
    """
    onnx = require("onnx", extra="cpu", purpose="reading an encoder from ONNX")
    graph = parse_model(onnx, path).graph
    faults: list[str] = []
    constants: dict[str, NDArray[Any]] = {}
    for tensor in graph.initializer:
        name = plain_text(tensor.name)
        try:
            constants[name] = read_tensor(onnx, tensor, path.parent)
        except DataError as error:
            faults.append(f'initializer "{name}": {error.message}')
    nodes = read_nodes(onnx, graph, path.parent, faults)
    if faults:
        raise GraphError(listing(f"{path}: the encoder cannot be read", faults))
    anchors = [name for name in constants if name.endswith(ANCHOR)]
    if len(anchors) != 1:
        raise DataError(
            f'must hold one initializer whose name ends in "{ANCHOR}", not {len(anchors)}',
            source=str(path),
            hint="export a BERT encoder with the names of its checkpoint",
        )
    prefix = anchors[0].removesuffix(ANCHOR)
    found = {name.removeprefix(prefix): value for name, value in constants.items()}
    constants |= {
        node.outputs[0]: np.asarray(node.attrs["value"])
        for node in nodes
        if node.op == "Constant" and "value" in node.attrs
    }
    for name, matrix in _matrices(nodes, constants).items():
        found[name.removeprefix(prefix)] = matrix
    row = _type_row(nodes, constants, f"{prefix}embeddings.LayerNorm.weight")
    if TYPES not in found and row is not None:
        found[TYPES] = np.stack([row, np.zeros_like(row)])
    return found


def _matrices(
    nodes: tuple[SourceNode, ...], constants: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Second factors of products to which a named bias is added, transposed."""
    factors = {
        node.outputs[0]: constants[node.inputs[1]]
        for node in nodes
        if node.op == "MatMul" and len(node.inputs) == 2 and node.inputs[1] in constants
    }
    found = {}
    for node in nodes:
        if node.op != "Add" or len(node.inputs) != 2:
            continue
        for bias, product in (node.inputs, node.inputs[::-1]):
            if bias in constants and bias.endswith(".bias") and product in factors:
                matrix = np.asarray(factors[product])
                if matrix.ndim == 2:
                    found[bias.removesuffix("bias") + "weight"] = matrix.T
    return found


def _type_row(
    nodes: tuple[SourceNode, ...], constants: Mapping[str, NDArray[Any]], gain: str
) -> NDArray[Any] | None:
    """The constant vector that is added before the normalization with this gain."""
    makers = {output: node for node in nodes for output in node.outputs}
    for node in nodes:
        if node.op != "LayerNormalization" or gain not in node.inputs:
            continue
        added = makers.get(node.inputs[0])
        if added is not None and added.op == "Add":
            rows = [constants[name].squeeze() for name in added.inputs if name in constants]
            return next((row for row in rows if row.ndim == 1), None)
    return None
