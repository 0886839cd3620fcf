import pytest

from netwright.report.view_pictures import pictures
from netwright.report.views import Views, Waves
from netwright.report.waves import paint

WAVES = Waves(
    title="a load",
    first=100,
    lines={"SCL": "0110" * 4},
    words={"weights": ("set 1",) * 6 + ("set 2",) * 10, "word": tuple("abcdefghijklmnop")},
    marks={106: "commit"},
)


def test_equal_words_next_to_each_other_are_one() -> None:
    figure = pytest.importorskip("matplotlib.figure", reason="draws the signals").Figure()
    axes = figure.subplots()
    paint(axes, WAVES)
    places = {text.get_text(): text.get_position()[0] for text in axes.texts}
    assert (places["set 1"], places["set 2"]) == (103, 111)
    assert set("abcdefghijklmnop") < places.keys()
    assert places[" commit "] == 106
    assert axes.get_xlim() == (100, 116)
    (line,) = (line for line in axes.lines if len(line.get_xdata()) == 17)
    assert line.get_ydata()[0] > line.get_ydata()[1]  # high is up, where y is less


def test_what_does_not_fit_is_not_written() -> None:
    figure = pytest.importorskip("matplotlib.figure", reason="draws the signals").Figure()
    axes = figure.subplots()
    paint(axes, Waves(title="", words={"word": tuple(f"{n:08x}" for n in range(200))}))
    assert not axes.texts


def test_equal_signals_give_equal_pictures() -> None:
    pytest.importorskip("matplotlib", reason="draws the signals")
    views = Views(caption="", waves=(WAVES,))
    (drawn,) = pictures(views, prefix="chip")
    assert drawn.startswith("<svg")
    assert 'id="chip-waves-0' in drawn
    assert [drawn] == list(pictures(views, prefix="chip"))
