"""Whether nodes have what the standard requires, and what ONNX itself cannot take."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

from netwright.errors import GraphError, require
from netwright.exchange.onnx.source_model import SourceNode
from netwright.exchange.onnx.source_tensor import plain_text
from netwright.exchange.onnx.vocabulary import MICROSOFT


def check_arity(node: SourceNode, version: int) -> None:
    """Require what an operator must read and make, as ONNX's own schemas say.

    Args:
        node: A node; of other domains than the standard only the quantizers are known.
        version: Version of the standard operators.

    Raises:
        GraphError: An input is missing, or there is no result.
    """
    if not node.outputs:
        raise GraphError("it has no result", node=node.name)
    standard = node.domain in ("", "ai.onnx") or (
        node.domain == MICROSOFT and node.op in ("DequantizeLinear", "QuantizeLinear")
    )
    fewest, alike = _fewest(node.op, version) if standard else (0, False)
    given = [place for place, name in enumerate(node.inputs) if name]
    fewest = max(fewest, len(node.inputs)) if alike else fewest
    missing = [place for place in range(fewest) if place not in given]
    if missing:
        count = f"{fewest} input{'s' * (fewest != 1)}"
        raise GraphError(
            f"{node.op} must have {count}; input {missing[0]} is missing", node=node.name
        )


def check_inferable(model: Any) -> None:
    """Refuse what ends the whole process in ONNX's own inference of shapes (version 1.22).

    Args:
        model: A model of the package, before its shapes are inferred.

    Raises:
        GraphError: A node is such a one.
    """
    sizes = {tensor.name: prod(tensor.dims) for tensor in model.graph.initializer}
    for node in model.graph.node:
        attrs = {attribute.name: attribute for attribute in node.attribute}
        if node.op_type == "Constant" and node.output:
            held = attrs.get("value")
            sizes[node.output[0]] = 1 if held is None else prod(held.t.dims)
            for name in ("value_ints", "value_floats"):
                if name in attrs:
                    sizes[node.output[0]] = len(attrs[name].ints) + len(attrs[name].floats)
    for node in model.graph.node:
        fault, read = "", list(node.input)
        if node.op_type == "GatherND":
            below = [a for a in node.attribute if a.name == "batch_dims" and a.i < 0]
            fault = "batch_dims must be 0 or more" if below else ""
        elif node.op_type == "OneHot" and len(read) > 1 and sizes.get(read[1], 1) != 1:
            fault = f"the depth must be one number, not {sizes[read[1]]}"
        elif node.op_type == "RegexFullMatch" and not any(read):
            fault = "input 0 is missing"
        if fault:
            raise GraphError(
                f"{node.op_type}: {fault}", node=plain_text(node.name or node.output[0])
            )


@lru_cache(maxsize=1024)
def _fewest(op: str, version: int) -> tuple[int, bool]:
    """Inputs that an operator must have, and whether it takes any number of a kind."""
    definitions = require("onnx.defs", extra="qonnx", purpose="reading an ONNX file")
    try:
        schema = definitions.get_schema(op, max(version, 1))
    except definitions.SchemaError:
        if not definitions.has(op):
            return 0, False
        schema = definitions.get_schema(op)  # of a later version than the file's
    variadic = definitions.OpSchema.FormalParameterOption.Variadic
    return int(schema.min_input), any(item.option == variadic for item in schema.inputs)
