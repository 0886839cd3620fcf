import itertools

from hypothesis import given
from hypothesis import strategies as st

from netwright.backends.rtl.adders.digits import signed_digits

INTEGERS = st.integers(-(1 << 40), 1 << 40)


@given(INTEGERS)
def test_digits_sum_to_the_integer(value: int) -> None:
    assert sum(sign << position for position, sign in signed_digits(value)) == value


@given(INTEGERS)
def test_no_two_neighboring_positions_are_used(value: int) -> None:
    positions = [position for position, _ in signed_digits(value)]
    assert all(second - first > 1 for first, second in itertools.pairwise(positions))


def test_zero_has_no_digits() -> None:
    assert signed_digits(0) == ()
