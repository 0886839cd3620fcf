import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.errors import NumericsError
from netwright.formats import E2M1, MXFP4, Flint, Int, NumberFormat, OutlierPairs, Rounding
from netwright.formats.nearest import nearest

NUMBERS: list[NumberFormat] = [
    *(OutlierPairs(n, rule=r) for n in ("int4", "flint4", "int8") for r in ("larger", "left")),
    OutlierPairs("int8", outlier="e2m5"), OutlierPairs("int4", 4), Flint(), Int(4),
    Int(3, signed=False), E2M1, MXFP4,
]  # fmt: skip


@given(st.sampled_from(NUMBERS), st.lists(st.integers(-800, 800), min_size=1, max_size=16))
@settings(max_examples=50)
def test_nearest_values_are_what_the_words_say(number: NumberFormat, quarters: list[int]) -> None:
    """Quarters hit every middle between two values."""
    for dtype in (np.float32, np.float64):
        values = np.resize(np.array(quarters, dtype) / 4, 32)
        found = nearest(values, number)
        assert found.dtype == dtype
        assert np.array_equal(found, number.decode(number.encode(values)))
        assert not np.signbit(found[found == 0]).any() or number in (Int(4), E2M1, MXFP4)


def test_far_values_saturate_and_others_are_refused() -> None:
    for number in NUMBERS[:9]:
        ends = nearest(np.array([1e30, 0.0, 0.0, -np.inf]), number)
        assert ends.tolist() == [number.max, 0, 0, number.min]
    with pytest.raises(NumericsError, match=r"no word for NaN, the value at \(1,\)"):
        nearest(np.array([0.0, np.nan]), OutlierPairs())
    with pytest.raises(NumericsError, match="do not divide the extent 3"):
        nearest(np.zeros(3), OutlierPairs())


def test_integers_take_any_rounding() -> None:
    values = np.array([0.5, 1.5, -2.5, 99.0])
    assert nearest(values, Int(4)).tolist() == [0, 2, -2, 7]
    assert nearest(values, Int(4), rounding=Rounding.FLOOR).tolist() == [0, 1, -3, 7]
