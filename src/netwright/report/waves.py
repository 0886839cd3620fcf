"""Timing diagrams: signals over clocks."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from netwright.report.style import INK, LINE, MUTED, SERIES, WIDE_INCHES
from netwright.report.svg import draw
from netwright.report.views import Waves

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW_INCHES = 0.34
HEIGHT = 0.7
"""Height of a signal, of the distance between two."""

SLANT = 0.12
"""Clocks that a change takes in the drawing, if there are few clocks."""

CHARACTERS = 110
"""Characters of a text that the width of a picture holds."""


def waves_svg(waves: Waves, *, name: str) -> str:
    """Draw signals over clocks as SVG: levels of lines, and words between their changes.

    Args:
        waves: The signals.
        name: Unique on the page.

    Raises:
        MissingExtra: Matplotlib is not installed.
    """
    rows = len(waves.lines) + len(waves.words)
    return draw(
        lambda figure: paint(figure.subplots(), waves),
        width=WIDE_INCHES,
        height=1.0 + ROW_INCHES * (rows + 1),
        name=name,
        title=waves.title,
    )


def paint(axes: Axes, waves: Waves) -> None:
    """Draw the signals of :func:`waves_svg`."""
    signals = [*waves.lines, *waves.words]
    clocks = max((len(s) for s in (*waves.lines.values(), *waves.words.values())), default=1)
    for row, levels in enumerate(waves.lines.values()):
        _line(axes, waves.first, levels, row)
    for row, texts in enumerate(waves.words.values(), start=len(waves.lines)):
        _words(axes, waves.first, texts, row)
    for number, (clock, text) in enumerate(sorted(waves.marks.items()), start=1):
        side = "left" if number == len(waves.marks) else "right"
        axes.axvline(clock, color=SERIES[1], linewidth=0.8, zorder=0)
        axes.text(clock, -0.75, f" {text} ", color=SERIES[1], fontsize=8, va="center", ha=side)
    axes.set(xlim=(waves.first, waves.first + clocks), ylim=(len(signals) - 0.4, -1.1))
    axes.set_yticks(range(len(signals)), signals)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("clock", color=MUTED)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.set_title(waves.title, loc="left")


def _line(axes: Axes, first: int, levels: str, row: int) -> None:
    values = np.array([int(level) for level in levels] + [int(levels[-1])])
    places = first + np.arange(len(values))
    axes.step(places, row + HEIGHT / 2 - HEIGHT * values, where="post", color=INK, linewidth=0.8)


def _words(axes: Axes, first: int, texts: tuple[str, ...], row: int) -> None:
    """Equal words next to each other are one; what does not fit is not written."""
    start, top, bottom = first, row - HEIGHT / 2, row + HEIGHT / 2
    for text, group in groupby(texts):
        end = start + len(list(group))
        slant = min(SLANT, (end - start) / 4)
        shape = [(start, row), (start + slant, top), (end - slant, top), (end, row),
                 (end - slant, bottom), (start + slant, bottom)]  # fmt: skip
        axes.fill(*zip(*shape, strict=True), facecolor="white", edgecolor=INK, linewidth=0.8)
        if len(text) <= CHARACTERS * (end - start) / len(texts):
            axes.text((start + end) / 2, row, text, ha="center", va="center", fontsize=8)
        start = end
    axes.axhline(bottom + 0.12, color=LINE, linewidth=0.3)
