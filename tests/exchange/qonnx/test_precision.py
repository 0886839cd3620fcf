from __future__ import annotations

import numpy as np
import pytest

from netwright.exchange.qonnx.precision import is_float32


@pytest.mark.parametrize(
    ("value", "fits"), [(0.25, True), (0.1, False), (1e300, False), (1e-300, False)]
)
def test_values_that_float32_holds(value, fits):
    assert is_float32(np.array([0.0, value])) is fits  # without a warning, which is an error here
