"""Functions of one real value, bent ones among them; quantized networks hold them as tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import cast

import numpy as np

from netwright.ir.einsums.einsum import Einsum
from netwright.ir.einsums.functions import FUNCTIONS, UnaryOp
from netwright.ir.einsums.lower import Operand, pointwise
from netwright.ir.graph import Array, Node
from netwright.ir.spec import Attribute, OpSpec
from netwright.ir.tolerance import Tolerance, of_terms

_PLAIN: tuple[UnaryOp, ...] = (
    "sigmoid",
    "tanh",
    "gelu",
    "silu",
    "softplus",
    "hard_sigmoid",
    "hard_swish",
    "exp",
    "log",
    "sqrt",
    "reciprocal",
    "square",
    "absolute",
    "erf",
    "sin",
    "cos",
)
_WITH_PARAMETER: Mapping[str, Callable[[Array, float], Array]] = {
    "leaky_relu": lambda x, slope: np.where(x >= 0, x, slope * x),
    "power": lambda x, exponent: np.power(x, exponent),
    "nonzero": lambda x, _: np.where(x != 0, 1.0, 0.0),
    "rsqrt": lambda x, _: 1 / np.sqrt(x),
    "elu": lambda x, alpha: np.where(x >= 0, x, alpha * np.expm1(np.minimum(x, 0))),
}


def _gelu_tanh(x: Array) -> Array:
    """The approximation of GELU that many language models use."""
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def _mish(x: Array) -> Array:
    return x * np.tanh(FUNCTIONS["softplus"](x))


def _ignoring(function: Callable[[Array], Array]) -> Callable[[Array, float], Array]:
    return lambda x, _: function(x)


CURVES: Mapping[str, Callable[[Array, float], Array]] = MappingProxyType(
    {name: _ignoring(FUNCTIONS[name]) for name in _PLAIN}
    | {"gelu_tanh": _ignoring(_gelu_tanh), "mish": _ignoring(_mish)}
    | {"softsign": lambda x, _: x / (1 + np.abs(x))}
    | dict(_WITH_PARAMETER)
)
"""Functions by name, of values and of a parameter: the slope or height below zero, the exponent."""

NOT_NEGATIVE = (
    "sigmoid", "softplus", "hard_sigmoid", "exp", "sqrt", "square", "absolute", "rsqrt", "nonzero"
)  # fmt: skip
"""Functions that give no negative value."""


def curve(node: Node, values: Array) -> Array:
    """What a ``Function`` makes of real values, float64."""
    parameter = node.reals("parameter")[0] if "parameter" in node.attrs else 0.0
    with np.errstate(all="ignore"):  # a root of a negative value is no number, and is told as one
        return CURVES[node.text("name")](values, parameter)


def _einsums(node: Node, sources: Sequence[Operand], output: Operand) -> list[Einsum]:
    name = node.text("name").removesuffix("_tanh")
    unary = cast(UnaryOp, name) if name in FUNCTIONS else "function"
    return [pointwise(node.name, sources, output, "copy", unary=(unary,))]


SPECS = (
    OpSpec(
        name="Function",
        category="elementwise",
        einsums=_einsums,
        form="quantized",
        num_inputs=(1, 1),
        shape=lambda node, shapes: shapes[0],
        execute=lambda node, inputs: curve(node, inputs[0]),
        attributes={
            "name": Attribute("text", choices=tuple(CURVES)),
            "parameter": Attribute("reals", default=(0.0,), required=False),
        },
        tolerance=Tolerance(magnitude=of_terms),
    ),
)
"""``parameter`` is the slope of ``leaky_relu`` below zero, the height of ``elu``, and the exponent
of ``power``."""
