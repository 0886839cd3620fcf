import pytest
from pydantic import ValidationError

from netwright.report import Confusion, TrainingCurve


def test_confusion_counts_what_is_right():
    found = Confusion(stage="a", source="b", labels=("x", "y"), counts=((3, 1), (0, 4)))
    assert (found.num_right, found.num_rows) == (7, 8)


@pytest.mark.parametrize("counts", [((1, 2),), ((1,), (2,)), ((1, 2), (3, 4), (5, 6))])
def test_confusion_that_is_not_square_is_refused(counts):
    with pytest.raises(ValidationError, match="counts must have 2 rows of 2 numbers"):
        Confusion(stage="a", source="b", labels=("x", "y"), counts=counts)


@pytest.mark.parametrize(("losses", "accuracies"), [((), ()), ((1.0,), (0.5, 0.6))])
def test_curve_of_unequal_lengths_is_refused(losses, accuracies):
    with pytest.raises(ValidationError, match="a loss and a score for every epoch"):
        TrainingCurve(stage="a", seed=1, losses=losses, accuracies=accuracies)
