"""Functions and normalizations as a chip makes them that only adds and multiplies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from math import prod

import numpy as np

from netwright.errors import ConfigError, GraphError
from netwright.ir.graph import Array, AttrValue, Node
from netwright.ir.host_arithmetic import HostArithmetic, in_chunks
from netwright.ir.ops.activation import SPECS as ACTIVATIONS
from netwright.ir.ops.function import SPECS as FUNCTIONS
from netwright.ir.ops.normalize import SPECS as NORMALIZATIONS
from netwright.ir.spec import Attribute, OpSpec, Shape
from netwright.ir.tolerance import Tolerance

CURVES = ("sigmoid", "tanh", "silu", "gelu_tanh", "exp", "reciprocal", "inverse_root")
"""Functions that there are; ``gelu_tanh`` is GELU by its hyperbolic tangent."""

_USUAL = HostArithmetic()
HOST_ATTRIBUTES = {
    field.name: Attribute("int", default=getattr(_USUAL, field.name), required=False)
    for field in fields(HostArithmetic)
}


def host_of(node: Node) -> HostArithmetic:
    """The arithmetic that a node says.

    Raises:
        GraphError: A setting is out of range.
    """
    given = {name: node.integer(name, getattr(_USUAL, name)) for name in HOST_ATTRIBUTES}
    try:
        return HostArithmetic(**given)
    except ConfigError as error:
        raise GraphError(error.message, node=node.name) from None


def host_attributes(host: HostArithmetic) -> dict[str, AttrValue]:
    """The attributes that say an arithmetic."""
    return {name: getattr(host, name) for name in HOST_ATTRIBUTES}


def _checked(spec: OpSpec, node: Node, shapes: Sequence[Shape]) -> Shape:
    host_of(node)
    return spec.shape(node, shapes)


def _function(node: Node, inputs: Sequence[Array]) -> Array:
    name = node.text("name")
    made = getattr(host_of(node), "gelu" if name == "gelu_tanh" else name)
    return in_chunks(made, inputs[0]).astype(inputs[0].dtype)


def _softmax(node: Node, inputs: Sequence[Array]) -> Array:
    axis = node.integer("axis", -1)
    made = host_of(node).softmax(np.moveaxis(inputs[0], axis, -1))
    return np.moveaxis(made, -1, axis).astype(inputs[0].dtype)


def _normalized(node: Node, inputs: Sequence[Array]) -> Array:
    source, host = inputs[0], host_of(node)
    first = node.integer("axis", -1) % source.ndim
    flat = source.reshape(*source.shape[:first], prod(source.shape[first:]))
    centered = node.op == "ApproximateLayerNormalization"
    made = host.normalize(flat, node.reals("epsilon")[0], centered=centered).reshape(source.shape)
    with np.errstate(over="ignore", invalid="ignore"):
        if len(inputs) > 1:
            made = host.round(made * host.round(inputs[1]))
        if len(inputs) > 2:
            made = host.round(made + host.round(inputs[2]))
    return made.astype(source.dtype)


def _spec(of: OpSpec, execute: object, **changed: Attribute) -> OpSpec:
    return replace(
        of,
        name=f"Approximate{of.name}",
        shape=lambda node, shapes: _checked(of, node, shapes),
        execute=execute,  # type: ignore[arg-type]
        attributes={**of.attributes, **HOST_ATTRIBUTES, **changed},
        tolerance=Tolerance(),
    )


_BY_NAME = {spec.name: spec for spec in (*ACTIVATIONS, *FUNCTIONS, *NORMALIZATIONS)}

SPECS = (
    _spec(_BY_NAME["Function"], _function, name=Attribute("text", choices=CURVES)),
    _spec(_BY_NAME["Softmax"], _softmax),
    _spec(_BY_NAME["LayerNormalization"], _normalized),
    _spec(_BY_NAME["RMSNormalization"], _normalized),
)
"""Named after the operators that they approximate; see :class:`netwright.ir.HostArithmetic`."""
