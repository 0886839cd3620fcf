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

LETTER, LABEL = 0.0063, 0.06
"""Width of a letter and height of a label of two lines, as shares of the picture."""

LABEL_STEPS = (0.055, -0.055, 0.115, -0.115, 0.175, -0.175)
"""How far a label may be above or below its point, the best place first."""

Box = tuple[float, float, float, float]
"""Left, right, bottom and top, as shares of the picture."""


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
        axes.set(xscale="log", xlabel="lookup tables", ylabel="accuracy (%)")
        axes.margins(x=0.12, y=0.18)
        plain_log(axes.xaxis, steps=(1, 2, 5))
        _labels(axes, sorted(points, key=lambda point: (is_published(point), point.lut.value)))
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


def _labels(axes: Axes, points: Sequence[DesignPoint]) -> None:
    """Name the points, each where its text covers no other text or point, if there is such."""
    axes.autoscale_view()
    places = [
        axes.transAxes.inverted().transform(
            axes.transData.transform((point.lut.value, 100 * point.accuracy.value))
        )
        for point in points
    ]
    taken = [(x - 0.01, x + 0.01, y - 0.015, y + 0.015) for x, y in places]
    for point, (x, y) in zip(points, places, strict=True):
        lines = [short(point.name), f"{count(point.lut.value)} LUT"]
        if point.latency is not None:
            lines[-1] += f", {point.latency.value:.3g} ns"
        half = max(map(len, lines)) * LETTER / 2
        boxes = [
            (x - half, x + half, middle - LABEL / 2, middle + LABEL / 2)
            for middle in (y + step for step in LABEL_STEPS)
        ]
        box = min(boxes, key=lambda box: sum(_overlap(box, other) for other in taken))
        taken.append(box)
        axes.text(
            x,
            (box[2] + box[3]) / 2,
            "\n".join(lines),
            transform=axes.transAxes,
            ha="center",
            va="center",
            fontsize=8,
            color=MUTED if is_published(point) else SERIES[0],
        )


def _overlap(one: Box, other: Box) -> float:
    """Area that two boxes share."""
    width = min(one[1], other[1]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[2], other[2])
    return max(width, 0.0) * max(height, 0.0)
