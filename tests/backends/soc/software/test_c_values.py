from fractions import Fraction

import numpy as np
import pytest

from netwright.backends.soc.software.c_values import (
    c_type,
    limited,
    number,
    rounded,
    table,
    working_type,
)
from netwright.formats import Rounding
from netwright.ir.rounding import round_shift


def evaluated(expression: str, value: int) -> int:
    """An expression of C with its one operator that Python writes differently."""
    if "?" in expression:
        test, _, rest = expression.partition(" ? ")
        yes, _, no = rest.partition(" : ")
        expression = f"({yes}) if ({test}) else ({no})"
    return int(eval(expression, {"v": value}))  # noqa: S307


@pytest.mark.parametrize("mode", list(Rounding))
@pytest.mark.parametrize("shift", [0, 1, 3])
def test_rounding_is_that_of_the_interpreter(mode: Rounding, shift: int) -> None:
    values = np.arange(-40, 41)
    expected = round_shift(values, shift, mode)
    text = rounded("v", shift, mode)
    for value, wanted in zip(values.tolist(), expected.tolist(), strict=True):
        assert evaluated(text, value) == wanted, (value, mode)
        assert abs(Fraction(value, 1 << shift) - wanted) < 1


def test_types_are_as_narrow_as_the_values() -> None:
    assert [c_type(i) for i in ((-128, 127), (-129, 0), (0, 65_535), (0, 1 << 40))] == [
        "int8_t", "int16_t", "int32_t", "int64_t",
    ]  # fmt: skip
    assert working_type((1 << 31) - 1) == "int32_t"
    assert working_type(1 << 31) == "int64_t"


def test_numbers_have_a_type_that_holds_them() -> None:
    assert number(-5) == "-5"
    assert number(1 << 31) == "INT64_C(2147483648)"
    assert number(-(1 << 31)) == "-INT64_C(2147483648)"
    assert number(-(1 << 63)) == "(-INT64_C(9223372036854775807) - 1)"


def test_tables_and_limits() -> None:
    assert list(table("t", np.array([1, -2]), "int8_t")) == [
        "static const int8_t t[2] = {", "    1, -2,", "};",
    ]  # fmt: skip
    assert list(limited("v", "0", "7")) == ["if (v < 0) v = 0;", "if (v > 7) v = 7;"]
