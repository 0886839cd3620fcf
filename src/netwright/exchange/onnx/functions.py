"""Functions of ONNX by their definitions, where its reference implementation computes in float32.

It has none of them, gives float32 whatever it takes (``Erf``), or has constants in float32
(``HardSwish``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Tensor = NDArray[Any]


def _gelu(values: Tensor, attrs: Mapping[str, Any]) -> Tensor:
    if attrs.get("approximate") == "tanh":
        inner = np.sqrt(2 / np.pi) * (values + 0.044715 * values**3)
        return np.asarray(0.5 * values * (1 + np.tanh(inner)))
    return np.asarray(0.5 * values * (1 + _error_function(values / math.sqrt(2), attrs)))


def _error_function(values: Tensor, attrs: Mapping[str, Any]) -> Tensor:
    return np.asarray(np.vectorize(math.erf, otypes=[values.dtype])(values))


def _swish(values: Tensor, attrs: Mapping[str, Any]) -> Tensor:
    factor = float(attrs.get("alpha", 1.0))
    return np.asarray(values / (1 + np.exp(-factor * values)))


def _hard_swish(values: Tensor, attrs: Mapping[str, Any]) -> Tensor:
    return np.asarray(values * np.clip(values / 6 + 0.5, 0, 1))


FUNCTIONS: dict[str, Callable[[Tensor, Mapping[str, Any]], Tensor]] = {
    "Erf": _error_function,
    "Gelu": _gelu,
    "HardSwish": _hard_swish,
    "Swish": _swish,
}
"""Functions of one tensor and a node's attributes."""
