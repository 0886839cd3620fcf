"""The picture of networks in hardware: lookup tables against accuracy, ours and published ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from netwright.report.document import DesignPoint
from netwright.report.labels import Label, name_points
from netwright.report.measure import ACCURACY, Measure
from netwright.report.numbers import count, short
from netwright.report.style import MUTED, SERIES, WIDE_INCHES
from netwright.report.svg import draw, plain_log

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = ("s", "^", "D", "v")
"""One a data set of published designs."""


def designs(points: Sequence[DesignPoint], measure: Measure = ACCURACY) -> str:
    """The score against lookup tables (log scale) as SVG: filled if ours, hollow if published.

    Tables of another size, or counted by another kind of tools, have a panel of their own: their
    numbers cannot be compared.
    """
    kinds = list(dict.fromkeys(point.counting for point in points))
    others = list(dict.fromkeys(point.data for point in points if is_published(point)))

    def paint(figure: Figure) -> None:
        widths = [_width(points, kind) for kind in kinds]
        panels = figure.subplots(1, len(kinds), sharey=True, squeeze=False, width_ratios=widths)[0]
        for axes, kind in zip(panels, kinds, strict=True):
            group = [point for point in points if point.counting == kind]
            ours = [point for point in group if not is_published(point)]
            _scatter(axes, measure, ours, f"ours, {_data(ours)}", "o", SERIES[0], filled=True)
            for number, data in enumerate(others):
                own = [point for point in group if is_published(point) and point.data == data]
                marker = MARKERS[number % len(MARKERS)]
                _scatter(
                    axes, measure, own, f"published, {short(data)}", marker, MUTED, filled=False
                )
            axes.set(xscale="log", xlabel=kind)
            axes.margins(x=0.25, y=0.22)
            plain_log(axes.xaxis, steps=(1, 2, 5))
            axes.grid(True)
        panels[0].set_ylabel(measure.axis)
        handles: dict[str, Artist] = {}
        for axes in panels:
            for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
                handles.setdefault(name, handle)
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3)
        for axes, kind in zip(panels, kinds, strict=True):
            group = [point for point in points if point.counting == kind]
            name_points(
                axes,
                [
                    _label(p, measure)
                    for p in sorted(group, key=lambda p: (is_published(p), p.lut.value))
                ],
            )

    title = f"{measure.title} against lookup tables"
    return draw(paint, width=WIDE_INCHES, height=5.2, name="designs", title=title)


def is_published(point: DesignPoint) -> bool:
    """Whether the figures are others'."""
    return point.lut.fidelity == "published"


def _width(points: Sequence[DesignPoint], kind: str) -> float:
    """More points need more room for their names."""
    return 1.0 + 0.25 * min(sum(point.counting == kind for point in points), 6)


def _data(points: Sequence[DesignPoint]) -> str:
    return ", ".join(dict.fromkeys(short(point.data) for point in points))


def _scatter(
    axes: Axes,
    measure: Measure,
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
        [measure.factor * point.accuracy.value for point in points],
        marker=marker,
        linestyle="none",
        color=color,
        markerfacecolor=color if filled else "white",
        markersize=7,
        label=label,
    )


def _label(point: DesignPoint, measure: Measure) -> Label:
    figures = f"{count(point.lut.value)} LUT"
    if point.latency is not None:
        figures += f", {point.latency.value:.3g} ns"
    color = MUTED if is_published(point) else SERIES[0]
    text = f"{short(point.name, longest=24)}\n{figures}"
    return Label(point.lut.value, measure.factor * point.accuracy.value, text, color)
