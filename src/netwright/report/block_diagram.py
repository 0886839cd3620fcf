"""Block diagrams of machines as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from netwright.arch import Architecture, Node
from netwright.arch.diagram import ASSUMED, describe
from netwright.report.style import INK, MUTED, SERIES
from netwright.report.svg import write_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW, INSET = 0.62, 0.35
_COLORS = {"memory": SERIES[0], "array": SERIES[1], "link": MUTED, "compute": SERIES[2]}


def block_diagram(architecture: Architecture, path: Path) -> None:
    """Draw nested boxes, the root outside; an array stands for copies of all it encloses.

    Args:
        architecture: Any machine.
        path: Where to write; ``.png`` or SVG.

    Raises:
        MissingExtra: Matplotlib is not installed.
    """
    height = ROW * len(architecture.nodes) + 0.9

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.set_axis_off()
        bottom = _boxes(axes, architecture, architecture.root, (0.0, 0.0, 10.0), 1)
        axes.set(xlim=(-0.1, 10.1), ylim=(bottom + 0.5, -0.1))
        axes.text(10.0, bottom + 0.3, ASSUMED, ha="right", va="center", fontsize=7.5, color=MUTED)
        axes.set_title(architecture.title or architecture.name, loc="left")

    title = f"Block diagram of {architecture.name}"
    write_picture(path, paint, width=9.0, height=height, title=title)


def _boxes(
    axes: Axes,
    architecture: Architecture,
    node: Node,
    place: tuple[float, float, float],
    depth: int,
) -> float:
    """Draw a node around everything below it; return its lower edge.

    Args:
        axes: Where to draw.
        architecture: The machine.
        node: The node.
        place: Left, upper and right edge.
        depth: Nodes around this one; deeper ones are drawn on top.
    """
    from matplotlib.patches import Rectangle

    left, top, right = place
    low = top + 0.85 * ROW
    for child in architecture.children(node.name):
        inside = (left + INSET, low, right - INSET)
        low = _boxes(axes, architecture, child, inside, depth + 1) + 0.12 * ROW
    color, size = _COLORS[node.kind], (right - left, low - top)
    shifts = (0.12, 0.06, 0.0) if node.kind == "array" else (0.0,)
    for shift in shifts:
        corner = (left + shift, top + shift)
        box = Rectangle(corner, *size, facecolor="white", edgecolor=color, zorder=depth)
        axes.add_patch(box)
    middle = top + 0.42 * ROW
    name = axes.text(left + 0.12, middle, node.name, weight="bold", zorder=depth, color=INK)
    start = left + 0.32 + 0.13 * max(len(node.name), 6)
    told = axes.text(start, middle, describe(node), fontsize=7.5, zorder=depth, color=INK)
    for text in (name, told):
        text.set_verticalalignment("center")
    return low
