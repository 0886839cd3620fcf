"""Event displays of wafers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netwright.errors import DataError
from netwright.report import WaferDisplay, wafer_displays, wafer_map, wafer_svg

pytest.importorskip("matplotlib", reason="needs matplotlib")


def display(cells: int = 48) -> WaferDisplay:
    measured = np.random.default_rng(1).exponential(1.0, cells)
    return WaferDisplay(
        "inner, 17 cells",
        {"measured": measured, "decoded": measured[::-1], "empty": np.zeros(cells)},
        {"decoded": "EMD 1.20"},
    )


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_displays_are_equal_each_time(tmp_path: Path, suffix: str) -> None:
    first, second = (tmp_path / f"{name}.{suffix}" for name in "ab")
    for path in (first, second):
        wafer_displays(path, [display(), display()], title="two wafers")
    assert first.read_bytes() == second.read_bytes()
    if suffix == "svg":
        assert first.read_text().count("<path") >= 2 * 3 * 48


def test_display_for_a_page_is_one_element() -> None:
    text = wafer_svg([display()], name="event", title="one wafer")
    assert text.startswith("<svg ")
    assert 'aria-label="one wafer"' in text


def test_map_shows_every_cell(tmp_path: Path) -> None:
    wafer_map(tmp_path / "map.svg")
    assert (tmp_path / "map.svg").read_text().count("<path") >= 48


def test_views_that_are_no_wafers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        wafer_displays(tmp_path / "w.svg", [display(47)], title="")
    assert str(caught.value) == (
        'view "measured" of "inner, 17 cells" must have shape (48,), not (47,)'
    )
    with pytest.raises(DataError, match="a picture of wafers needs at least one wafer"):
        wafer_displays(tmp_path / "w.svg", [], title="")
