"""Whether nodes have the inputs and results that the standard requires."""

from __future__ import annotations

from functools import lru_cache

from netwright.errors import GraphError, require
from netwright.exchange.onnx.source_model import SourceNode
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
