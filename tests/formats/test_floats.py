from __future__ import annotations

import pytest

from netwright.errors import NumericsError
from netwright.formats import Float, NumberFormat


def test_float_has_no_integer_meaning():
    assert str(Float()) == "float32"
    assert isinstance(Float(), NumberFormat)
    assert not Float().is_integer


@pytest.mark.parametrize("bits", [8, 0, 33, True, "32"])
def test_widths_without_a_format_are_refused(bits):
    with pytest.raises(
        NumericsError, match=f"^a float must have 16, 32 or 64 bits, not {bits!r}\n"
    ):
        Float(bits)
