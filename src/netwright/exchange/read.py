"""QONNX files to graphs."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from netwright.errors import GraphError, NetwrightError, UnsupportedOp
from netwright.exchange import read_linear, read_moves, read_quant, read_windows
from netwright.exchange.onnx_text import HEAD_KEY, PATTERN_KEY, QONNX_DOMAINS
from netwright.exchange.patterns import with_patterns
from netwright.exchange.reader import Reader
from netwright.exchange.source_model import SourceModel, SourceNode, listing, load_model
from netwright.ir import Graph, check

OPSETS = range(7, 26)
"""Versions of the standard operators whose meaning is known here."""

_STANDARD: dict[str, Callable[[Reader, SourceNode], None]] = {
    "Add": read_linear.add,
    "AveragePool": read_windows.pool,
    "BatchNormalization": read_linear.normalize,
    "Cast": read_moves.cast,
    "Clip": read_linear.clip,
    "Concat": read_moves.concat,
    "Constant": read_moves.constant,
    "Conv": read_linear.conv,
    "Div": read_linear.divide,
    "Flatten": read_moves.flatten,
    "Gemm": read_linear.gemm,
    "GlobalAveragePool": read_windows.global_average_pool,
    "Identity": read_moves.identity,
    "MatMul": read_linear.matmul,
    "MaxPool": read_windows.pool,
    "Mul": read_linear.multiply,
    "Relu": read_linear.relu,
    "Reshape": read_moves.reshape,
    "Softmax": read_linear.softmax,
    "Squeeze": read_moves.squeeze,
    "Sub": read_linear.subtract,
    "Transpose": read_moves.transpose,
    "Unsqueeze": read_moves.unsqueeze,
}

_QUANTIZERS: dict[str, Callable[[Reader, SourceNode], None]] = {
    "BipolarQuant": read_quant.bipolar_quant,
    "IntQuant": read_quant.quant,
    "Quant": read_quant.quant,
    "Trunc": read_quant.trunc,
}


def read_qonnx(path: str | Path) -> Graph:
    """Read a QONNX file into a graph in the quantized form.

    The file is not trusted: sizes are limited, nothing outside its folder is opened, and every
    fault found is reported. A dynamic batch axis becomes 1.

    Args:
        path: A file that :func:`netwright.exchange.write_qonnx`, Brevitas or qonnx wrote.

    Raises:
        DataError: The file is missing, too large or no ONNX model.
        UnsupportedOp: An operator is not known; the hint lists all such and all known ones.
        GraphError: The graph breaks a rule; the message lists every fault found.
    """
    source = load_model(Path(path))
    _check_operators(source)
    reader = Reader(source)
    faults: list[str] = []
    lost: set[str] = set()
    for node in source.nodes:
        if any(name in lost for name in node.inputs):
            lost.update(node.outputs)
            continue
        try:
            _read_node(reader, node)
        except NetwrightError as error:
            lost.update(node.outputs)
            faults.append(str(error).replace("\nhint: ", "; hint: "))
    outputs = [_output(reader, name, lost, faults) for name in source.outputs]
    if faults:
        raise GraphError(listing(f"{path}: the graph cannot be read", faults))
    return _graph(source, reader, tuple(outputs))


def _read_node(reader: Reader, node: SourceNode) -> None:
    if node.domain in QONNX_DOMAINS:
        _QUANTIZERS[node.op](reader, node)
    elif not read_moves.fold(reader, node):
        _STANDARD[node.op](reader, node)


def _output(reader: Reader, name: str, lost: set[str], faults: list[str]) -> str:
    if name not in lost and not reader.is_activation(name):
        faults.append(f'output "{name}" is a constant')
    return reader.renamed.get(name, name)


def _graph(source: SourceModel, reader: Reader, outputs: tuple[str, ...]) -> Graph:
    head = source.metadata.get(HEAD_KEY, "")
    patterns = source.metadata.get(PATTERN_KEY, "")
    return check(
        Graph(
            name=re.sub(r"\W", "_", source.name, flags=re.ASCII).lstrip("0123456789") or "model",
            inputs=tuple(source.inputs),
            outputs=outputs,
            nodes=tuple(reader.nodes),
            types=with_patterns(reader.types, patterns, source.nodes),
            constants=reader.placed,
            head=head if head == "softmax" else "",
        )
    )


def _check_operators(source: SourceModel) -> None:
    """Report all unknown operators at once.

    Raises:
        UnsupportedOp: There are some.
        GraphError: The standard operators are of an unknown version.
    """
    unknown = [node for node in source.nodes if not _is_known(node)]
    if unknown:
        others = sorted({_full_name(node) for node in unknown} - {_full_name(unknown[0])})
        also = f"also unknown here: {', '.join(others[:20])}; " if others else ""
        known = ", ".join(sorted((*_STANDARD, *_QUANTIZERS)))
        raise UnsupportedOp(
            _full_name(unknown[0]),
            node=unknown[0].name,
            where="read_qonnx",
            hint=f"{also}supported: {known}",
        )
    version = source.opsets.get("", source.opsets.get("ai.onnx"))
    if version is not None and version not in OPSETS:
        raise GraphError(
            f"version {version} of the standard operators is not supported",
            hint=f"export with an opset from {OPSETS.start} to {OPSETS.stop - 1}",
        )


def _is_known(node: SourceNode) -> bool:
    if node.domain in QONNX_DOMAINS:
        return node.op in _QUANTIZERS
    return node.domain in ("", "ai.onnx") and node.op in _STANDARD


def _full_name(node: SourceNode) -> str:
    return f"{node.domain}.{node.op}" if node.domain else node.op
