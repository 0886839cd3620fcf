from __future__ import annotations

import math

import numpy as np

from netwright.ir.einsums.functions import FUNCTIONS
from netwright.kernels.functions import ERF_ERROR, erf, gelu, sigmoid

ROWS = np.concatenate([np.linspace(-7, 7, 20_001), [-1e30, -200, 200, 1e30, 0.0, 1e-20]])
SINGLE = ROWS.astype(np.float32)


def test_erf_is_as_exact_as_it_says() -> None:
    wanted = np.array([math.erf(value) for value in SINGLE.astype(np.float64)])
    found = erf(SINGLE)
    assert found.dtype == np.float32
    assert np.abs(found - wanted).max() < ERF_ERROR


def test_gelu_and_sigmoid_are_within_the_tolerance_of_the_operator() -> None:
    for ours, name in ((gelu, "gelu"), (sigmoid, "sigmoid")):
        with np.errstate(over="ignore"):
            wanted = FUNCTIONS[name](SINGLE.astype(np.float64))
        allowed = 2.0**-20 * (np.abs(SINGLE) + np.abs(wanted)) + 1e-30
        found = ours(SINGLE)
        assert found.dtype == np.float32
        assert (np.abs(found - wanted) <= allowed).all(), name
