from pathlib import Path

import pytest

from netwright.backends import arrays
from netwright.backends.rtl.arrays.counting import PartCount
from netwright.backends.rtl.arrays.shares import DecoderShares
from netwright.errors import ConfigError
from netwright.quantities import Quantity
from tests.backends.rtl.graphs import needs_yosys


def part(area: float, registers: float = 0.0) -> PartCount:
    sizes = (Quantity(value, "µm²", "by hand", "assumed") for value in (area, registers))
    return PartCount(1, *sizes, {})


def test_shares_by_hand() -> None:
    """8 elements of 90 (50 of them registers) and 6 decoders of 10."""
    shares = DecoderShares.of(4, 2, part(90, 50), part(10))
    assert shares.of_array.value == pytest.approx(60 / (60 + 8 * 90))
    assert shares.of_arithmetic.value == pytest.approx(60 / (60 + 8 * 40))
    assert shares.in_elements.value == pytest.approx(20 / 110)
    assert shares.in_elements_of_arithmetic.value == pytest.approx(20 / 60)


@needs_yosys
def test_parts_of_the_smallest_array_are_those_of_a_larger_one(tmp_path: Path) -> None:
    shares = arrays.decoder_shares(tmp_path / "one", rows=2, columns=2, cells="gates")
    counts = arrays.OutlierArray(2, 2).generate(tmp_path / "array").count("gates")
    pe, border = counts.parts["ovp_pe"], counts.parts["ovp_border"]
    assert (shares.element, shares.border) == (pe.each, border.each)
    spread = pe.all + border.all
    assert shares.of_array.value == pytest.approx(border.all / spread)
    assert counts.share("ovp_border") < shares.of_array.value  # the rest is part of the whole


def test_sides_that_no_array_has(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^rows must be an integer from 1, not 0$"):
        arrays.decoder_shares(tmp_path, rows=0)
