from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.errors import GraphError
from netwright.ir import Bounds
from netwright.passes.carried import Carried, are_powers_of_two, compact, step_of
from netwright.passes.rationals import exact

LIMITS = Bounds(-8, 7, 8)


def carried(scale: float = 0.5, **pending: float) -> Carried:
    offset = exact(pending.pop("offset", 0.0))
    return Carried("x", exact(scale), LIMITS, offset=offset, **pending)


def test_plain_is_what_has_nothing_pending() -> None:
    assert carried().is_plain
    assert not carried(-0.5).is_plain
    for pending in ({"offset": 0.25}, {"low": 0.0}, {"high": 6.0}):
        found = carried(**pending)
        assert not found.is_plain
        assert (found.is_shifted, found.is_clamped) == (
            "offset" in pending,
            "offset" not in pending,
        )


@pytest.mark.parametrize(
    ("values", "shape", "expected", "axis"),
    [
        (np.array(2.0), (1, 3), [2.0], None),
        (np.full((1, 3), 2.0), (1, 3), [2.0], None),
        (np.array([1.0, 2.0, 3.0]), (1, 3), [1.0, 2.0, 3.0], 1),
        (np.array([[[1.0]], [[2.0]]]), (1, 2, 4, 4), [1.0, 2.0], 1),
        (np.repeat([[1.0], [2.0]], 3, axis=1), (2, 3), [1.0, 2.0], 0),
    ],
)
def test_compact_finds_the_axis(
    values: np.ndarray, shape: tuple[int, ...], expected: list[float], axis: int | None
) -> None:
    found, where = compact(values, shape, node="n")
    assert (found.tolist(), where) == (expected, axis)


def test_scale_along_two_axes_is_refused() -> None:
    with pytest.raises(GraphError) as caught:
        compact(np.array([[1.0, 2.0], [3.0, 4.0]]), (2, 2), node="fc1")
    assert str(caught.value) == (
        'node "fc1": the scale varies along more than one axis\n'
        "hint: use one scale for each tensor before this node"
    )


def test_powers_of_two_are_recognized() -> None:
    assert are_powers_of_two(np.array([0.25, 1.0, 1024.0]))
    assert not are_powers_of_two(np.array([0.25, 3.0]))
    assert not are_powers_of_two(np.array([-2.0]))


@given(st.lists(st.integers(-(2**52), 2**52), min_size=1, max_size=5), st.integers(-40, 40))
def test_step_is_the_largest_power_that_divides_every_value(codes: list[int], shift: int) -> None:
    values = np.array(codes, dtype=np.float64) * 2.0**shift
    step = step_of(values)
    multiples = [Fraction(float(value)) / Fraction(step) for value in values]
    assert all(multiple.denominator == 1 for multiple in multiples)
    if any(codes):
        assert any(multiple.numerator % 2 for multiple in multiples)
    else:
        assert step == 1.0


def test_step_of_integers() -> None:
    assert step_of(np.array([12, -8, 0])) == 4.0
