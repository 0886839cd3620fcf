"""What follows the sums: what is accepted, and the references."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

from netwright.errors import DataError
from netwright.kernels import Requantize, gelu_table
from netwright.kernels.epilogue import apply, gelu


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output": "int4"}, 'output must be "int32", "float32", "uint8" or "int8", not "int4"'),
        ({"output": "int8"}, "output int8 needs a scale for each row"),
        ({"zero_point": 256}, "zero_point must be from -255 to 255, not 256"),
        ({"zero_point": 1}, "zero_point must be 0 for int32, not 1"),
        (
            {"scale": np.array([1, np.nan], np.float32)},
            "scale must be positive and finite, not nan in row 1",
        ),
        (
            {"scale": np.array([0, 1], np.float32)},
            "scale must be positive and finite, not 0.0 in row 0",
        ),
        (
            {"output": "int32", "gelu": True},
            "output int32 takes no residual and no GELU: they need real values",
        ),
        ({"multiplier": 0.0}, "multiplier must be positive and finite, not 0.0"),
        ({"multiplier": 2.0}, "multiplier must be 1.0 for int32, not 2.0"),
        ({"table": np.zeros(256, np.uint8)}, "output int32 takes no table: it needs bytes"),
        (
            {"scale": np.ones(4, np.float32), "output": "uint8", "table": np.zeros(255, np.uint8)},
            "table must be 256 values of uint8 or int8, not uint8 of (255,)",
        ),
        ({"bias": np.zeros(4)}, "bias must be a vector of int32, not float64 of (4,)"),
    ],
)
def test_epilogue_that_has_no_meaning_is_refused(options: Any, message: str) -> None:
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        Requantize(**options)


def test_steps_follow_their_order() -> None:
    epilogue = Requantize(
        bias=np.array([10], np.int32),
        scale=np.array([0.5], np.float32),
        relu=True,
        residual=True,
        multiplier=2.0,
        zero_point=-1,
        output="int8",
    )
    sums = np.array([[-20, -8, 3, 400]])
    residual = np.array([[1.0, -1.5, 0.25, 0.0]], np.float32)
    statistics = np.empty((2, 4))
    found = apply(sums, epilogue, residual=residual, statistics=statistics)
    # (max(sum + 10, 0) / 2 + residual) * 2 - 1, rounded half to even
    assert found.tolist() == [[1, -2, 13, 127]]
    assert statistics.tolist() == [[1.0, -0.5, 6.75, 205.0], [0.0] * 4]


def test_table_is_indexed_by_the_byte_of_the_code() -> None:
    scale = np.ones(1, np.float32)
    table = np.arange(256, dtype=np.uint8)
    epilogue = Requantize(scale=scale, output="int8", table=table)
    assert epilogue.result == np.uint8
    assert apply(np.array([[-1, 3, -128]]), epilogue).tolist() == [[255, 3, 128]]


@pytest.mark.parametrize("codes", ["uint8", "int8"])
@pytest.mark.parametrize("result", ["uint8", "int8"])
def test_gelu_table_holds_the_rounded_gelu(codes: Any, result: Any) -> None:
    table = gelu_table(0.05, 7, 0.04, -3, codes=codes, result=result)
    low, high = (0, 255) if result == "uint8" else (-128, 127)
    assert table.dtype == result
    for byte in range(256):
        code = byte - 256 if codes == "int8" and byte > 127 else byte
        real = (code - 7) * 0.05
        exact = real / 2 * (1 + math.erf(real / math.sqrt(2))) / 0.04
        assert table[byte] == min(max(round(exact) - 3, low), high)


def test_gelu_table_refuses_scales_without_meaning() -> None:
    with pytest.raises(DataError, match=r"^result_scale must be positive and finite, not nan$"):
        gelu_table(1.0, 0, math.nan, 0)


def test_gelu_goes_to_zero_and_to_its_argument() -> None:
    np.testing.assert_allclose(gelu(np.array([-40.0, 40.0])), [0.0, 40.0], atol=1e-12)
