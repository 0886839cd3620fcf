from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from netwright.explore import Choice, Real, Whole
from netwright.explore.parameter import at_share, holds

PARAMETERS = (
    Choice(name="c", values=("a", 1, 1.0, True, (1, 2))),
    Whole(name="w", low=-3, high=12, step=5),
    Whole(name="l", low=1, high=1000, logarithmic=True),
    Real(name="r", low=-1.0, high=2.0),
    Real(name="g", low=1e-9, high=1e3, logarithmic=True),
)


@settings(max_examples=50)
@given(st.sampled_from(PARAMETERS), st.floats(0, 1))
def test_every_share_is_a_value(parameter, share):
    value = at_share(parameter, share)
    assert holds(parameter, value)
    assert -1e-9 <= parameter.share(value) <= 1 + 1e-9
    if not isinstance(parameter, Real):
        assert parameter.level(parameter.index(value)) == value


def test_one_and_true_are_two_values():
    choice = PARAMETERS[0]
    assert [choice.index(value) for value in ("a", 1, 1.0, True, (1, 2))] == [0, 1, 2, 3, 4]
    assert choice.index("b") is None
    assert not holds(PARAMETERS[3], True)
    assert not holds(PARAMETERS[1], 3.0)
    assert not holds(PARAMETERS[1], 3)


def test_a_logarithmic_number_takes_every_order_of_magnitude_alike():
    values = [at_share(PARAMETERS[2], (i + 0.5) / 3000) for i in range(3000)]
    assert 800 < sum(value <= 10 for value in values) < 1400
    assert [at_share(PARAMETERS[2], share) for share in (0.0, 1.0)] == [1, 1000]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Choice(name="c", values=(1, 1)), "is there twice"),
        (lambda: Whole(name="w", low=3, high=1), "high of at least low"),
        (lambda: Whole(name="w", low=0, high=9, logarithmic=True), "low of at least 1"),
        (lambda: Whole(name="w", low=0, high=9, step=2), "must reach high"),
        (lambda: Whole(name="w", low=0, high=1 << 40), "must have at most"),
        (lambda: Real(name="r", low=1.0, high=1.0), "high above low"),
        (lambda: Real(name="r", low=0.0, high=1.0, logarithmic=True), "low above 0"),
        (lambda: Real(name="r", low=-1.7e308, high=1.7e308), "must have high - low of at most"),
        (
            lambda: Real(name="r", low=1e-300, high=1e300, logarithmic=True),
            r"high / low of at most 1.8e\+308, not low 1e-300 and high 1e\+300",
        ),
    ],
)
def test_what_has_no_values_is_refused(make, message):
    with pytest.raises(ValidationError, match=message):
        make()
