"""How fast searches find something good: the best so far against the number of trials."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from netwright.explore import Study
from netwright.report.style import DASHES, SERIES, WIDE_INCHES
from netwright.report.svg import draw, write_picture

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

Curve = Sequence[float]
"""The best value of the first goal after each trial; not a number before the first feasible one."""


def curves(studies: Sequence[Study]) -> list[Curve]:
    """The curve of every study, as long as the shortest."""
    count = min((len(study.trials) for study in studies), default=0)
    return [_curve(study, count) for study in studies]


def _curve(study: Study, count: int) -> Curve:
    goal = study.space.goals[0]
    sign = 1.0 if goal.direction == "minimize" else -1.0
    found, best = [], math.inf
    for trial in study.trials[:count]:
        if trial.is_feasible:
            best = min(best, trial.costs(study.space)[0])
        found.append(sign * best if best < math.inf else math.nan)
    return found


def curves_picture(
    path: str | Path, found: Mapping[str, Sequence[Curve]], *, title: str, unit: str
) -> None:
    """Draw a line for each name, the mean over its curves, and a band of their deviation.

    Args:
        path: Where to write; ``.png`` or SVG.
        found: Curves by name; a line begins where all curves of its name have a value.
        title: Of the picture.
        unit: What the curves show.

    Raises:
        MissingExtra: Matplotlib is not installed.
    """
    write_picture(Path(path), _painter(found, unit, title), width=WIDE_INCHES, height=4.0,
                  title=title)  # fmt: skip


def curves_svg(found: Mapping[str, Sequence[Curve]], *, name: str, title: str, unit: str) -> str:
    """The picture of :func:`curves_picture` as one ``<svg>`` element for a page."""
    return draw(_painter(found, unit, title), width=WIDE_INCHES, height=4.0, name=name, title=title)


def _painter(
    found: Mapping[str, Sequence[Curve]], unit: str, title: str
) -> Callable[[Figure], None]:
    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for index, (name, own) in enumerate(found.items()):
            values = np.array(own, dtype=np.float64)
            if not values.size:
                continue
            numbers = np.arange(1, values.shape[1] + 1)
            known = np.isfinite(values).all(axis=0)
            color = SERIES[index % len(SERIES)]
            mean, spread = values[:, known].mean(axis=0), values[:, known].std(axis=0)
            label = name if known.any() else f"{name} (not with every seed)"
            axes.plot(numbers[known], mean, color=color, linestyle=DASHES[index % len(DASHES)],
                      linewidth=1.6, label=label, drawstyle="steps-post")  # fmt: skip
            if len(values) > 1:
                axes.fill_between(numbers[known], mean - spread, mean + spread, color=color,
                                  alpha=0.15, linewidth=0, step="post")  # fmt: skip
        axes.set(xlabel="trials", ylabel=unit)
        axes.grid(True)
        axes.set_title(title, loc="left")
        figure.legend(loc="outside lower center", ncols=4)

    return paint
