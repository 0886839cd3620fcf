"""Our own quantizers to number formats."""

from __future__ import annotations

import json

from netwright.errors import GraphError, NumericsError
from netwright.exchange.onnx.attributes import integer, text
from netwright.exchange.onnx.source_model import SourceNode
from netwright.exchange.qonnx.format_functions import Twin, twin_function
from netwright.exchange.qonnx.read_quant import place
from netwright.exchange.qonnx.reader import Reader
from netwright.ir import AttrValue, Node
from netwright.ir.ops.format_quant import MAX_TEXT, format_of, number_text

PREFIX = "FormatQuant"


def format_quant(reader: Reader, node: SourceNode) -> None:
    """Read a quantizer to a number format.

    What its attributes say is what it means; a function of its name in the file must do the same.
    """
    number, group_axis = text(node, "number", ""), integer(node, "group_axis", -1)
    if len(number) > MAX_TEXT:
        raise GraphError(f"number must take at most {MAX_TEXT} characters", node=node.name)
    probe = Node(node.name, "FormatQuant", (), "", {"number": number, "group_axis": group_axis})
    format = format_of(probe)
    name = node.inputs[0] if node.inputs else ""
    constant = reader.constants.get(name)
    shape = reader.shape(reader.activation(node)) if constant is None else constant.shape
    if fault := format.group_fault(shape):
        raise GraphError(fault, node=node.name)
    if not shape or not -len(shape) <= group_axis < len(shape):
        raise GraphError(
            f"group_axis must be from {-len(shape)} to {len(shape) - 1}, not {group_axis}",
            node=node.name,
        )
    _check_function(reader, node, Twin(format.number, group_axis % len(shape), len(shape)))
    attrs: dict[str, AttrValue] = {
        "number": number_text(format.number),
        "group_axis": group_axis,
    }
    place(reader, node, "FormatQuant", attrs, in_float64=True)


def _check_function(reader: Reader, node: SourceNode, twin: Twin) -> None:
    stored = reader.source.functions.get(node.op)
    try:
        ours = twin_function(twin).SerializeToString(deterministic=True)
    except NumericsError as error:
        raise GraphError(error.message, node=node.name) from None
    if stored is None or stored != ours:
        raise GraphError(
            f"the file has {'another' if stored else 'no'} function {json.dumps(node.op)} than the "
            "attributes of the node say"
            if stored
            else f"the file has no function {json.dumps(node.op)}",
            node=node.name,
            hint="files that netwright wrote have the function that the attributes describe",
        )
