"""The picture of the accuracy/BOPs front."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from netwright.report.document import FrontPoint
from netwright.report.style import INK, KINDS, MUTED
from netwright.report.svg import draw

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
    """Accuracy against BOPs (log scale) with deviations, the front and the chosen plan, as SVG."""

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        edge = pareto(points)
        axes.plot(
            [point.bops.value for point in edge],
            [100 * point.accuracy.value for point in edge],
            color=MUTED,
            linewidth=1.2,
            drawstyle="steps-post",
            zorder=1,
            label="Pareto front",
        )
        for order, kind in enumerate(KINDS):
            group = [point for point in points if point.kind == kind]
            if group:
                _scatter(axes, group, order=2 + order)
        for point in points:
            if point.chosen:
                _mark(axes, point)
        axes.set(xscale="log", xlabel="BOPs for one inference", ylabel="accuracy (%)")
        axes.margins(x=0.06, y=0.08)
        axes.grid(True, which="both")
        axes.legend(loc="lower right")

    return draw(paint, width=8.6, height=4.6, name="front", title="Accuracy against bit operations")


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
    if group[0].kind in ("uniform", "float") and len(group) <= MAX_LABELS:
        for point in group:
            _label(axes, point, offset=(7, -11), color=look.color)


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
        label="chosen plan",
    )
    bits = "-".join(map(str, point.bits))
    text = f"{point.label}: {bits}" if bits and bits != point.label else point.label
    axes.annotate(
        text[:40],
        place,
        xytext=(-12, 16),
        textcoords="offset points",
        ha="right",
        fontweight="bold",
        zorder=21,
        arrowprops={"arrowstyle": "-", "color": INK, "shrinkB": 7, "linewidth": 0.8},
    )


def _label(axes: Axes, point: FrontPoint, *, offset: tuple[int, int], color: str) -> None:
    axes.annotate(
        point.label[:28],
        (point.bops.value, 100 * point.accuracy.value),
        xytext=offset,
        textcoords="offset points",
        fontsize=8.5,
        color=color,
        zorder=15,
    )
