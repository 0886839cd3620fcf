"""The pictures of a report, each made from one section of the document."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from netwright.report.document import (
    CertificateRow,
    PlanRow,
    RocCurve,
    SensitivityRow,
)
from netwright.report.numbers import count, short
from netwright.report.style import (
    BAD,
    COLUMN_INCHES,
    DASHES,
    GOOD,
    INK,
    LINE,
    MUTED,
    SERIES,
    WIDE_INCHES,
)
from netwright.report.svg import draw, plain_log

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN_BITS = 16
"""Bits drawn one by one; a wider number is drawn as this many, and its width is written."""

ROW_INCHES = 0.42

LONG = 20
"""Characters from which a field's text is small."""

MOST_FIELDS = 6
"""Stimuli that have a field each in the strip of the certificate."""


def roc(curves: Sequence[RocCurve]) -> str:
    """Signal efficiency against background efficiency, one curve a class, as SVG."""

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for index, curve in enumerate(curves):
            points = [
                (x, y)
                for x, y in zip(curve.true_positive_rate, curve.false_positive_rate, strict=True)
                if y > 0
            ]
            axes.plot(
                [x for x, _ in points],
                [y for _, y in points],
                color=SERIES[index % len(SERIES)],
                linestyle=DASHES[index % len(DASHES)],
                linewidth=1.8,
                label=f"{short(curve.label)}  {curve.area.value:.3f}",
            )
        axes.set(
            yscale="log",
            xlim=(0, 1),
            ylim=(1e-3, 1),
            xlabel="signal efficiency",
            ylabel="background efficiency",
        )
        plain_log(axes.yaxis, steps=(1,))
        axes.grid(True)
        figure.legend(
            title="class, area", title_fontsize=9, loc="outside lower center", ncols=3,
            handlelength=2.6,
        )  # fmt: skip

    return draw(paint, width=COLUMN_INCHES, height=4.6, name="roc", title="ROC curves")


