"""Arithmetic between a real input and its quantizer stays on the host."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from netwright.errors import GraphError
from netwright.ir import AttrValue, Graph, Node, spec_of
from netwright.passes.carried import HostValues, Reals, compact
from netwright.passes.integer_builder import IntegerBuilder

UNBOUNDED = {"low": -np.inf, "high": np.inf}


def host_affine(
    builder: IntegerBuilder, node: Node, source: HostValues, factor: Reals, addend: Reals
) -> HostValues:
    """A product with and a sum with constants, on the host."""
    steps = []
    if np.any(factor != 1):
        steps.append(("mul", _before_moves(builder.graph, node, source, factor)))
    if np.any(addend != 0):
        steps.append(("add", _before_moves(builder.graph, node, source, addend)))
    return replace(source, steps=(*source.steps, *steps))


def host_clamp(source: HostValues, low: float, high: float) -> HostValues:
    """A limit at both ends, on the host."""
    ends = (("low", low), ("high", high))
    steps = [(word, np.array(end)) for word, end in ends if end != UNBOUNDED[word]]
    return replace(source, steps=(*source.steps, *steps))


def step_attributes(
    builder: IntegerBuilder, node: Node, source: HostValues
) -> dict[str, AttrValue]:
    """The attributes of a Quantize that say what it does before it quantizes.

    Raises:
        GraphError: The operands vary along several axes.
    """
    if not source.steps:
        return {}
    shape = builder.graph.types[source.source].shape
    found = [compact(np.asarray(v), shape, node=node.name) for _, v in source.steps]
    axes = {axis for _, axis in found if axis is not None}
    if len(axes) > 1:
        raise GraphError(
            f'input "{source.source}" is scaled and shifted along several axes '
            f"({', '.join(map(str, sorted(axes)))}) before it is quantized",
            node=node.name,
            hint="use values that vary along one axis",
        )
    axis = min(axes, default=None)
    width = 1 if axis is None else shape[axis]
    operands = [float(v) for values, _ in found for v in np.broadcast_to(values, (width,))]
    words = " ".join(word for word, _ in source.steps)
    return {"steps": words, "operands": tuple(operands), "steps_axis": axis}


def _before_moves(graph: Graph, node: Node, source: HostValues, values: Reals) -> Reals:
    """Operands shaped for the input, given those for what has become of it."""
    if values.size == 1 or not source.moves:
        return values.reshape(()) if values.size == 1 else values
    shape = graph.types[source.source].shape
    places = np.arange(int(np.prod(shape))).reshape(shape)
    for name in source.moves:
        move = graph.node(name)
        places = np.asarray(spec_of(move).execute(move, [places]))
    try:
        spread = np.broadcast_to(values, places.shape)
    except ValueError:
        raise GraphError(
            "a constant must not enlarge the input",
            node=node.name,
            hint="give the constant one value, or one for each channel of the input",
        ) from None
    result = np.empty(int(np.prod(shape)))
    result[places.reshape(-1)] = spread.reshape(-1)
    return result.reshape(shape)
