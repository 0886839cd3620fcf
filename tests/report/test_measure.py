from netwright.quantities import Quantity
from netwright.report.measure import ACCURACY, Measure

DISTANCE = Measure(name="mean EMD", unit="cells", larger_is_better=False, is_share=False)


def test_shares_are_percent_and_others_have_their_unit() -> None:
    assert ACCURACY.text(Quantity(0.75, "", "here", "measured")) == "75.00\u202f%"
    assert DISTANCE.text(Quantity(1.25, "cells", "here", "measured")) == "1.25\u202fcells"
    assert (ACCURACY.axis, DISTANCE.axis) == ("accuracy (%)", "mean EMD (cells)")
    assert (ACCURACY.drawn(0.5), DISTANCE.drawn(0.5)) == ("50.00 %", "0.5 cells")
    assert DISTANCE.title == "Mean EMD"


def test_what_is_better() -> None:
    assert ACCURACY.goodness(0.8) > ACCURACY.goodness(0.7)
    assert DISTANCE.goodness(0.7) > DISTANCE.goodness(0.8)
