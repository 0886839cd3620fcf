"""Names beside points of a picture, each with a line to its point, where they cover nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netwright.report.style import MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RADII = (14.0, 24.0, 36.0, 50.0, 66.0, 84.0, 104.0)
"""How far a label may be from its point, in points; the nearest place that is free is taken."""

ANGLES = (45, 135, -45, -135, 90, -90, 20, 160, -20, -160, 65, 115, -65, -115, 0, 180)
"""In which directions, in degrees, the best first."""

CLEARANCE = 3.0
"""Pixels that are kept free around labels and points."""

POINT = 5.0
"""Pixels from the middle of a point to its edge."""

Box = tuple[float, float, float, float]
"""Left, right, bottom and top in pixels."""


@dataclass(frozen=True, slots=True)
class Label:
    """A name for a point.

    Attributes:
        x: Where the point is, in the units of the axes.
        y: Likewise.
        text: One line or several.
        color: Of the text and of its line.
    """

    x: float
    y: float
    text: str
    color: str


def name_points(
    axes: Axes,
    labels: Sequence[Label],
    *,
    avoid: Sequence[tuple[float, float]] = (),
    fontsize: float = 8.5,
) -> None:
    """Write the labels; call it last, when everything else is drawn and the limits stand.

    Args:
        axes: With points at the places of all labels.
        labels: The most important first.
        avoid: Further points that labels shall not cover, such as those of a line.
        fontsize: In points.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # the layout decides where the pixels are
    pixels = figure.dpi / 72
    frame = axes.get_window_extent()
    spots = [tuple(axes.transData.transform((label.x, label.y))) for label in labels]
    taken: list[Box] = [(x - POINT, x + POINT, y - POINT, y + POINT) for x, y in spots]
    others = [tuple(axes.transData.transform(point)) for point in avoid]
    taken += [(x - POINT, x + POINT, y - POINT, y + POINT) for x, y in others]
    lines: list[tuple[tuple[float, float], tuple[float, float]]] = []
    for number, (label, (x, y)) in enumerate(zip(labels, spots, strict=True)):
        probe = axes.text(0, 0, label.text, fontsize=fontsize, linespacing=1.25)
        size = probe.get_window_extent()
        probe.remove()
        best = min(
            _places(x, y, size.width, size.height, pixels),
            key=lambda found: _cost(
                found[0], (x, y), found[1], frame=(frame.x0, frame.x1, frame.y0, frame.y1),
                taken=taken, own=number, lines=lines,
            ),
        )  # fmt: skip
        box, end = best
        taken.append(box)
        lines.append(((x, y), end))
        middle = ((box[0] + box[1]) / 2, (box[2] + box[3]) / 2)
        axes.annotate(
            label.text,
            (label.x, label.y),
            xytext=((middle[0] - x) / pixels, (middle[1] - y) / pixels),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=fontsize,
            linespacing=1.25,
            color=label.color,
            zorder=30,
            arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.7, "shrinkA": 1,
                        "shrinkB": 4},
        )  # fmt: skip


def _places(
    x: float, y: float, width: float, height: float, pixels: float
) -> Iterator[tuple[Box, tuple[float, float]]]:
    """Boxes around a point, the nearest first, each with the end of its line."""
    for radius in RADII:
        for angle in ANGLES:
            turn = math.radians(angle)
            end = (x + radius * pixels * math.cos(turn), y + radius * pixels * math.sin(turn))
            left = end[0] - width * (1 - math.cos(turn)) / 2
            bottom = end[1] - height * (1 - math.sin(turn)) / 2
            yield (left, left + width, bottom, bottom + height), end


def _cost(
    box: Box,
    point: tuple[float, float],
    end: tuple[float, float],
    *,
    frame: Box,
    taken: Sequence[Box],
    own: int,
    lines: Sequence[tuple[tuple[float, float], tuple[float, float]]],
) -> float:
    """Area that a place covers of others or of what lies outside; 0 where it is free."""
    wide = (box[0] - CLEARANCE, box[1] + CLEARANCE, box[2] - CLEARANCE, box[3] + CLEARANCE)
    cost = sum(overlap(wide, other) for other in taken)
    inside = overlap(box, frame)
    cost += 10 * ((box[1] - box[0]) * (box[3] - box[2]) - inside)
    steps = [(t / 8, 1 - t / 8) for t in range(1, 9)]
    for s, t in steps:  # a line that runs over another point or label misleads
        at = (point[0] * t + end[0] * s, point[1] * t + end[1] * s)
        cost += sum(
            40.0
            for number, other in enumerate(taken)
            if number != own and other[0] < at[0] < other[1] and other[2] < at[1] < other[3]
        )
    for start, stop in lines:  # and a label on the line of another one does too
        for s, t in steps:
            at = (start[0] * t + stop[0] * s, start[1] * t + stop[1] * s)
            if box[0] < at[0] < box[1] and box[2] < at[1] < box[3]:
                cost += 40.0
    return cost


def overlap(one: Box, other: Box) -> float:
    """Area that two boxes share.

    >>> overlap((0, 2, 0, 2), (1, 3, 1, 3)), overlap((0, 1, 0, 1), (2, 3, 0, 1))
    (1, 0)
    """
    width = min(one[1], other[1]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[2], other[2])
    return max(width, 0) * max(height, 0)
