"""Names beside points of a picture, each with a line to its point, where they cover nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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

PLACES = ((0, 1), (1, 1), (0, 0), (1, 0), (0.5, 1), (0.5, 0), (0, 0.5), (1, 0.5), (0.5, 0.5))
"""Where a box may lie in the axes, the best first: shares of the room that it leaves."""

INSET = 8.0
"""Pixels between the frame of the axes and a box inside."""

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
    pixels = _laid_out(axes)
    frame = axes.get_window_extent()
    spots = [tuple(axes.transData.transform((label.x, label.y))) for label in labels]
    taken = [*_around(axes, [(label.x, label.y) for label in labels]), *_around(axes, avoid)]
    taken += _texts(axes)
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


def write_box(
    axes: Axes, label: Label, *, avoid: Sequence[tuple[float, float]] = (), fontsize: float = 10.0
) -> None:
    """Write a bold label in a frame inside the axes, with a line to its point, where room is.

    Call it before :func:`name_points`, whose labels keep off the frame.

    Args:
        axes: With everything drawn and the limits set.
        label: Its color is that of the frame, the line and the text.
        avoid: Points that the frame shall not cover.
        fontsize: In points.
    """
    pixels = _laid_out(axes)
    frame = axes.get_window_extent()
    taken = [*_around(axes, [(label.x, label.y), *avoid]), *_texts(axes)]
    look: dict[str, Any] = {"fontsize": fontsize, "fontweight": "bold", "linespacing": 1.4}
    probe = axes.text(0, 0, label.text, **look)
    size = probe.get_window_extent()
    probe.remove()
    pad = 5.0 * pixels
    width, height = size.width + 2 * pad, size.height + 2 * pad
    rooms = (frame.width - width - 2 * INSET, frame.height - height - 2 * INSET)

    def box(place: tuple[float, float]) -> Box:
        left = frame.x0 + INSET + place[0] * rooms[0]
        bottom = frame.y0 + INSET + place[1] * rooms[1]
        return left, left + width, bottom, bottom + height

    best = box(min(PLACES, key=lambda place: sum(overlap(box(place), other) for other in taken)))
    axes.annotate(
        label.text,
        (label.x, label.y),
        xytext=(
            (best[0] + pad - frame.x0) / frame.width,
            (best[3] - pad - frame.y0) / frame.height,
        ),
        textcoords="axes fraction",
        va="top",
        zorder=21,
        bbox={"facecolor": "white", "edgecolor": label.color, "linewidth": 0.8, "pad": 5.0},
        arrowprops={"arrowstyle": "-", "color": label.color, "shrinkB": 7, "linewidth": 0.8},
        **look,
    )


def _laid_out(axes: Axes) -> float:
    """Lay the figure out, which decides where the pixels are; how many make a point."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    return figure.dpi / 72


def _around(axes: Axes, points: Sequence[tuple[float, float]]) -> list[Box]:
    spots = [tuple(axes.transData.transform(point)) for point in points]
    return [(x - POINT, x + POINT, y - POINT, y + POINT) for x, y in spots]


def _texts(axes: Axes) -> list[Box]:
    """Where texts of the axes are, with their frames, without their lines."""
    from matplotlib.text import Text

    found = []
    for text in axes.texts:
        patch = text.get_bbox_patch()
        box = Text.get_window_extent(text) if patch is None else patch.get_window_extent()
        found.append((box.x0, box.x1, box.y0, box.y1))
    return found


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
