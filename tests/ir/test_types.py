from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.formats import Bipolar, Int
from netwright.ir import FLOAT, TensorType, is_power_of_two
from netwright.ir.types import along_axis


def test_scale_broadcasts_along_its_axis() -> None:
    tensor = TensorType((1, 3, 2, 2), Int(8), (1.0, 2.0, 4.0), 1)
    values = np.ones((5, 3, 2, 2)) * tensor.scale_array()
    assert values[4, :, 1, 1].tolist() == [1.0, 2.0, 4.0]
    assert TensorType((1, 3), Int(8), (0.5,)).scale_array().shape == ()


def test_along_axis_gives_a_scalar_without_an_axis() -> None:
    assert along_axis((3.0,), None, 4).shape == ()
    assert along_axis((3.0, 4.0), 0, 3).shape == (2, 1, 1)


@pytest.mark.parametrize(
    ("tensor", "text"),
    [
        (TensorType((1, 3), Int(8)), "int8[1x3]"),
        (TensorType((1, 3), Int(4, signed=False, narrow=True)), "uint4n[1x3]"),
        (TensorType((2,), Bipolar()), "bipolar[2]"),
        (TensorType((), FLOAT), "float32[]"),
    ],
)
def test_text(tensor: TensorType, text: str) -> None:
    assert str(tensor) == text
    assert tensor.is_integer == (tensor.dtype != FLOAT)


@given(st.integers(-300, 300))
def test_powers_of_two(exponent: int) -> None:
    assert is_power_of_two(2.0**exponent)
    assert not is_power_of_two(1.5 * 2.0**exponent)
    assert not is_power_of_two(np.nextafter(2.0**exponent, np.inf))


@pytest.mark.parametrize("value", [0.0, -2.0, float("inf"), float("nan")])
def test_other_values_are_no_powers_of_two(value: float) -> None:
    assert not is_power_of_two(value)
