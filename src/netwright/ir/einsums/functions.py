"""Functions of one value, and what they are on numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import erf, sqrt
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

UnaryOp = Literal[
    "exp", "log", "sqrt", "reciprocal", "square", "negate", "absolute", "erf", "tanh", "sigmoid",
    "relu", "gelu", "silu", "softplus", "hard_sigmoid", "hard_swish", "clip", "sin", "cos", "sign",
    "round", "floor", "ceil", "not", "quantize", "dequantize", "rescale", "function",
]  # fmt: skip
"""Functions of one value. ``rescale`` multiplies by a factor and adds a term, of each channel, that
are part of the operator; ``function`` is any that has no name here."""

_erf: Callable[[Array], Array] = np.vectorize(erf, otypes=[np.float64])


def _sigmoid(x: Array) -> Array:
    return np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), 1 - 1 / (1 + np.exp(-np.abs(x))))


FUNCTIONS: Mapping[UnaryOp, Callable[[Array], Array]] = {
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "reciprocal": np.reciprocal,
    "square": np.square,
    "negate": np.negative,
    "absolute": np.abs,
    "erf": _erf,
    "tanh": np.tanh,
    "sigmoid": _sigmoid,
    "relu": lambda x: np.maximum(x, 0),
    "gelu": lambda x: x * (1 + _erf(x / sqrt(2))) / 2,
    "silu": lambda x: x * _sigmoid(x),
    "softplus": lambda x: np.logaddexp(x, 0),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hard_swish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "sin": np.sin,
    "cos": np.cos,
    "sign": np.sign,
    "round": np.rint,
    "floor": np.floor,
    "ceil": np.ceil,
}
"""The functions whose values are known; the others have parameters that an Einsum does not keep."""

CHEAP: tuple[UnaryOp, ...] = (
    "negate", "absolute", "relu", "hard_sigmoid", "hard_swish", "clip", "sign", "round", "floor",
    "ceil", "not", "quantize", "dequantize", "rescale", "function",
)  # fmt: skip
"""Functions made of comparisons, sums and one product, which may be applied at every read."""
