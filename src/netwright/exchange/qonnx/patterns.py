"""Patterns of zeros in the metadata of QONNX files; the initializers stay dense."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace

from pydantic import TypeAdapter, ValidationError

from netwright.errors import GraphError, NumericsError
from netwright.exchange.onnx.source_model import SourceNode
from netwright.ir import Graph, TensorType
from netwright.ir.format_records import Record, pattern_from, record_of

MAX_TEXT_BYTES = 1 << 22


_DOCUMENT = TypeAdapter(dict[str, Record])


def patterns_text(graph: Graph) -> str:
    """The patterns of the graph's constants as JSON, by initializer; empty if there are none."""
    patterns = {
        name: record_of(tensor.pattern)
        for name, tensor in sorted(graph.types.items())
        if tensor.pattern is not None
    }
    return json.dumps(patterns) if patterns else ""


def with_patterns(
    types: Mapping[str, TensorType], text: str, nodes: Iterable[SourceNode]
) -> dict[str, TensorType]:
    """Types with the patterns that :func:`patterns_text` wrote.

    Whether the constants have them is for :func:`netwright.ir.check` to say.

    Args:
        types: Types of the graph that was read.
        text: The metadata; may be empty.
        nodes: Nodes of the file: a quantized constant is named after its quantizer's result.

    Raises:
        GraphError: The text is no description of patterns.
    """
    if not text:
        return dict(types)
    if len(text) > MAX_TEXT_BYTES:
        raise GraphError(f"patterns must take at most {MAX_TEXT_BYTES} bytes, not {len(text)}")
    try:
        found = {
            name: pattern_from({"kind": "blocks", **record})
            for name, record in _DOCUMENT.validate_json(text).items()
        }
    except (ValidationError, NumericsError) as error:
        reason = str(error).splitlines()[0]
        raise GraphError(f"the metadata does not describe patterns ({reason})") from None
    made_of = {node.inputs[0]: node.outputs[0] for node in nodes if node.inputs and node.outputs}
    changed = dict(types)
    for name, pattern in found.items():
        for constant in (name, f"{made_of.get(name, name)}.values"):
            if constant in changed:
                known = changed[constant]
                format = replace(known.format, pattern=pattern)
                changed[constant] = replace(known, format=format)
                break
    return changed
