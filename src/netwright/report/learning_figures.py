"""The pictures of training: curves by epoch, and what every class was taken for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from netwright.report.learning import Confusion, TrainingCurve
from netwright.report.measure import ACCURACY, Measure
from netwright.report.numbers import count, short
from netwright.report.style import COLUMN_INCHES, DASHES, INK, MUTED, SERIES, WIDE_INCHES
from netwright.report.svg import draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DARK = 0.55
"""Share of a row above which the text of a field is white."""


def confusion(found: Confusion) -> str:
    """Classes by what their rows were taken for, in percent of the class, as SVG."""

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        size = len(found.labels)
        for y, row in enumerate(found.counts):
            total = sum(row)
            for x, number in enumerate(row):
                share = number / total if total else 0.0
                color = SERIES[0] if x == y else SERIES[1]
                axes.barh(y, 0.96, left=x + 0.02, height=0.92, color=color,
                          alpha=0.06 + 0.9 * share, linewidth=0)  # fmt: skip
                axes.text(x + 0.5, y, f"{100 * share:.1f}", ha="center", va="center", fontsize=9,
                          color="white" if share > DARK else INK)  # fmt: skip
        names = [short(label, longest=12) for label in found.labels]
        axes.set_xlim(0, size)
        axes.set_ylim(size - 0.5, -0.5)
        axes.set_xticks([place + 0.5 for place in range(size)], names)
        rows = [count(sum(row)) for row in found.counts]
        axes.set_yticks(range(size), [f"{n}\n{r}" for n, r in zip(names, rows, strict=True)])
        axes.xaxis.tick_top()
        axes.xaxis.set_label_position("top")
        axes.set(xlabel="taken for (% of the class)", ylabel="class, rows")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)

    height = 1.1 + 0.52 * len(found.labels)
    title = "What rows of every class were taken for"
    return draw(paint, width=COLUMN_INCHES, height=height, name="confusion", title=title)


def training(curves: Sequence[TrainingCurve], measure: Measure = ACCURACY) -> str:
    """Loss and validation score by epoch, a color a stage, a dash a seed, as SVG."""
    stages = list(dict.fromkeys(curve.stage for curve in curves))
    seeds = list(dict.fromkeys(curve.seed for curve in curves))

    def paint(figure: Figure) -> None:
        losses, accuracies = figure.subplots(1, 2)
        for curve in curves:
            look = {
                "color": SERIES[stages.index(curve.stage) % len(SERIES)],
                "linestyle": DASHES[seeds.index(curve.seed) % len(DASHES)],
                "linewidth": 1.5,
                "label": f"{short(curve.stage)}, seed {curve.seed}",
                "marker": "o" if len(curve.losses) == 1 else "",
            }
            epochs = range(1, len(curve.losses) + 1)
            losses.plot(epochs, curve.losses, **look)
            accuracies.plot(epochs, [measure.factor * value for value in curve.accuracies], **look)
        losses.set(xlabel="epoch", ylabel="training loss")
        accuracies.set(xlabel="epoch", ylabel=f"validation {measure.axis}")
        for axes in (losses, accuracies):
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.grid(True)
        handles, names = losses.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=3, labelcolor=MUTED,
                      handlelength=2.8)  # fmt: skip

    height = 3.2 + 0.2 * -(-len(curves) // 3)
    title = f"Loss and validation {measure.name} by epoch"
    return draw(paint, width=WIDE_INCHES, height=height, name="training", title=title)
