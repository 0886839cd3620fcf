from __future__ import annotations

import pytest

from netwright.report import Panel, bars, lines, roofline

pytest.importorskip("matplotlib", reason="needs matplotlib")

PANELS = (
    Panel("first", ("1 K", "4 K"), {"a": (1.0, 2.0), "b": (3.0, None)}),
    Panel("second", ("1 K", "4 K"), {"a": (1.5, 2.5), "b": (3.5, 4.5)}),
)


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_every_chart_is_written_and_equal_each_time(tmp_path, suffix):
    first, second = (tmp_path / f"{n}.{suffix}" for n in "ab")
    for draw, options in (
        (bars, {"unit": "speed-up", "reference": 1.0}),
        (lines, {"unit": "bytes", "logarithmic": True}),
    ):
        for path in (first, second):
            draw(path, PANELS, title="a title", **options)
        assert first.read_bytes() == second.read_bytes()
        if suffix == "svg":
            assert 'aria-label="a title"' in first.read_text()


def test_roofline(tmp_path):
    path = tmp_path / "roof.svg"
    points = [("a", 0.5, 4.0), ("a", 50.0, 9.0), ("b", 5.0, 10.0)]
    roofline(path, points, title="roof", peak=10.0, bandwidth=8.0)
    assert "<svg" in path.read_text()


def test_bands_are_drawn_where_there_are_errors(tmp_path):
    plain, banded = tmp_path / "plain.svg", tmp_path / "banded.svg"
    panel = Panel("", ("2", "3"), {"a": (1.0, 2.0), "b": (3.0, None)})
    lines(plain, [panel], title="a title", unit="EMD")
    wider = Panel("", panel.labels, panel.series, {"a": (0.1, 0.2), "b": (0.3, None)})
    lines(banded, [wider], title="a title", unit="EMD")
    assert "opacity: 0.15" in banded.read_text()
    assert "opacity: 0.15" not in plain.read_text()
