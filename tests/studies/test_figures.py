import pytest

from netwright.studies import average, percent, points


def test_a_mean_comes_with_its_deviation_where_there_is_one():
    found = percent([0.5, 0.6, 0.7], "three seeds")
    assert (found.value, found.unit, found.source) == (pytest.approx(60.0), "%", "three seeds")
    assert found.deviation == pytest.approx(10.0)
    assert percent([0.5], "one seed").deviation is None


def test_a_difference_is_in_points():
    found = points(-0.012, "means")
    assert (found.value, found.unit, found.fidelity) == (pytest.approx(-1.2), "points", "measured")


def test_both_means_of_ratios():
    found, remark = average([1.0, 2.0, 4.0], "x", "a model")
    assert (found.value, found.unit, found.fidelity) == (pytest.approx(7 / 3), "x", "modelled")
    assert remark == "geometric mean 2"
