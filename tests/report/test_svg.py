from __future__ import annotations

import logging

import pytest

from netwright.errors import MissingExtra
from netwright.report.svg import draw


def _paint(figure):
    axes = figure.subplots()
    axes.plot([1, 2], [1, 2], label="a")
    axes.set_title("title")


def test_draw_names_every_identifier_after_the_picture():
    text = draw(_paint, width=2, height=2, name="first", title="a picture")
    other = draw(_paint, width=2, height=2, name="second", title="a picture")
    assert text.replace("first-", "second-") == other
    assert ' id="first-' in text


def test_draw_scales_with_the_page_and_has_a_title():
    text = draw(_paint, width=2, height=2, name="a", title='say "x" & <y>')
    head = text[: text.index(">")]
    assert "width=" not in head
    assert 'viewBox="0 0 144 144"' in head
    assert 'aria-label="say &quot;x&quot; &amp; &lt;y&gt;"' in text


def test_draw_ignores_the_reader_s_own_settings():
    import matplotlib

    plain = draw(_paint, width=2, height=2, name="a", title="t")
    with matplotlib.rc_context({"lines.linewidth": 20.0, "axes.facecolor": "red"}):
        assert draw(_paint, width=2, height=2, name="a", title="t") == plain
        assert matplotlib.rcParams["lines.linewidth"] == 20.0


def test_draw_is_silent_about_glyphs_that_no_font_has(caplog):
    def paint(figure):
        figure.subplots().set_title("漢字 $\\frac{")

    with caplog.at_level(logging.WARNING):
        assert draw(paint, width=2, height=2, name="a", title="t").startswith("<svg")


def test_draw_without_matplotlib_names_the_extra(monkeypatch):
    def fail(name):
        raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")

    monkeypatch.setattr("netwright.errors.import_module", fail)
    with pytest.raises(MissingExtra, match='a report with pictures needs the package "matplotlib"'):
        draw(_paint, width=2, height=2, name="a", title="t")