def sensitivities(rows: Sequence[SensitivityRow]) -> str:
    """Average Hessian trace per weight by layer, with standard errors, on a log scale, as SVG."""

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        places = range(len(rows))
        values = [row.trace_per_parameter for row in rows]
        errors = [(row.trace.deviation or 0.0) / row.num_parameters for row in rows]
        # A lower end at or below zero cannot be drawn on a log scale: it ends at a tenth.
        lower = [min(e, 0.9 * v) if v > 0 else 0.0 for v, e in zip(values, errors, strict=True)]
        axes.errorbar(
            values,
            places,
            xerr=(lower, errors),
            fmt="o",
            color=SERIES[0],
            ecolor=INK,
            elinewidth=1.2,
            capsize=4,
            markersize=7,
        )
        axes.set_yticks(places, [short(row.layer) for row in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        if any(value > 0 for value in values):
            axes.set_xscale("log")
            plain_log(axes.xaxis, steps=(1, 2, 5))
        axes.set_xlabel("Hessian trace per weight (bars: standard error)")
        axes.grid(True, axis="x")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)

    height = 0.9 + ROW_INCHES * max(len(rows), 4)
    return draw(
        paint,
        width=COLUMN_INCHES,
        height=height,
        name="sensitivity",
        title="Sensitivities",
    )


def input_growth(rows: Sequence[SensitivityRow]) -> str:
    """Growth of the loss by width of what each layer reads, on a log scale, as SVG.

    Growth at or below zero has no place on a log scale; the line has a gap there. The scale is
    linear where no growth is above zero.
    """
    widths = sorted({bits for row in rows for bits in row.input_growth})
    growth = [quantity.value for row in rows for quantity in row.input_growth.values()]
    is_log = any(value > 0 for value in growth)

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for index, row in enumerate(rows):
            values = [
                row.input_growth[bits].value if bits in row.input_growth else math.nan
                for bits in widths
            ]
            axes.plot(
                widths,
                [value if value > 0 or not is_log else math.nan for value in values],
                color=SERIES[index % len(SERIES)],
                linestyle=DASHES[index % len(DASHES)],
                linewidth=1.8,
                marker="o",
                markersize=4,
                label=short(row.layer),
            )
        if is_log:
            axes.set_yscale("log")
            plain_log(axes.yaxis, steps=(1,))
        axes.set_xticks(widths)
        axes.set(xlabel="input bits", ylabel="growth of the loss")
        axes.grid(True)
        figure.legend(
            title="layer", title_fontsize=9, loc="outside lower center", ncols=3, handlelength=2.6
        )

    return draw(
        paint,
        width=COLUMN_INCHES,
        height=3.2 + 0.2 * math.ceil(len(rows) / 3),
        name="growth",
        title="Growth of the loss by width of what each layer reads",
    )


def plan(rows: Sequence[PlanRow]) -> str:
    """Widths of weights and inputs by layer, one square a bit, beside the cost, as SVG."""

    def paint(figure: Figure) -> None:
        weights, inputs, cost = figure.subplots(1, 3, width_ratios=(2, 2, 1.25), sharey=True)
        _bits(weights, [row.weight_bits for row in rows], color=SERIES[0], filled=True)
        _bits(inputs, [row.input_bits for row in rows], color=SERIES[1], filled=False)
        weights.set_title("weight bits", loc="left")
        inputs.set_title("input bits", loc="left")
        weights.set_yticks(range(len(rows)), [short(row.layer) for row in rows])
        weights.set_ylim(len(rows) - 0.5, -0.5)
        total = sum(row.bops.value for row in rows) or 1.0
        for place, row in enumerate(rows):
            share = row.bops.value / total
            cost.barh(place, share, height=0.62, color=LINE, edgecolor=MUTED, linewidth=0.8)
            cost.text(share + 0.03, place, f"{share:.0%}", va="center", fontsize=9)
        cost.set_title("share of BOPs", loc="left")
        cost.set_xlim(0, 1.2)
        for axes in (weights, inputs, cost):
            axes.set_xticks([])
            axes.tick_params(axis="y", length=0)
            axes.spines[["left", "bottom"]].set_visible(False)

    height = 0.5 + ROW_INCHES * max(len(rows), 2)
    return draw(paint, width=WIDE_INCHES, height=height, name="plan", title="Bit widths")


def _bits(axes: Axes, widths: Sequence[int], *, color: str, filled: bool) -> None:
    for place, width in enumerate(widths):
        shown = min(width, SHOWN_BITS)
        axes.barh(
            [place] * shown,
            [0.82] * shown,
            left=[float(bit) for bit in range(shown)],
            height=0.62,
            color=color if filled else "none",
            edgecolor=color,
            linewidth=1.1,
        )
        axes.text(shown + 0.3, place, str(width), va="center", fontweight="bold")
    axes.set_xlim(-0.3, SHOWN_BITS + 2.5)


def certificate(rows: Sequence[CertificateRow]) -> str:
    """A strip of fields, stages by stimuli: rows identical over rows checked, as SVG.

    Where there are many stimuli, those of a single stage share a field.
    """
    rows = _condensed(rows)
    pairs = list(dict.fromkeys((row.stage, row.against) for row in rows))
    stimuli = list(dict.fromkeys(row.stimuli for row in rows))

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for row in rows:
            left, place = stimuli.index(row.stimuli), pairs.index((row.stage, row.against))
            color = GOOD if row.identical else BAD
            axes.barh(
                place,
                0.94,
                left=left,
                height=0.8,
                color=color + ("1f" if row.identical else "2e"),
                edgecolor=color,
                linewidth=1.2,
                hatch="" if row.identical else "///",
            )
            told = _verdict(row)
            axes.text(
                left + 0.47,
                place,
                told,
                fontsize="x-small" if len(told) > LONG else None,
                ha="center",
                va="center",
                color=color,
                fontweight="bold",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 2.0}
                if not row.identical
                else None,
            )
        axes.set_xlim(-0.04, len(stimuli))
        axes.set_ylim(len(pairs) - 0.5, -0.5)
        axes.set_yticks(range(len(pairs)), [f"{short(a)} = {short(b)}" for a, b in pairs])
        axes.set_xticks([i + 0.47 for i in range(len(stimuli))], [short(s) for s in stimuli])
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)

    height = 0.45 + ROW_INCHES * len(pairs)
    title = "Stages that were compared integer for integer"
    return draw(paint, width=WIDE_INCHES, height=height, name="certificate", title=title)


def _condensed(rows: Sequence[CertificateRow]) -> list[CertificateRow]:
    """The rows; of more than `MOST_FIELDS` stimuli, those of one stage alone are summed."""
    stages: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for row in rows:
        stages[row.stimuli].add((row.stage, row.against))
    alone = {name for name, found in stages.items() if len(found) == 1}
    if len(stages) <= MOST_FIELDS or len(alone) < 2:
        return list(rows)
    kept = [row for row in rows if row.stimuli not in alone]
    sums: dict[tuple[str, str], list[CertificateRow]] = defaultdict(list)
    for row in rows:
        if row.stimuli in alone:
            sums[row.stage, row.against].append(row)
    for parts in sums.values():
        checked = all(row.num_rows for row in parts)
        kept.append(
            parts[0].model_copy(
                update={
                    "stimuli": "others",
                    "num_rows": sum(row.num_rows for row in parts) if checked else 0,
                    "num_identical": sum(row.num_identical for row in parts) if checked else 0,
                }
            )
        )
    return kept


def _verdict(row: CertificateRow) -> str:
    if row.num_rows == 0:
        return "nothing checked"
    mark = "✓" if row.identical else "✗"
    return f"{mark} {count(row.num_identical)} / {count(row.num_rows)}"
