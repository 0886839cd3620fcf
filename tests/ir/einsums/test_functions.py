from __future__ import annotations

from math import erf, exp, inf, log, sqrt, tanh
from typing import get_args

import numpy as np
import pytest

from netwright.ir.einsums.functions import CHEAP, FUNCTIONS, UnaryOp


@pytest.mark.parametrize(
    ("name", "by_hand"),
    [
        ("sigmoid", lambda x: 1 / (1 + exp(-x))),
        ("silu", lambda x: x / (1 + exp(-x))),
        ("gelu", lambda x: x * (1 + erf(x / sqrt(2))) / 2),
        ("softplus", lambda x: log(1 + exp(x))),
        ("tanh", tanh),
        ("hard_sigmoid", lambda x: min(1, max(0, x / 6 + 1 / 2))),
        ("hard_swish", lambda x: x * min(1, max(0, x / 6 + 1 / 2))),
        ("relu", lambda x: max(x, 0)),
        ("square", lambda x: x * x),
    ],
)
def test_functions_equal_their_definitions(name: UnaryOp, by_hand):
    points = np.linspace(-7, 7, 29)
    assert np.allclose(FUNCTIONS[name](points), [by_hand(x) for x in points], rtol=1e-12, atol=0)


def test_sigmoid_does_not_overflow():
    with np.errstate(all="raise", under="ignore"):
        assert FUNCTIONS["sigmoid"](np.array([-1e4, 1e4, -inf])).tolist() == [0, 1, 0]


def test_tables_name_known_functions():
    assert set(FUNCTIONS) | set(CHEAP) <= set(get_args(UnaryOp))
