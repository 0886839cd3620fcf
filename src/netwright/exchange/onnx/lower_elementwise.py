"""Functions of elements, one after the other."""

from __future__ import annotations

from collections.abc import Mapping

from netwright.exchange.onnx.attributes import real, text
from netwright.exchange.onnx.lower_site import Lower, Site
from netwright.ir.einsums.einsum import Einsum, MapOp
from netwright.ir.einsums.functions import UnaryOp
from netwright.ir.einsums.lower import pointwise

FUNCTIONS: Mapping[str, UnaryOp] = {
    "Abs": "absolute", "BipolarQuant": "quantize", "Ceil": "ceil", "Clip": "clip", "Cos": "cos",
    "Erf": "erf", "Exp": "exp", "Floor": "floor", "HardSwish": "hard_swish",
    "IntQuant": "quantize", "Log": "log", "Neg": "negate", "Not": "not", "Quant": "quantize",
    "QuantizeLinear": "quantize", "Reciprocal": "reciprocal", "Relu": "relu", "Round": "round",
    "Sigmoid": "sigmoid", "Sign": "sign", "Sin": "sin", "Softplus": "softplus", "Sqrt": "sqrt",
    "Tanh": "tanh", "Trunc": "quantize",
}  # fmt: skip
OTHER_FUNCTIONS = (
    "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "BitwiseNot", "Celu", "Cosh", "Elu",
    "HardSigmoid", "IsInf", "IsNaN", "LeakyRelu", "Mish", "Selu", "Shrink", "Sinh", "Softsign",
    "Tan", "ThresholdedRelu",
)  # fmt: skip

EXACT: Mapping[str, tuple[MapOp, tuple[UnaryOp, ...]]] = {
    "Add": ("add", ()), "And": ("multiply", ()), "Div": ("divide", ()), "Max": ("max", ()),
    "Min": ("min", ()), "Mul": ("multiply", ()), "Or": ("max", ()), "Sub": ("subtract", ()),
    "Sum": ("add", ()), "Xor": ("subtract", ("absolute",)),
}  # fmt: skip
"""Operators on several operands, as map operators and functions after them."""

OTHERS: Mapping[str, MapOp] = {
    "BitShift": "multiply", "BitwiseAnd": "multiply", "BitwiseOr": "add", "BitwiseXor": "add",
    "Equal": "subtract", "Greater": "subtract", "GreaterOrEqual": "subtract", "Less": "subtract",
    "LessOrEqual": "subtract", "Mean": "add", "Mod": "divide", "PRelu": "multiply",
    "Where": "multiply",
}  # fmt: skip
"""Operators that cost about as much as a map operator and a function without a name."""

_POWERS: Mapping[float, tuple[UnaryOp, ...]] = {
    1.0: (), 2.0: ("square",), 0.5: ("sqrt",), -1.0: ("reciprocal",),
    -0.5: ("sqrt", "reciprocal"), 4.0: ("square", "square"),
}  # fmt: skip


def function(name: UnaryOp) -> Lower:
    """A function of one value; other inputs, such as limits, are part of it."""

    def lower(site: Site) -> list[Einsum]:
        return [pointwise(site.name, [site.source(0)], site.output, "copy", unary=(name,))]

    return lower


def gelu(site: Site) -> list[Einsum]:
    """The exact form, or the one with a hyperbolic tangent, which has no name here."""
    is_exact = text(site.node, "approximate", "none") == "none"
    return function("gelu" if is_exact else "function")(site)


def swish(site: Site) -> list[Einsum]:
    """``x * sigmoid(alpha * x)``."""
    return function("silu" if real(site.node, "alpha", 1.0) == 1.0 else "function")(site)


def combine(map_op: MapOp, unary: tuple[UnaryOp, ...] = ()) -> Lower:
    """Elementwise on any number of operands; constants that are one number are part of it."""

    def lower(site: Site) -> list[Einsum]:
        names = [name for name in site.node.inputs if name]
        ones = {n for n in names if n in site.numbers}
        if len(ones) == len(set(names)):
            ones = set()
        after: tuple[UnaryOp, ...] = ()
        if names[0] in ones and map_op in ("subtract", "divide"):  # c - x = -(x - c)
            after = ("negate",) if map_op == "subtract" else ("reciprocal",)
        sources = [s for s, n in zip(site.given, names, strict=True) if n not in ones]
        constants = tuple(float(site.values[n].item()) for n in names if n in ones)
        made, functions = site.output, (*after, *unary)
        if len(sources) + len(constants) == 1:
            return [pointwise(site.name, sources, made, "copy", unary=functions)]
        return [pointwise(site.name, sources, made, map_op, unary=functions, constants=constants)]

    return lower


def power(site: Site) -> list[Einsum]:
    """A function of one value where the exponent is a number."""
    exponent = site.values.get(site.node.inputs[1])
    if exponent is None or exponent.size > 1:
        given = site.given
        return [pointwise(site.name, given, site.output, "multiply", unary=("function",))]
    unary = _POWERS.get(float(exponent.item()), ("function",))
    return [pointwise(site.name, [site.source(0)], site.output, "copy", unary=unary)]
