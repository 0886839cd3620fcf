from __future__ import annotations

from netwright.formats import Float, NumberFormat


def test_float_has_no_integer_meaning():
    assert str(Float()) == "float32"
    assert not isinstance(Float(), NumberFormat)
