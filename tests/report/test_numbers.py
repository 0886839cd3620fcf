from __future__ import annotations

import pytest

from netwright.quantities import Quantity
from netwright.report.numbers import THIN, count, figure, percent, ratio, short


def _quantity(value: float, unit: str = "", deviation: float | None = None) -> Quantity:
    return Quantity(value, unit, "test", "measured", deviation)


@pytest.mark.parametrize(
    ("quantity", "text"),
    [
        (_quantity(124448, "BOPs"), "124 448 BOPs"),
        (_quantity(2.4e-10), "2.4e-10"),
        (_quantity(0.0), "0"),
        (_quantity(0.0, "s"), "0 s"),
        (_quantity(5e-9, "s", 1e-10), "5 ± 0.1 ns"),
        (_quantity(2e-12, "s"), "2e-12 s"),
        (_quantity(-1.5e6, "Hz"), "-1.5 MHz"),
        (_quantity(10.6, "", 0.6), "10.6 ± 0.6"),
    ],
)
def test_figure(quantity, text):
    assert figure(quantity).replace(THIN, " ") == text


def test_percent():
    assert percent(_quantity(0.75, deviation=0.002)).replace(THIN, " ") == "75.00 ± 0.20 %"
    assert percent(_quantity(1.0)).replace(THIN, " ") == "100.00 %"


def test_count_and_ratio():
    assert count(999) == "999"
    assert count(1234567.0).replace(THIN, " ") == "1 234 567"
    assert ratio(None) == "–"
    assert ratio(1.23456) == "1.235"


def test_short_name_is_one_line():
    assert short("two\nlines") == "two lines"
    assert len(short("x" * 100)) == 28
