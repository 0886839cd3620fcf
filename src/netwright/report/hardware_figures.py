"""The pictures of generated Verilog: its pipeline, its lookup tables, how full the part is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from netwright.report.hardware import DepthPoint, FloorPlan, HardwareLayer, Utilization
from netwright.report.labels import Label, name_points
from netwright.report.numbers import count, short
from netwright.report.style import BAD, COLUMN_INCHES, INK, LINE, MUTED, SERIES, WIDE_INCHES
from netwright.report.svg import draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW_INCHES = 0.46

LABEL_SHARE = 0.42
"""A bar at least this long, as a share of the width, has its text inside."""

TILE_CELLS = 16
"""Lookup tables and registers of one tile of ECP5: a tile with as many is drawn full."""

FAINTEST = 0.35
"""Opacity of a tile with next to nothing in it."""

FILL_STEPS = 4
"""Steps between that and the opacity of a full tile."""

BETWEEN = 12
"""Parts of a line between two points, whose ends labels do not cover."""

FULL_SHARE = 1.0
"""Share of a part at which nothing more fits."""

# `prefix` stands before the names in a picture, which differ from those of others on the page.


def pipeline(layers: Sequence[HardwareLayer], *, prefix: str = "") -> str:
    """Every module from its first to its last pipeline stage, with the bits that enter and leave.

    Where the layers were counted on their own, their lookup tables stand beside them. SVG.
    """
    counted = any(layer.cells is not None for layer in layers)

    def paint(figure: Figure) -> None:
        if counted:
            axes, tables = figure.subplots(1, 2, width_ratios=(3, 1.2), sharey=True)
            _tables(tables, layers)
        else:
            axes = figure.subplots()
        _stages(axes, layers)

    height = 0.9 + ROW_INCHES * max(len(layers), 2)
    title = "Pipeline of the design"
    return draw(paint, width=WIDE_INCHES, height=height, name=f"{prefix}pipeline", title=title)


def _stages(axes: Axes, layers: Sequence[HardwareLayer]) -> None:
    last = max(layer.last_stage for layer in layers) + 1
    for place, layer in enumerate(layers):
        length = layer.last_stage - layer.first_stage + 1
        axes.barh(
            place,
            length,
            left=layer.first_stage,
            height=0.62,
            color=SERIES[0] + "33",
            edgecolor=SERIES[0],
            linewidth=1.2,
        )
        text = (
            f"{count(layer.num_inputs)} in, {count(layer.input_bits)} bit → "
            f"{count(layer.num_outputs)} out, {count(layer.output_bits)} bit"
        )
        x, align = _label_place(layer.first_stage / last, length / last)
        axes.text(x * last, place, text, va="center", ha=align, fontsize=9, color=INK)
    axes.set_yticks(range(len(layers)), [short(layer.name) for layer in layers])
    axes.set_ylim(len(layers) - 0.5, -0.5)
    axes.set_xlim(0, last)
    axes.set_xlabel("pipeline stage")
    axes.tick_params(axis="y", length=0)
    axes.grid(True, axis="x")
    axes.spines["left"].set_visible(False)


def _label_place(first: float, length: float) -> tuple[float, str]:
    """Where the text of a bar goes, as shares of the width: inside, or where more room is."""
    if length >= LABEL_SHARE:
        return first + length / 2, "center"
    if 1 - first - length >= first:
        return first + length + 0.02, "left"
    return first - 0.02, "right"


def _tables(axes: Axes, layers: Sequence[HardwareLayer]) -> None:
    values = [0.0 if layer.cells is None else layer.cells.num_tables for layer in layers]
    most = max(values) or 1.0
    for place, value in enumerate(values):
        axes.barh(place, value / most, height=0.62, color=LINE, edgecolor=MUTED, linewidth=0.8)
        axes.text(value / most + 0.03, place, count(value), va="center", fontsize=9)
    axes.set_title("lookup tables", loc="left")
    axes.set_xlim(0, 1.3)
    axes.set_xticks([])
    axes.tick_params(axis="y", length=0)
    axes.spines[["left", "bottom"]].set_visible(False)


def utilization(rows: Sequence[Utilization], *, prefix: str = "") -> str:
    """How full the part is, one bar a kind of cell, as SVG."""

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for place, row in enumerate(rows):
            axes.barh(place, 1.0, height=0.62, color="none", edgecolor=MUTED, linewidth=0.8)
            color = BAD if row.share > FULL_SHARE else SERIES[0]
            axes.barh(place, min(row.share, 1.0), height=0.62, color=color)
            text = f"{count(row.used)} of {count(row.available)} ({row.share:.1%})"
            axes.text(1.03, place, text, va="center", fontsize=9)
        axes.set_yticks(range(len(rows)), [short(row.cell) for row in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlim(0, 1.9)
        axes.set_xticks([])
        axes.tick_params(axis="y", length=0)
        axes.spines[["left", "bottom"]].set_visible(False)

    height = 0.4 + ROW_INCHES * max(len(rows), 2)
    title = "Cells of the part in use"
    return draw(paint, width=COLUMN_INCHES, height=height, name=f"{prefix}utilization", title=title)


def depths(points: Sequence[DepthPoint], *, prefix: str = "") -> str:
    """Clock frequency against latency, one point a number of adders between registers, as SVG."""

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        latencies = [point.routing.latency.value for point in points]
        clocks = [point.routing.fmax.value for point in points]
        axes.plot(latencies, clocks, color=SERIES[0], marker="o", linewidth=1.2)
        axes.set(xlabel="latency (ns)", ylabel="largest clock frequency (MHz)")
        axes.set_xlim(0, 1.3 * max(latencies))
        axes.set_ylim(0, 1.15 * max(clocks))
        axes.grid(True)
        names = [f"{point.adders_per_stage} a stage" for point in points]
        labels = [Label(*at, INK) for at in zip(latencies, clocks, names, strict=True)]
        name_points(axes, labels, avoid=list(_between(latencies, clocks)))

    title = "Clock frequency against latency"
    return draw(paint, width=COLUMN_INCHES, height=3.6, name=f"{prefix}depths", title=title)


def _between(xs: Sequence[float], ys: Sequence[float]) -> Iterator[tuple[float, float]]:
    """Points on the lines from each point to the next."""
    for (x, y), (next_x, next_y) in pairwise(zip(xs, ys, strict=True)):
        for part in range(1, BETWEEN):
            share = part / BETWEEN
            yield x + share * (next_x - x), y + share * (next_y - y)


def floor_plan(plan: FloorPlan, *, prefix: str = "") -> str:
    """The part from above: every tile in the color of the layer with most cells in it, as SVG."""
    colors = [SERIES[place % len(SERIES)] for place in range(len(plan.layers))]
    colors = [color if name else MUTED for color, name in zip(colors, plan.layers, strict=True)]
    squares = _squares(plan)

    def paint(figure: Figure) -> None:
        from matplotlib.patches import Patch, PathPatch
        from matplotlib.path import Path

        axes = figure.subplots()
        for (layer, fill), places in sorted(squares.items()):
            opacity = FAINTEST + (1 - FAINTEST) * fill / FILL_STEPS
            corners = np.array(places)[:, None, :] + Path.unit_rectangle().vertices
            path = Path.make_compound_path_from_polys(corners)
            axes.add_patch(PathPatch(path, color=colors[layer], alpha=opacity, linewidth=0))
        axes.set(xlim=(0, plan.columns), ylim=(plan.rows, 0), xticks=[], yticks=[], aspect="equal")
        axes.spines[:].set_visible(True)
        shown = sorted({layer for layer, _ in squares})
        names = [short(plan.layers[layer]) or "outside the layers" for layer in shown]
        keys = [Patch(color=colors[layer]) for layer in shown]
        figure.legend(keys, names, loc="outside lower left", ncols=2, fontsize=9, frameon=False)

    lines = (len(plan.layers) + 1) // 2
    height = COLUMN_INCHES * plan.rows / plan.columns + 0.2 + 0.24 * lines
    title = "Floor plan of the routed design"
    return draw(paint, width=COLUMN_INCHES, height=height, name=f"{prefix}floor-plan", title=title)


def _squares(plan: FloorPlan) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Column and row of every tile, by the layer with most cells in it and by how full it is."""
    inside: dict[tuple[int, int], dict[int, int]] = {}
    for column, row, layer, number in plan.tiles:
        inside.setdefault((column, row), {})[layer] = number
    squares: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for place, numbers in inside.items():
        layer = max(numbers, key=lambda found: (numbers[found], -found))
        fill = min(ceil(FILL_STEPS * sum(numbers.values()) / TILE_CELLS), FILL_STEPS)
        squares.setdefault((layer, fill), []).append(place)
    return squares
