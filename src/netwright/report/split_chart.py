"""A split as a picture: the schedule of the accelerators, and the chip with its layers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from netwright.arch import Architecture, sized
from netwright.arch.diagram import scaled
from netwright.cost import NetworkSplit
from netwright.report.style import INK, MUTED, SERIES, WIDE_INCHES
from netwright.report.svg import draw, write_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEIGHT_INCHES = 6.5

LABELED_SHARE = 0.05
"""A step carries its name if it takes at least this share of the time."""

MOST_NAMES = 14
"""Steps that are named on the chip for each accelerator."""


def split_chart(found: NetworkSplit, architecture: Architecture, path: Path) -> None:
    """Draw when each accelerator runs which step, and below it the chip with its layers.

    Areas of the chip are in proportion to the accelerators' where these are known.

    Args:
        found: Networks on a machine.
        architecture: The machine.
        path: Where to write; ``.png`` or SVG.

    Raises:
        MissingExtra: Matplotlib is not installed.
    """
    write_picture(
        path, _painter(found, architecture), width=WIDE_INCHES, height=HEIGHT_INCHES,
        title=f"Split of {found.workload.name}",
    )  # fmt: skip


def inline_split_chart(found: NetworkSplit, architecture: Architecture, *, name: str) -> str:
    """The picture of :func:`split_chart` as one ``<svg>`` element for a page.

    Args:
        found: Networks on a machine.
        architecture: The machine.
        name: Unique on the page.

    Raises:
        MissingExtra: Matplotlib is not installed.
    """
    return draw(
        _painter(found, architecture), width=WIDE_INCHES, height=HEIGHT_INCHES, name=name,
        title=f"Split of {found.workload.name}",
    )  # fmt: skip


def _painter(found: NetworkSplit, architecture: Architecture) -> Callable[[Figure], None]:
    networks = list(dict.fromkeys(run.name.partition(".")[0] for run in found.runs))
    several = " + " in found.workload.name
    color_of = {name: SERIES[n % len(SERIES)] for n, name in enumerate(networks)}

    def color(name: str) -> str:
        return color_of[name.partition(".")[0]] if several else SERIES[0]

    def paint(figure: Figure) -> None:
        above, below = figure.subplots(2, 1, height_ratios=(1, 1.6))
        _schedule(above, found, color)
        if several:
            for name in networks:
                above.barh([0], [0], color=color_of[name], label=name)
            above.legend(ncols=len(networks))
        above.set_title(f"{found.workload.name} on {architecture.name}: "
                        f"{scaled(found.seconds, 's')}, {scaled(found.joules, 'J')}")  # fmt: skip
        _chip(below, found, architecture, color)

    return paint


def _schedule(axes: Axes, found: NetworkSplit, color: Callable[[str], str]) -> None:
    for run in found.runs:
        row = found.units.index(run.unit)
        start, length = 1e6 * run.start_s, 1e6 * (run.end_s - run.start_s)
        axes.barh(row, length, left=start, height=0.7, color=color(run.name), edgecolor="white")
        if run.end_s - run.start_s >= LABELED_SHARE * found.seconds:
            label = run.name.rpartition(".")[2]
            axes.text(
                start + length / 2, row, label, ha="center", va="center", fontsize=7, color="white"
            )
    axes.set_yticks(range(len(found.units)), found.units)
    axes.invert_yaxis()
    axes.set(xlabel="time in µs", xlim=(0, 1e6 * found.seconds * 1.01))


def _chip(
    axes: Axes, found: NetworkSplit, architecture: Architecture, color: Callable[[str], str]
) -> None:
    from matplotlib.patches import Rectangle

    axes.set_axis_off()
    own = {part.name: sized(part) for part in architecture.accelerators}
    areas = [own[unit].area_m2 if unit in own else 0.0 for unit in found.units]
    known = all(areas)
    total = sum(areas) if known else float(len(areas))
    left = 0.0
    for unit, area in zip(found.units, areas, strict=True):
        width = 10 * (area / total if known else 1 / total)
        axes.add_patch(Rectangle((left, 0), width, 5, facecolor="white", edgecolor=INK))
        told = [unit]
        if unit in own:
            size = own[unit]
            told.append(f"{size.name}, {size.elements} elements, {scaled(size.bandwidth, 'B/s')}")
            told.append(f"{size.buffer_bytes // 1024} KiB, {1e6 * area:.3g} mm²")
        axes.text(left + 0.1, 4.85, "\n".join(told), va="top", fontsize=7.5, color=INK)
        runs = [run for run in found.runs if run.unit == unit]
        for place, run in enumerate(runs[:MOST_NAMES]):
            column, row = divmod(place, MOST_NAMES // 2)
            axes.text(left + 0.1 + column * width / 2, 3.3 - 0.46 * row, run.name, fontsize=7,
                      color=color(run.name))  # fmt: skip
        if len(runs) > MOST_NAMES:
            axes.text(left + width - 0.1, 0.1, f"and {len(runs) - MOST_NAMES} more", ha="right",
                      fontsize=7, color=MUTED)  # fmt: skip
        left += width
    note = "areas in proportion, modelled" if known else "areas not known"
    axes.text(10, -0.35, note, ha="right", fontsize=7, color=MUTED)
    axes.set(xlim=(-0.1, 10.1), ylim=(-0.6, 5.1))
