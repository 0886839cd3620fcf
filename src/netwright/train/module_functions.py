"""Functions of one value of torch; each handler has its operator's own signature."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional as F

from netwright.train.module_refs import Handler, Ref, values_of

if TYPE_CHECKING:
    from netwright.train.module_graph import Step


def _emit(at: Step, value: object, name: str, parameter: float = 0.0) -> Ref:
    if isinstance(parameter, bool) or not isinstance(parameter, int | float):
        raise at.refuse("its parameter must be a number")
    source = values_of(at, value, "the input")
    return at.emit("Function", (source.name,), name=name, parameter=(float(parameter),))


def _plain(name: str) -> Handler:
    def handler(at: Step, input: object, inplace: bool = False) -> Ref:
        return _emit(at, input, name)

    return handler


def _gelu(at: Step, input: object, approximate: str = "none") -> Ref:
    return _emit(at, input, "gelu" if approximate == "none" else "gelu_tanh")


def _softplus(at: Step, input: object, beta: float = 1, threshold: float = 20) -> Ref:
    if beta != 1 or threshold < 20:
        raise at.refuse(
            "must have beta 1 and a threshold of 20 or more",
            hint="scale its input by beta and its output by 1 / beta",
        )
    return _emit(at, input, "softplus")


def _leaky_relu(
    at: Step, input: object, negative_slope: float = 0.01, inplace: bool = False
) -> Ref:
    return _emit(at, input, "leaky_relu", negative_slope)


def _elu(at: Step, input: object, alpha: float = 1.0, inplace: bool = False) -> Ref:
    return _emit(at, input, "elu", alpha)


def _power(at: Step, input: object, exponent: object) -> Ref:
    if isinstance(exponent, bool) or not isinstance(exponent, int | float):
        raise at.refuse("the exponent must be a number")
    known = {2.0: "square", 0.5: "sqrt", -0.5: "rsqrt", -1.0: "reciprocal"}
    name = known.get(float(exponent), "power")
    return _emit(at, input, name, float(exponent) if name == "power" else 0.0)


_SIGMOID, _TANH, _SILU = _plain("sigmoid"), _plain("tanh"), _plain("silu")
_HARD_SIGMOID, _HARD_SWISH = _plain("hard_sigmoid"), _plain("hard_swish")

_OF_ONE = {
    "abs": "absolute", "cos": "cos", "erf": "erf", "exp": "exp", "log": "log",
    "reciprocal": "reciprocal", "rsqrt": "rsqrt", "sin": "sin", "sqrt": "sqrt",
    "square": "square",
}  # fmt: skip
"""Functions of one value by torch's names, which its methods share."""

FUNCTIONS: dict[object, Handler] = {
    F.sigmoid: _SIGMOID, torch.sigmoid: _SIGMOID, F.tanh: _TANH, torch.tanh: _TANH,
    F.silu: _SILU, F.gelu: _gelu, F.softplus: _softplus, F.hardsigmoid: _HARD_SIGMOID,
    F.hardswish: _HARD_SWISH, F.leaky_relu: _leaky_relu, F.elu: _elu,
    torch.pow: _power, operator.pow: _power,
    **{getattr(torch, torch_name): _plain(name) for torch_name, name in _OF_ONE.items()},
}  # fmt: skip
"""Functions of torch."""

METHODS: dict[object, Handler] = {
    "sigmoid": _SIGMOID, "sigmoid_": _SIGMOID, "tanh": _TANH, "tanh_": _TANH, "pow": _power,
    **{torch_name: _plain(name) for torch_name, name in _OF_ONE.items()},
}  # fmt: skip
"""Methods of tensors."""

MODULES: dict[type[nn.Module], tuple[Handler, tuple[str, ...]]] = {
    nn.Sigmoid: (_SIGMOID, ()),
    nn.Tanh: (_TANH, ()),
    nn.SiLU: (_SILU, ()),
    nn.GELU: (_gelu, ("approximate",)),
    nn.Softplus: (_softplus, ("beta", "threshold")),
    nn.Hardsigmoid: (_HARD_SIGMOID, ()),
    nn.Hardswish: (_HARD_SWISH, ()),
    nn.LeakyReLU: (_leaky_relu, ("negative_slope",)),
    nn.ELU: (_elu, ("alpha",)),
}
"""Layers, and which of their attributes the handlers take."""
