"""The picture of the accuracy/BOPs front."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from netwright.report.document import FrontPoint
from netwright.report.numbers import count, short
from netwright.report.style import INK, KINDS, MUTED, WIDE_INCHES
from netwright.report.svg import draw, plain_log

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_LABELS = 14
"""Points of one kind that are still labelled; beyond it the labels would cover each other."""


def pareto(points: Sequence[FrontPoint]) -> tuple[FrontPoint, ...]:
    """The points that no other beats in both cost and accuracy, cheapest first.

    Float networks are left out: they are the goal, not a choice.
    """
    best: list[FrontPoint] = []
    ordered = sorted(
        (point for point in points if point.kind != "float"),
        key=lambda point: (point.bops.value, -point.accuracy.value, point.label),
    )
    for point in ordered:
        if not best or point.accuracy.value > best[-1].accuracy.value:
            best.append(point)
    return tuple(best)


def front(points: Sequence[FrontPoint]) -> str:
    """Accuracy against BOPs (log scale) with deviations, the front and the chosen plan, as SVG.

    Float networks cost so much more that they are drawn as the level they set.
    """

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for order, kind in enumerate(KINDS):
            group = [point for point in points if point.kind == kind]
            if group and kind != "float":
                _scatter(axes, group, order=2 + order)
        _edge(axes, pareto(points))
        for point in points:
            if point.kind == "float":
                _level(axes, point)
        axes.set(xscale="log", xlabel="BOPs for one inference", ylabel="accuracy (%)")
        axes.margins(x=0.05, y=0.12)
        plain_log(axes.xaxis, steps=(1, 2, 3, 5, 7))
        for point in points:
            if point.chosen:
                _mark(axes, point)
        axes.grid(True)
        axes.legend(loc="lower right")

    return draw(
        paint, width=WIDE_INCHES, height=5.2, name="front", title="Accuracy against bit operations"
    )


def _edge(axes: Axes, edge: Sequence[FrontPoint]) -> None:
    axes.plot(
        [point.bops.value for point in edge],
        [100 * point.accuracy.value for point in edge],
        color=MUTED,
        linewidth=1.2,
        drawstyle="steps-post",
        zorder=1,
        label="Pareto front",
    )


def _level(axes: Axes, point: FrontPoint) -> None:
    look = KINDS["float"]
    height, spread = 100 * point.accuracy.value, 100 * (point.accuracy.deviation or 0.0)
    axes.axhline(height, color=look.color, linestyle=(0, (6, 3)), linewidth=1.4, zorder=1)
    if spread:
        axes.axhspan(height - spread, height + spread, color=look.color, alpha=0.1, linewidth=0)
    axes.annotate(
        f"{short(point.label)}: {height:.2f} % at {count(point.bops.value)} BOPs",
        (1, height + spread),
        xycoords=("axes fraction", "data"),
        xytext=(-4, 4),
        textcoords="offset points",
        ha="right",
        fontsize=9,
        color=look.color,
    )


def _scatter(axes: Axes, group: Sequence[FrontPoint], *, order: int) -> None:
    look = KINDS[group[0].kind]
    errors = [100 * (point.accuracy.deviation or 0.0) for point in group]
    axes.errorbar(
        [point.bops.value for point in group],
        [100 * point.accuracy.value for point in group],
        yerr=errors if any(errors) and group[0].kind != "sampled" else None,
        fmt=look.marker,
        color=look.color,
        markerfacecolor=look.color if look.filled else "white",
        markersize=look.size,
        markeredgewidth=0 if look.marker == "." else 1.3,
        elinewidth=1.0,
        capsize=2.5,
        zorder=order,
        label=look.name,
    )
    if group[0].kind == "uniform" and len(group) <= MAX_LABELS:
        for point in group:
            axes.annotate(
                short(point.label),
                (point.bops.value, 100 * point.accuracy.value),
                xytext=(8, -12),
                textcoords="offset points",
                fontsize=9,
                color=look.color,
                zorder=15,
            )


def _mark(axes: Axes, point: FrontPoint) -> None:
    place = (point.bops.value, 100 * point.accuracy.value)
    axes.plot(
        *place,
        marker="o",
        markersize=15,
        markerfacecolor="none",
        markeredgecolor=INK,
        markeredgewidth=1.6,
        linestyle="none",
        zorder=20,
    )
    bits = "-".join(map(str, point.bits[:12]))
    lines = [f"chosen: {short(point.label)}", f"{place[1]:.2f} % at {count(place[0])} BOPs"]
    axes.annotate(
        "\n".join([*lines, f"weight bits {bits}"] if bits else lines),
        place,
        xytext=(0.02, 0.97),
        textcoords="axes fraction",
        va="top",
        fontweight="bold",
        linespacing=1.4,
        zorder=21,
        bbox={"facecolor": "white", "edgecolor": INK, "linewidth": 0.8, "pad": 5.0},
        arrowprops={"arrowstyle": "-", "color": INK, "shrinkB": 7, "linewidth": 0.8},
    )
