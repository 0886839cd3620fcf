"""The picture of the accuracy/BOPs front."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from netwright.report.document import FrontPoint
from netwright.report.labels import Label, name_points, write_box
from netwright.report.measure import ACCURACY, Measure
from netwright.report.numbers import count, short
from netwright.report.style import INK, KINDS, MUTED, WIDE_INCHES
from netwright.report.svg import draw, plain_log

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_LABELS = 24
"""Points that are still labelled; beyond it the labels would leave no room for the points."""

STEPS = 24
"""Points of a step of the front that labels do not cover."""

FAINT = 0.55
"""Opacity of points that had less training than the chosen plan."""


def pareto(points: Sequence[FrontPoint], measure: Measure = ACCURACY) -> tuple[FrontPoint, ...]:
    """The points that no other beats in both cost and score, cheapest first.

    Float networks are left out: they are the goal, not a choice.
    """
    best: list[FrontPoint] = []
    ordered = sorted(
        (point for point in points if point.kind != "float"),
        key=lambda point: (point.bops.value, -measure.goodness(point.accuracy.value), point.label),
    )
    for point in ordered:
        if not best or measure.goodness(point.accuracy.value) > measure.goodness(
            best[-1].accuracy.value
        ):
            best.append(point)
    return tuple(best)


def alike(points: Sequence[FrontPoint]) -> tuple[FrontPoint, ...]:
    """The points that may be compared: those of the sweep, if it trained less than the chosen plan.

    The chosen plan itself is then not one of them.
    """
    chosen = _chosen(points)
    if chosen is None or not any(point.had_less(chosen) for point in points):
        return tuple(points)
    return tuple(point for point in points if point.had_less(chosen))


def blind_verdicts(points: Sequence[FrontPoint], measure: Measure = ACCURACY) -> list[str]:
    """For each budget with a plan of both kinds, how the sensitivity-blind one did."""
    aware = {point.budget: point for point in points if point.kind == "hawq" and point.budget}
    found = []
    for blind in (point for point in points if point.kind == "blind"):
        other = aware.get(blind.budget)
        if other is None:
            continue
        if blind.input_bits and (other.bits, other.input_bits) == (blind.bits, blind.input_bits):
            found.append(f"Budget {blind.budget}: both choices are the same plan.")
            continue
        better = measure.goodness(blind.accuracy.value) - measure.goodness(other.accuracy.value)
        word = "better" if better > 0 else "worse" if better < 0 else "equal"
        found.append(
            f"Budget {blind.budget}: the sensitivity-blind choice is {word}, "
            f"{measure.text(blind.accuracy)} against {measure.text(other.accuracy)}."
        )
    return found


def beaten_verdicts(points: Sequence[FrontPoint], measure: Measure = ACCURACY) -> list[str]:
    """The plan that costs no more than the chosen one and scores better, if one that compares does.

    On the rows of the report: the plan was chosen without them.
    """
    chosen = _chosen(points)
    if chosen is None or chosen not in (comparable := alike(points)):
        return []
    edge = [point for point in pareto(comparable, measure) if point.bops.value <= chosen.bops.value]
    best = edge[-1] if edge else chosen
    if measure.goodness(best.accuracy.value) <= measure.goodness(chosen.accuracy.value):
        return []
    return [
        f"{best.label} costs no more than the chosen plan and is better on these rows, "
        f"{measure.text(best.accuracy)} against {measure.text(chosen.accuracy)}."
    ]


def training_of(point: FrontPoint) -> str:
    """How long and how often a plan was trained, in words."""
    parts = []
    if point.epochs is not None:
        parts.append(f"{point.epochs} {'epoch' if point.epochs == 1 else 'epochs'}")
    if point.num_seeds is not None:
        parts.append(f"{point.num_seeds} {'seed' if point.num_seeds == 1 else 'seeds'}")
    return ", ".join(parts)


def _chosen(points: Sequence[FrontPoint]) -> FrontPoint | None:
    return next((point for point in points if point.chosen), None)


def front(points: Sequence[FrontPoint], measure: Measure = ACCURACY) -> str:
    """The score against BOPs (log scale) with deviations, the front and the chosen plan, as SVG.

    Float networks cost so much more that they are drawn as the level they set. Points that had
    fewer epochs or seeds than the chosen plan are faint and hollow, and the legend says so.
    """
    chosen, edge = _chosen(points), pareto(alike(points), measure)

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for order, kind in enumerate(KINDS):
            group = [point for point in points if point.kind == kind]
            if kind == "float":
                continue
            less = [point for point in group if chosen is not None and point.had_less(chosen)]
            same = [point for point in group if point not in less]
            for members, faint in ((same, False), (less, True)):
                if members:
                    _scatter(axes, members, measure, order=2 + order, faint=faint)
        _edge(axes, edge, measure)
        for point in points:
            if point.kind == "float":
                _level(axes, point, measure)
        axes.set(xscale="log", xlabel="BOPs for one inference", ylabel=measure.axis)
        axes.margins(x=0.05, y=0.12)
        plain_log(axes.xaxis, steps=(1, 2, 3, 5, 7))
        axes.grid(True)
        handles, names = axes.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=3)
        if chosen is not None:
            _mark(axes, chosen, points, measure)
        _name(axes, points, measure)

    return draw(
        paint,
        width=WIDE_INCHES,
        height=5.8,
        name="front",
        title=f"{measure.title} against bit operations",
    )


def _edge(axes: Axes, edge: Sequence[FrontPoint], measure: Measure) -> None:
    axes.plot(
        [point.bops.value for point in edge],
        [measure.factor * point.accuracy.value for point in edge],
        color=MUTED,
        linewidth=1.2,
        drawstyle="steps-post",
        zorder=1,
        label="Pareto front",
    )


def _level(axes: Axes, point: FrontPoint, measure: Measure) -> None:
    look = KINDS["float"]
    height, spread = (
        measure.factor * point.accuracy.value,
        measure.factor * (point.accuracy.deviation or 0.0),
    )
    axes.axhline(height, color=look.color, linestyle=(0, (6, 3)), linewidth=1.4, zorder=1)
    if spread:
        axes.axhspan(height - spread, height + spread, color=look.color, alpha=0.1, linewidth=0)
    axes.annotate(
        f"{short(point.label)}: {measure.drawn(point.accuracy.value)} at "
        f"{count(point.bops.value)} BOPs",
        (1, height + spread),
        xycoords=("axes fraction", "data"),
        xytext=(-4, 4),
        textcoords="offset points",
        ha="right",
        fontsize=9,
        color=look.color,
    )


def _scatter(
    axes: Axes, group: Sequence[FrontPoint], measure: Measure, *, order: int, faint: bool
) -> None:
    look = KINDS[group[0].kind]
    how = training_of(group[0]) if faint else ""
    errors = [measure.factor * (point.accuracy.deviation or 0.0) for point in group]
    axes.errorbar(
        [point.bops.value for point in group],
        [measure.factor * point.accuracy.value for point in group],
        yerr=errors if any(errors) and group[0].kind != "sampled" else None,
        fmt=look.marker,
        color=look.color,
        markerfacecolor=look.color if look.filled and not faint else "white",
        markersize=look.size,
        alpha=FAINT if faint else None,
        markeredgewidth=0 if look.marker == "." and not faint else 1.3,
        elinewidth=1.0,
        capsize=2.5,
        zorder=order,
        label=f"{look.name}; only {how}" if how else look.name,
    )


def _on_edge(edge: Sequence[FrontPoint], measure: Measure) -> Iterator[tuple[float, float]]:
    """Points on the steps of the front, evenly spread on its axes."""
    for one, other in pairwise(point for point in edge if point.bops.value > 0):
        (left, low), (right, high) = (
            (point.bops.value, measure.factor * point.accuracy.value) for point in (one, other)
        )
        for part in range(1, STEPS):
            share = part / STEPS
            yield left * (right / left) ** share, low
            yield right, low + share * (high - low)


def _name(axes: Axes, points: Sequence[FrontPoint], measure: Measure) -> None:
    """Label the plans that have a name of their own, uniform ones first."""
    named = [
        point
        for kind in ("uniform", "hawq", "blind")
        for point in points
        if point.kind == kind and not point.chosen
    ]
    if len(named) > MAX_LABELS:
        named = [point for point in named if point.kind == "uniform"][:MAX_LABELS]
    labels = [
        Label(
            point.bops.value, measure.factor * point.accuracy.value,
            short(point.label, longest=16), KINDS[point.kind].color,
        )
        for point in named
    ]  # fmt: skip
    name_points(axes, labels, avoid=list(_on_edge(pareto(alike(points), measure), measure)))


def _mark(axes: Axes, chosen: FrontPoint, points: Sequence[FrontPoint], measure: Measure) -> None:
    x, y = chosen.bops.value, measure.factor * chosen.accuracy.value
    axes.plot(
        x,
        y,
        marker="o",
        markersize=15,
        markerfacecolor="none",
        markeredgecolor=INK,
        markeredgewidth=1.6,
        linestyle="none",
        zorder=20,
    )
    bits = "-".join(map(str, chosen.bits[:12]))
    lines = [
        f"chosen: {short(chosen.label)}",
        f"{measure.drawn(chosen.accuracy.value)} at {count(x)} BOPs",
    ]
    lines += [f"weight bits {bits}"] if bits else []
    others = [
        (point.bops.value, measure.factor * point.accuracy.value)
        for point in points
        if point.kind != "float"
    ]
    edge = _on_edge(pareto(alike(points), measure), measure)
    write_box(axes, Label(x, y, "\n".join(lines), INK), avoid=[*others, *edge])
