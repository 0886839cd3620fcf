"""What a task or a design shows of itself: displays, curves, signals over time."""

from __future__ import annotations

from collections.abc import Mapping

from netwright.report.part import Part


class WaferRow(Part):
    """One wafer, seen in several ways.

    Attributes:
        title: What is known of it.
        views: Charges of the 48 cells by name of the view, the measured ones first.
        notes: What is written below a view, by its name.
    """

    title: str
    views: Mapping[str, tuple[float, ...]]
    notes: Mapping[str, str] = {}


class Curves(Part):
    """Lines over the same places.

    Attributes:
        title: What they show.
        unit: Of the values.
        labels: Of the places.
        series: A value for each place by name; ``None`` where there is none.
        errors: Half the width of the band around a line, by name.
        logarithmic: Whether the scale is.
    """

    title: str
    unit: str
    labels: tuple[str, ...]
    series: Mapping[str, tuple[float | None, ...]]
    errors: Mapping[str, tuple[float | None, ...]] = {}
    logarithmic: bool = False


class Waves(Part):
    """Signals over clocks, below each other.

    Attributes:
        title: What they show.
        first: Number of the first clock.
        lines: Levels of signals of one bit by name, a character each: ``"0011"``.
        words: What signals of several bits hold, by name, a text each clock.
        marks: Clocks of which something is said, and what.
    """

    title: str
    first: int = 0
    lines: Mapping[str, str] = {}
    words: Mapping[str, tuple[str, ...]] = {}
    marks: Mapping[int, str] = {}


class Views(Part):
    """Pictures of a task's own, with what a reader must know of them.

    Attributes:
        caption: What was looked at, on which rows.
        wafers: Wafers below each other.
        curves: Lines, a picture each.
        waves: Signals over clocks, a picture each.
    """

    caption: str
    wafers: tuple[WaferRow, ...] = ()
    curves: tuple[Curves, ...] = ()
    waves: tuple[Waves, ...] = ()
