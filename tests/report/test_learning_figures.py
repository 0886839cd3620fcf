from tests.report.sample import curve, document

from netwright.report import Confusion
from netwright.report.learning_figures import confusion, training


def test_pictures_are_deterministic():
    found = document()
    assert found.confusion is not None
    assert confusion(found.confusion) == confusion(found.confusion)
    assert training(found.training) == training(found.training)


def test_class_without_rows_and_single_epoch_are_drawn():
    empty = Confusion(stage="a", source="b", labels=("x", "y"), counts=((0, 0), (1, 2)))
    assert confusion(empty).startswith("<svg")
    one = curve("float", 1).model_copy(update={"losses": (1.0,), "accuracies": (0.5,)})
    assert training([one]).startswith("<svg")
