"""Event displays: wafers as hexagons, what was measured beside what was decoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError, require
from netwright.report.style import INK, LINE, MUTED
from netwright.report.svg import draw, write_picture
from netwright.tasks.calorimeter_geometry import CELLS, outlines_cm

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLORS = "YlGnBu"
_INCHES = 1.75


@dataclass(frozen=True, slots=True)
class WaferDisplay:
    """One wafer, seen in several ways.

    Attributes:
        title: What is known of it, such as its region.
        views: Charges by name of the view, each (48,), the first the measured ones; they share a
            scale.
        notes: What is written below a view, by its name.
    """

    title: str
    views: Mapping[str, NDArray[np.floating]]
    notes: Mapping[str, str]


def wafer_displays(path: str | Path, displays: Sequence[WaferDisplay], *, title: str) -> None:
    """Draw wafers below each other, their views side by side.

    Args:
        path: Where to write; ``.png`` or SVG.
        displays: Wafers with views of equal names.
        title: Of the picture.

    Raises:
        DataError: There is no wafer, or a view has not 48 charges.
        MissingExtra: Matplotlib is not installed.
    """
    width, height = _size(displays)
    write_picture(Path(path), lambda figure: _paint(figure, displays, title),
                  width=width, height=height, title=title)  # fmt: skip


def wafer_svg(displays: Sequence[WaferDisplay], *, name: str, title: str) -> str:
    """The picture of :func:`wafer_displays` as one ``<svg>`` element for a page.

    Args:
        displays: Wafers with views of equal names.
        name: Unique on the page.
        title: Of the picture.
    """
    width, height = _size(displays)
    return draw(lambda figure: _paint(figure, displays, title),
                width=width, height=height, name=name, title=title)  # fmt: skip


def wafer_map(path: str | Path) -> None:
    """Draw the numbers of the trigger cells.

    Raises:
        MissingExtra: Matplotlib is not installed.
    """
    title = "Trigger cells of a wafer"

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        corners = outlines_cm()
        for cell, outline in enumerate(corners):
            axes.fill(*outline.T, facecolor="none", edgecolor=MUTED, linewidth=0.8)
            x, y = outline.mean(axis=0)
            axes.text(x, y, str(cell), ha="center", va="center", fontsize=8, color=INK)
        _bare(axes)
        axes.set_title(title)

    write_picture(Path(path), paint, width=3.6, height=3.8, title=title)


def _size(displays: Sequence[WaferDisplay]) -> tuple[float, float]:
    if not displays:
        raise DataError("a picture of wafers needs at least one wafer")
    for display in displays:
        for name, charges in display.views.items():
            if charges.shape != (CELLS,):
                raise DataError(
                    f'view "{name}" of "{display.title}" must have shape ({CELLS},), '
                    f"not {charges.shape}"
                )
    columns = max(len(display.views) for display in displays)
    return _INCHES * columns + 0.4, (_INCHES + 0.45) * len(displays) + 0.4


def _paint(figure: Figure, displays: Sequence[WaferDisplay], title: str) -> None:
    columns = max(len(display.views) for display in displays)
    grid = figure.subplots(len(displays), columns, squeeze=False)
    colors = require("matplotlib", extra="plots", purpose="an event display").colormaps[_COLORS]
    for row, display in zip(grid, displays, strict=True):
        largest = max(float(charges.max()) for charges in display.views.values()) or 1.0
        for axes in row:
            axes.set_axis_off()
        for axes, (name, charges) in zip(row, display.views.items(), strict=False):
            _wafer(axes, charges / largest, colors)
            axes.set_title(name, fontsize=9)
            note = display.notes.get(name, "")
            axes.text(0.5, -0.02, note, ha="center", va="top", fontsize=8, color=MUTED,
                      transform=axes.transAxes)  # fmt: skip
        row[0].text(-0.05, 0.5, display.title, rotation=90, ha="center", va="center", fontsize=8,
                    color=INK, transform=row[0].transAxes)  # fmt: skip
    figure.suptitle(title, x=0.01, ha="left")


def _wafer(axes: Axes, shares: NDArray[np.floating], colors: object) -> None:
    assert callable(colors)
    for outline, share in zip(outlines_cm(), np.clip(shares, 0.0, 1.0).tolist(), strict=True):
        face = "white" if share < 1e-3 else colors(share**0.5)
        axes.fill(*outline.T, facecolor=face, edgecolor=LINE, linewidth=0.5)
    _bare(axes)


def _bare(axes: Axes) -> None:
    axes.set_aspect("equal")
    axes.set_axis_off()
