import numpy as np
import pytest

from netwright.errors import GraphError, NumericsError
from netwright.exchange.steps import (
    NO_EXPONENT,
    along,
    interval_pairs,
    lowest_exponent,
    whole,
)


def test_values_along_the_axis_on_which_they_vary() -> None:
    same, axis = along(np.full((2, 3), 7), "fc")
    assert (same.tolist(), axis) == ([7], None)
    lines, axis = along(np.array([[1, 2, 3], [1, 2, 3]]), "fc")
    assert (lines.tolist(), axis) == ([1, 2, 3], 2)
    rows, axis = along(np.array([[1, 1], [2, 2]]), "fc")
    assert (rows.tolist(), axis) == ([1, 2], 1)
    with pytest.raises(GraphError, match='node "fc": its formats vary along more than one axis'):
        along(np.array([[1, 2], [2, 1]]), "fc")


def test_ignored_elements_do_not_count() -> None:
    values, ignored = np.array([4, 9, 4]), np.array([False, True, False])
    found, axis = along(values, "fc", ignored)
    assert (found.tolist(), axis) == ([4], None)


def test_intervals_of_elements() -> None:
    lows, highs = np.array([-2, 0, -2]), np.array([1, 7, 1])
    assert interval_pairs(lows, highs, "fc") == (((-2, 0, -2), (1, 7, 1)), 1)
    assert interval_pairs(lows[:1], highs[:1], "fc") == (((-2,), (1,)), None)


def test_the_power_of_two_of_which_all_are_multiples() -> None:
    assert lowest_exponent(np.array([3.0, -0.75, 0.0, 64.0])) == -2
    assert lowest_exponent(np.array([48.0, 32.0])) == 4
    assert lowest_exponent(np.zeros(3)) == NO_EXPONENT


def test_only_whole_numbers_become_codes() -> None:
    assert whole(np.array([3.0, -7.0]), "w").tolist() == [3, -7]
    for values in ([0.5], [2.0**62]):
        with pytest.raises(NumericsError, match='tensor "w": holds values that are no whole'):
            whole(np.array(values), "w")
