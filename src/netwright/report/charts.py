"""Plain charts of any series: bars in groups, and lines over a logarithmic axis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from netwright.report.style import DASHES, INK, MUTED, SERIES, WIDE_INCHES
from netwright.report.svg import draw, plain_log, write_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TERA = 1e12

BAR_SHARE = 0.84
"""How much of the place of a group its bars fill."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One of the charts of a picture, side by side.

    Attributes:
        title: Above it.
        labels: Of the groups of bars, or of the places along a line.
        series: Values by name, as many as labels; ``None`` where there is none.
        errors: Half the width of the band around a line, by name of the series.
    """

    title: str
    labels: tuple[str, ...]
    series: Mapping[str, Sequence[float | None]]
    errors: Mapping[str, Sequence[float | None]] = field(default_factory=dict)


def bars(
    path: str | Path,
    panels: Sequence[Panel],
    *,
    title: str,
    unit: str,
    reference: float | None = None,
) -> None:
    """Draw bars, a group for each label and a bar for each series.

    Args:
        path: Where to write; ``.png`` or SVG.
        panels: Charts with equal names of series and one scale.
        title: Of the picture.
        unit: What the bars show.
        reference: A value with a line across.

    Raises:
        MissingExtra: Matplotlib is not installed.
    """

    def paint(figure: Figure) -> None:
        charts = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axes, panel in zip(charts, panels, strict=True):
            width = BAR_SHARE / len(panel.series)
            for index, (name, values) in enumerate(panel.series.items()):
                places = [i - BAR_SHARE / 2 + (index + 0.5) * width for i in range(len(values))]
                heights = [value or 0.0 for value in values]
                axes.bar(places, heights, width, color=SERIES[index % len(SERIES)], label=name)
            _finish(axes, panel)
            if reference is not None:
                axes.axhline(reference, color=INK, linewidth=0.8)
        charts[0].set_ylabel(unit)
        _legend(figure, charts[0], title)

    write_picture(Path(path), paint, width=WIDE_INCHES, height=3.6, title=title)


def lines(
    path: str | Path, panels: Sequence[Panel], *, title: str, unit: str, logarithmic: bool = False
) -> None:
    """Draw a line for each series over the labels; arguments as for :func:`bars`.

    Args:
        path: Where to write; ``.png`` or SVG.
        panels: Charts with equal names of series and one scale.
        title: Of the picture.
        unit: What the lines show.
        logarithmic: Whether the scale is.

    Raises:
        MissingExtra: Matplotlib is not installed.
    """
    paint = _line_painter(panels, title, unit, logarithmic=logarithmic)
    write_picture(Path(path), paint, width=WIDE_INCHES, height=3.6, title=title)


def lines_svg(
    panels: Sequence[Panel], *, name: str, title: str, unit: str, logarithmic: bool = False
) -> str:
    """The picture of :func:`lines` as one ``<svg>`` element for a page.

    Args:
        panels: Charts with equal names of series and one scale.
        name: Unique on the page.
        title: Of the picture.
        unit: What the lines show.
        logarithmic: Whether the scale is.
    """
    paint = _line_painter(panels, title, unit, logarithmic=logarithmic)
    return draw(paint, width=WIDE_INCHES, height=3.6, name=name, title=title)


def _line_painter(
    panels: Sequence[Panel], title: str, unit: str, *, logarithmic: bool
) -> Callable[[Figure], None]:
    def paint(figure: Figure) -> None:
        charts = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axes, panel in zip(charts, panels, strict=True):
            for index, (name, values) in enumerate(panel.series.items()):
                known = [(i, value) for i, value in enumerate(values) if value is not None]
                _band(axes, known, panel.errors.get(name, ()), SERIES[index % len(SERIES)])
                axes.plot(
                    [i for i, _ in known], [value for _, value in known], marker="o", markersize=3,
                    color=SERIES[index % len(SERIES)], linestyle=DASHES[index % len(DASHES)],
                    label=name,
                )  # fmt: skip
            _finish(axes, panel)
            if logarithmic:
                axes.set_yscale("log")
                plain_log(axes.yaxis, steps=(1,))
        charts[0].set_ylabel(unit)
        _legend(figure, charts[0], title)

    return paint


def roofline(
    path: str | Path,
    points: Sequence[tuple[str, float, float]],
    *,
    title: str,
    peak: float,
    bandwidth: float,
) -> None:
    """Draw operations a second against operations a byte, below what a machine allows.

    Args:
        path: Where to write; ``.png`` or SVG.
        points: Name, operations a byte and operations a second; equal names share a color.
        title: Of the picture.
        peak: Operations a second of all units.
        bandwidth: Bytes a second of the outermost memory.

    Raises:
        MissingExtra: Matplotlib is not installed.
    """

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        names = dict.fromkeys(name for name, _, _ in points)
        low = min(0.5 * peak / bandwidth, *(0.5 * x for _, x, _ in points))
        high = max(2 * peak / bandwidth, *(2 * x for _, x, _ in points))
        ends = [low, peak / bandwidth, high]
        roof = [min(peak, x * bandwidth) / TERA for x in ends]
        axes.plot(ends, roof, color=MUTED, linewidth=1.2)
        for index, name in enumerate(names):
            own = [(x, y) for other, x, y in points if other == name]
            axes.plot(
                [x for x, _ in own], [y / TERA for _, y in own], "o", markersize=5,
                color=SERIES[index % len(SERIES)], label=name,
            )  # fmt: skip
        axes.set(xscale="log", yscale="log", xlabel="operations a byte off the chip")
        axes.set_ylabel("10¹² operations a second")
        for axis in (axes.xaxis, axes.yaxis):
            plain_log(axis, steps=(1, 2, 5))
        axes.grid(True)
        _legend(figure, axes, title)

    write_picture(Path(path), paint, width=WIDE_INCHES, height=4.0, title=title)


def _band(
    axes: Axes, known: list[tuple[int, float]], errors: Sequence[float | None], color: str
) -> None:
    """The band around a line, where its values have errors."""
    found = [(i, value, errors[i] or 0.0) for i, value in known if i < len(errors)]
    if found:
        places, values, widths = zip(*found, strict=True)
        low = [value - width for value, width in zip(values, widths, strict=True)]
        high = [value + width for value, width in zip(values, widths, strict=True)]
        axes.fill_between(places, low, high, color=color, alpha=0.15, linewidth=0)


def _finish(axes: Axes, panel: Panel) -> None:
    axes.set_title(panel.title, loc="left")
    axes.set_xticks(range(len(panel.labels)), panel.labels)
    axes.grid(True, axis="y")


def _legend(figure: Figure, axes: Axes, title: str) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    figure.suptitle(title, x=0.01, ha="left")
