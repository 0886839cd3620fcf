from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.errors import NumericsError
from netwright.formats import AP_FIXED_ROUNDING, MAX_BITS, Fixed, Int, Overflow, Rounding

widths = st.integers(1, MAX_BITS)


@pytest.mark.parametrize(
    ("fixed", "name"),
    [
        (Fixed(16, 6), "fixed<16,6,TRN,WRAP>"),
        (Fixed(8, 1, signed=False), "ufixed<8,1,TRN,WRAP>"),
        (
            Fixed(8, 3, rounding=Rounding.HALF_EVEN, overflow=Overflow.SATURATE),
            "fixed<8,3,RND_CONV,SAT>",
        ),
        (Fixed(8, 3, overflow=Overflow.SATURATE, narrow=True), "fixed<8,3,TRN,SAT_SYM>"),
        (
            Fixed(8, 3, signed=False, overflow=Overflow.SATURATE, narrow=True),
            "ufixed<8,3,TRN,SAT>",
        ),
        (Fixed(8, 3, narrow=True), "fixed<8,3,TRN,WRAP>"),
    ],
)
def test_ap_fixed_name(fixed, name):
    assert fixed.ap_fixed_name() == name


@pytest.mark.parametrize("mode", sorted(set(Rounding) - set(AP_FIXED_ROUNDING)))
def test_rounding_without_an_ap_fixed_name_is_refused(mode):
    with pytest.raises(NumericsError, match=f"rounding {mode} has no ap_fixed name"):
        _ = Fixed(8, 3, rounding=mode).ap_fixed_name()


@given(widths, st.booleans(), st.integers(-20, 20))
def test_fixed_of_codes_puts_the_point_where_the_scale_says(bits, signed, exponent):
    fixed = Fixed.of(Int(bits, signed), exponent)
    assert (fixed.bits, fixed.signed) == (bits, signed)
    assert fixed.bits - fixed.integer_bits == -exponent
