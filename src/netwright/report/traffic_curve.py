"""The picture that answers how big a scratchpad must be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netwright.mapping import Curve, kib
from netwright.report.style import INK, MUTED, SERIES, WIDE_INCHES
from netwright.report.svg import draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def traffic_curve_picture(curve: Curve, *, name: str, granularity: str) -> str:
    """Non-compulsory traffic against the size of the scratchpad, knee marked, as SVG.

    Args:
        curve: The curve.
        name: Name of the network.
        granularity: Which operators are steps.
    """

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        sizes = [point.capacity_bytes / 1024 for point in curve.points]
        traffic = [point.num_bytes / 1024 for point in curve.points]
        axes.step(sizes, traffic, where="post", color=SERIES[0], linewidth=1.6)
        axes.plot(sizes, traffic, "o", color=SERIES[0], markersize=3)
        knee = curve.points[curve.knee]
        at = (knee.capacity_bytes / 1024, knee.num_bytes / 1024)
        axes.plot(*at, "o", color=INK, markersize=8, fillstyle="none", markeredgewidth=1.6)
        label = f"knee: {kib(knee.capacity_bytes)}, {kib(knee.num_bytes)} of traffic"
        axes.annotate(
            label, at, xytext=(14, 18), textcoords="offset points", fontsize=9, color=INK,
            arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.8},
        )  # fmt: skip
        for x, text, side in (
            (sizes[0], "smallest that runs", "left"), (sizes[-1], "nothing leaves", "right"),
        ):  # fmt: skip
            axes.axvline(x, color=MUTED, linewidth=1.0, linestyle="--")
            shift = 4 if side == "left" else -4
            axes.annotate(
                f"{text}: {kib(round(x * 1024))}", (x, max(traffic)), xytext=(shift, 10),
                textcoords="offset points", ha=side, fontsize=8, color=MUTED,
            )  # fmt: skip
        axes.set(xlabel="scratchpad in KiB", ylabel="non-compulsory traffic in KiB")
        axes.set_ylim(0, 1.18 * max(*traffic, 1))
        axes.set_title(f"{name}, {granularity}: off-chip traffic against size", loc="left")

    title = f"Traffic of {name} against the size of the scratchpad"
    return draw(paint, width=WIDE_INCHES, height=3.8, name="traffic-curve", title=title)
