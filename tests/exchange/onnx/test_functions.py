"""Functions by their definitions, in the precision of what they read."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from netwright.exchange.onnx.functions import FUNCTIONS

VALUES = np.array([-7.5, -3.0, -0.75, 0.0, 0.3, 3.0, 40.0])


@pytest.mark.parametrize(
    ("op", "attrs", "exact"),
    [
        ("Erf", {}, math.erf),
        ("Gelu", {}, lambda v: 0.5 * v * (1 + math.erf(v / math.sqrt(2)))),
        ("Gelu", {"approximate": "tanh"}, lambda v: 0.5 * v * (1 + math.tanh(
            math.sqrt(2 / math.pi) * (v + 0.044715 * v**3)))),
        ("HardSwish", {}, lambda v: v * min(max(v / 6 + 0.5, 0), 1)),
        ("Swish", {}, lambda v: v / (1 + math.exp(-v))),
        ("Swish", {"alpha": 0.5}, lambda v: v / (1 + math.exp(-0.5 * v))),
    ],
)  # fmt: skip
def test_values(op: str, attrs: dict, exact: Callable[[float], float]) -> None:
    made = FUNCTIONS[op](VALUES, attrs)
    assert made.dtype == np.float64
    np.testing.assert_allclose(made, [exact(v) for v in VALUES], rtol=1e-14, atol=1e-17)
