"""The picture that architects know: addresses against time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netwright.mapping import Mapping, kib
from netwright.report.style import INK, MUTED, SERIES, WIDE_INCHES
from netwright.report.svg import draw
from netwright.workload import Workload

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LABELED_SHARE = 0.04
"""A stay carries its tensor's name if it covers at least this share of both axes."""


def memory_map(workload: Workload, mapping: Mapping, *, capacity_bytes: int) -> str:
    """Every stay of every tensor as a rectangle of steps by bytes, as SVG.

    Stays that begin with a return from off-chip memory have a heavy left edge.

    Args:
        workload: What is computed.
        mapping: A legal mapping of it.
        capacity_bytes: Height of the picture.
    """
    num_steps = len(mapping.order)
    made_at = {e.output.tensor: mapping.order.index(e.name) for e in workload.einsums}
    names = list(dict.fromkeys(stay.tensor for stay in mapping.residencies))
    color_of = {name: SERIES[i % (len(SERIES) - 1)] for i, name in enumerate(names)}

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for stay in mapping.residencies:
            size = workload.by_name[stay.tensor].num_bytes / 1024
            length = stay.last - stay.first + 1
            low = stay.offset / 1024
            color = color_of[stay.tensor]
            axes.barh(
                low,
                length,
                left=stay.first,
                height=size,
                align="edge",
                color=color + "55",
                edgecolor=color,
                linewidth=0.6,
            )
            returns = stay.tensor in made_at and stay.first > made_at[stay.tensor]
            if returns:
                axes.plot([stay.first] * 2, [low, low + size], color=INK, linewidth=2.4)
            large = size * 1024 >= LABELED_SHARE * capacity_bytes
            if large and length >= LABELED_SHARE * num_steps:
                middle = (stay.first + length / 2, low + size / 2)
                label = stay.tensor.removesuffix(".out")
                axes.text(*middle, label, ha="center", va="center", fontsize=7, color=INK)
        axes.axhline(capacity_bytes / 1024, color=MUTED, linewidth=1.0, linestyle="--")
        axes.set(
            xlim=(0, num_steps),
            ylim=(0, 1.02 * capacity_bytes / 1024),
            xlabel="step",
            ylabel="address in KiB",
        )
        axes.set_title(
            f"{workload.name}, {workload.granularity}: {kib(capacity_bytes)} of scratchpad; "
            "a heavy edge is a return from off-chip memory",
            loc="left",
        )

    title = f"Memory map of {workload.name}"
    return draw(paint, width=WIDE_INCHES, height=4.6, name="memory-map", title=title)
