from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.errors import NumericsError
from netwright.formats import MAX_BITS, Bipolar, Int, NumberFormat, smallest_int

widths = st.integers(1, MAX_BITS)


@given(widths, st.booleans())
def test_int_has_two_to_the_width_codes(bits, signed):
    dtype = Int(bits, signed)
    assert dtype.max - dtype.min + 1 == 2**bits
    assert dtype.allowed(dtype.min)
    assert dtype.allowed(dtype.max)
    assert not dtype.allowed(dtype.min - 1)
    assert not dtype.allowed(dtype.max + 1)


@given(st.integers(2, MAX_BITS))
def test_narrow_signed_int_is_symmetric(bits):
    dtype = Int(bits, narrow=True)
    assert dtype.min == -dtype.max


@given(widths)
def test_narrow_unsigned_int_loses_its_largest_code(bits):
    assert Int(bits, signed=False, narrow=True).max == Int(bits, signed=False).max - 1


@pytest.mark.parametrize(
    ("dtype", "low", "high", "name"),
    [
        (Int(8), -128, 127, "int8"),
        (Int(8, narrow=True), -127, 127, "int8n"),
        (Int(4, signed=False), 0, 15, "uint4"),
        (Int(1), -1, 0, "int1"),
        (Bipolar(), -1, 1, "bipolar"),
    ],
)
def test_limits_and_names(dtype, low, high, name):
    assert (dtype.min, dtype.max, str(dtype)) == (low, high, name)
    assert isinstance(dtype, NumberFormat)


@pytest.mark.parametrize("bits", [0, 65, 99, -1, 4.0, "4", True, None])
def test_unsupported_width_is_refused(bits):
    with pytest.raises(NumericsError) as caught:
        Int(bits)
    assert str(caught.value) == f"bits must be an integer from 1 to 64, not {bits!r}"


@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**63 - 1))
def test_smallest_int_holds_the_interval_and_no_narrower_one_does(low, span):
    high = max(low, 0) + span
    dtype = smallest_int(low, high)
    assert dtype.allowed(low)
    assert dtype.allowed(high)
    if dtype.bits > 1:
        narrower = Int(dtype.bits - 1, dtype.signed)
        assert not (narrower.allowed(low) and narrower.allowed(high))
    assert dtype.signed is (low < 0)


@given(st.integers(-(2**63), -1), st.integers(-(2**63), -1))
def test_smallest_int_of_negative_codes_has_no_spare_bit(one, other):
    low, high = min(one, other), max(one, other)
    dtype = smallest_int(low, high)
    assert dtype.allowed(low)
    assert dtype.bits == 1 or not Int(dtype.bits - 1).allowed(low)


@pytest.mark.parametrize(
    ("low", "high", "name"),
    [
        (0, 0, "uint1"),
        (0, 1, "uint1"),
        (-1, -1, "int1"),
        (-2, -2, "int2"),
        (-1, 0, "int1"),
        (-1, 1, "int2"),
        (-(2**63), -(2**63), "int64"),
        (0, 255, "uint8"),
        (-129, 0, "int9"),
        (-(2**63), 2**63 - 1, "int64"),
        (0, 2**64 - 1, "uint64"),
    ],
)
def test_smallest_int_by_hand(low, high, name):
    assert str(smallest_int(low, high)) == name


def test_interval_beyond_64_bits_is_refused():
    with pytest.raises(NumericsError, match=r"the interval \[-1, 18446744073709551615\]"):
        smallest_int(-1, 2**64 - 1)
