"""Caches of keys and values: an input that comes back longer, or with some rows replaced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netwright.exchange.onnx.attributes import axis, integer
from netwright.exchange.onnx.shapes import ShapeModel
from netwright.exchange.onnx.source_model import SourceNode
from netwright.workload.view import View

_UPDATES = {"ScatterElements": 2, "ScatterND": 2, "TensorScatter": 1}
"""Operators that replace rows of their first input, and the input that has the new ones."""


@dataclass(frozen=True, slots=True)
class Append:
    """Rows that are written into a cache.

    Attributes:
        output: The cache with its new rows.
        new: The new rows.
        rows: Name of what is written.
    """

    output: str
    new: str
    rows: str


def append_of(node: SourceNode, source: ShapeModel, views: Mapping[str, View]) -> Append | None:
    """What a node appends to a cache: an input of the network that is one of its outputs, changed.

    Args:
        node: The node.
        source: Its file.
        views: Names of views so far.
    """
    new = ""
    if node.op == "Concat" and len(node.inputs) == 2:
        shape = source.shapes.get(node.inputs[0], ())
        place = axis(node, integer(node, "axis", 0), max(len(shape), 1))
        new = node.inputs[1] if place or len(shape) == 1 else ""
    elif node.op in _UPDATES and len(node.inputs) > _UPDATES[node.op]:
        new = node.inputs[_UPDATES[node.op]]
    cache = node.inputs[0] if node.inputs else ""
    view = views.get(cache)
    base = cache if view is None else view.base
    whole = view is None or view.keeps_order
    if not new or base not in source.inputs or not whole or new in source.constants:
        return None
    is_returned = any(_same(name, node, source, views) for name in source.outputs)
    return Append(node.outputs[0], new, f"{node.outputs[0]}.new") if is_returned else None


def _same(output: str, node: SourceNode, source: ShapeModel, views: Mapping[str, View]) -> bool:
    """Whether a network output is what the node makes, perhaps through a cast or the like."""
    makers = {name: n for n in source.nodes for name in n.outputs}
    while output not in node.outputs:
        maker = makers.get(output)
        if maker is None or maker.op not in ("Identity", "Cast", "Reshape", "Unsqueeze", "Squeeze"):
            return False
        output = maker.inputs[0]
    return True
