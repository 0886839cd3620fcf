"""The picture of networks in hardware: lookup tables against accuracy, ours and published ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from netwright.report.document import DesignPoint
from netwright.report.numbers import count, short
from netwright.report.style import MUTED, SERIES, WIDE_INCHES
from netwright.report.svg import draw, plain_log

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = ("s", "^", "D", "v")
"""One a data set of published designs."""


def designs(points: Sequence[DesignPoint]) -> str:
    """Accuracy against lookup tables (log scale) as SVG: filled if ours, hollow if published."""

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        ours = [point for point in points if not is_published(point)]
        _scatter(axes, ours, f"ours, {_data(ours)}", "o", SERIES[0], filled=True)
        others = [point for point in points if is_published(point)]
        for place, data in enumerate(dict.fromkeys(point.data for point in others)):
            group = [point for point in others if point.data == data]
            marker = MARKERS[place % len(MARKERS)]
            _scatter(axes, group, f"published, {short(data)}", marker, MUTED, filled=False)
        for place, point in enumerate(sorted(points, key=lambda point: point.lut.value)):
            _label(axes, point, above=place % 2 == 0)
        axes.set(xscale="log", xlabel="lookup tables", ylabel="accuracy (%)")
        axes.margins(x=0.12, y=0.18)
        plain_log(axes.xaxis, steps=(1, 2, 5))
        axes.grid(True)
        axes.legend(loc="lower left")

    title = "Accuracy against lookup tables"
    return draw(paint, width=WIDE_INCHES, height=5.2, name="designs", title=title)


def is_published(point: DesignPoint) -> bool:
    """Whether the figures are others'."""
    return point.lut.fidelity == "published"


def _data(points: Sequence[DesignPoint]) -> str:
    return ", ".join(dict.fromkeys(short(point.data) for point in points))


def _scatter(
    axes: Axes,
    points: Sequence[DesignPoint],
    label: str,
    marker: str,
    color: str,
    *,
    filled: bool,
) -> None:
    if not points:
        return
    axes.plot(
        [point.lut.value for point in points],
        [100 * point.accuracy.value for point in points],
        marker=marker,
        linestyle="none",
        color=color,
        markerfacecolor=color if filled else "white",
        markersize=7,
        label=label,
    )


def _label(axes: Axes, point: DesignPoint, *, above: bool) -> None:
    lines = [short(point.name), f"{count(point.lut.value)} LUT"]
    if point.latency is not None:
        lines[-1] += f", {point.latency.value:.3g} ns"
    axes.annotate(
        "\n".join(lines),
        (point.lut.value, 100 * point.accuracy.value),
        xytext=(0, 9 if above else -9),
        textcoords="offset points",
        ha="center",
        va="bottom" if above else "top",
        fontsize=8,
        color=MUTED if is_published(point) else SERIES[0],
    )
