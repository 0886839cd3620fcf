import pytest
from tests.report.test_views import VIEWS

from netwright.report.view_pictures import pictures


def test_there_is_a_picture_for_the_events_and_one_for_every_curve() -> None:
    pytest.importorskip("matplotlib", reason="draws the views")
    drawn = list(pictures(VIEWS))
    assert len(drawn) == 2
    assert all(picture.startswith("<svg") for picture in drawn)
