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
        bottom = _boxes(axes, architecture, architecture.root, 0.0, 0.0, 10.0)
        axes.set(xlim=(-0.1, 10.1), ylim=(bottom + 0.5, -0.1))
        axes.text(10.0, bottom + 0.3, ASSUMED, ha="right", va="center", fontsize=7.5, color=MUTED)
        axes.set_title(architecture.title or architecture.name, loc="left")

    title = f"Block diagram of {architecture.name}"
    write_picture(path, paint, width=9.0, height=height, title=title)


def _boxes(
    axes: Axes, architecture: Architecture, node: Node, left: float, top: float, right: float
) -> float:
    """Draw a node around everything below it; return its lower edge."""
    from matplotlib.patches import Rectangle

    low = top + 0.85 * ROW
    for child in architecture.children(node.name):
        low = _boxes(axes, architecture, child, left + INSET, low, right - INSET) + 0.12 * ROW
    color = _COLORS[node.kind]
    size = (right - left, low - top)
    if node.kind == "array":
        for shift in (0.12, 0.06):
            behind = Rectangle(
                (left + shift, top + shift), *size, fill=False, edgecolor=color, linewidth=0.7
            )
            axes.add_patch(behind)
    axes.add_patch(Rectangle((left, top), *size, facecolor="white", edgecolor=color))
    axes.text(left + 0.12, top + 0.42 * ROW, node.name, va="center", weight="bold", color=INK)
    width = 0.16 * max(len(node.name), 6) + 0.2
    axes.text(left + 0.12 + width, top + 0.42 * ROW, describe(node), va="center", fontsize=7.5,
              color=INK)  # fmt: skip
    return low
