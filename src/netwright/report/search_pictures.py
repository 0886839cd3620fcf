"""Pictures of a search: the front, parallel coordinates, the importance of parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from netwright.explore import Choice, Parameter, Study, Trial
from netwright.explore.importance import importance
from netwright.report.numbers import short
from netwright.report.style import BAD, COLUMN_INCHES, GOOD, INK, LINE, MUTED, SERIES, WIDE_INCHES
from netwright.report.svg import draw, plain_log

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_LINES = 400
"""Trials whose lines are drawn; with more of them the picture is a blot."""

MOST_AXES = 14
"""Parameters that have an axis: those that matter most."""

MOST_TICKS = 6


def front_picture(study: Study) -> str:
    """The first two goals of all complete trials, and the front with its uncertainty."""
    first, second = study.space.goals[:2]
    complete = [t for t in study.trials if first.value in t.values and second.value in t.values]
    feasible = [t for t in complete if t.is_feasible]
    others = [t for t in complete if not t.is_feasible]
    edge = study.front

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for trials, color, label in ((others, LINE, "breaks a constraint, or stopped"),
                                     (feasible, SERIES[5], "feasible")):  # fmt: skip
            if trials:
                axes.plot([t.values[first.value] for t in trials],
                          [t.values[second.value] for t in trials], "o", markersize=4,
                          markerfacecolor=color, markeredgecolor=MUTED, markeredgewidth=0.4,
                          label=label)  # fmt: skip
        if edge:
            xs, ys = ([t.values[g.value] for t in edge] for g in (first, second))
            errors = [[t.values.get(f"{g.value}_deviation", 0.0) for t in edge]
                      for g in (first, second)]  # fmt: skip
            axes.plot(xs, ys, color=SERIES[0], linewidth=1.2, drawstyle="steps-post")
            axes.errorbar(xs, ys, xerr=errors[0] if any(errors[0]) else None,
                          yerr=errors[1] if any(errors[1]) else None, fmt="o", markersize=6,
                          color=SERIES[0], capsize=2.5, label="front")  # fmt: skip
        _scale(axes, "x", [t.values[first.value] for t in complete])
        _scale(axes, "y", [t.values[second.value] for t in complete])
        axes.set(xlabel=f"{first.value} ({first.direction}d)",
                 ylabel=f"{second.value} ({second.direction}d)")  # fmt: skip
        axes.grid(True)
        figure.legend(loc="outside lower center", ncols=3)

    title = f"{second.value} against {first.value} of {len(complete)} trials"
    return draw(paint, width=WIDE_INCHES, height=4.6, name="front", title=title)


def parallel_picture(study: Study) -> str:
    """A line for each trial through its parameters and its goals; better ones are darker."""
    space = study.space
    weights = importance(study)
    names = [p.name for p in space.parameters]
    kept = sorted(names, key=lambda name: -weights.get(name, 0.0))[:MOST_AXES]
    shown = [p for p in space.parameters if p.name in kept]
    trials = [t for t in study.trials if math.isfinite(t.costs(space)[0])]
    trials = sorted(trials, key=lambda t: (not t.is_feasible, t.costs(space)))[:MOST_LINES]

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        costs = {goal.value: [t.values[goal.value] for t in trials] for goal in space.goals}
        edge = {trial.number for trial in study.front}
        for place, trial in reversed(list(enumerate(trials))):
            heights = [p.share(trial.parameters[p.name]) if p.name in trial.parameters else math.nan
                       for p in shown]  # fmt: skip
            heights += [_height(trial.values[goal], values) for goal, values in costs.items()]
            good = 1 - place / max(1, len(trials) - 1)
            chosen = trial.number in edge
            color = SERIES[0] if chosen else MUTED if trial.is_feasible else BAD
            axes.plot(range(len(heights)), heights, color=color,
                      alpha=1.0 if chosen else 0.08 + 0.35 * good**2,
                      linewidth=1.6 if chosen else 0.8, zorder=3 if chosen else 1)  # fmt: skip
        for place, parameter in enumerate(shown):
            _parameter_axis(axes, place, parameter)
        for place, (goal, values) in enumerate(costs.items(), start=len(shown)):
            _value_axis(axes, place, goal, values)
        labels = [*(p.name for p in shown), *costs]
        axes.set_xticks(range(len(labels)), [short(label, longest=18) for label in labels],
                        rotation=20 if len(labels) > 6 else 0,
                        ha="right" if len(labels) > 6 else "center")  # fmt: skip
        axes.set(ylim=(-0.04, 1.04), xlim=(-0.3, len(labels) - 0.3), yticks=[])
        axes.spines["left"].set_visible(False)

    title = f"{len(trials)} trials through their parameters and goals"
    return draw(paint, width=WIDE_INCHES, height=4.6, name="parallel", title=title)


def importance_picture(study: Study) -> str:
    """Bars: the share of each goal's differences that each parameter alone explains."""
    goals = [goal.value for goal in study.space.goals]
    shares = [importance(study, place) for place in range(len(goals))]
    names = sorted(study.space.names, key=lambda name: max(s.get(name, 0.0) for s in shares))
    names = names[-MOST_AXES:]

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        height = 0.8 / len(goals)
        for place, (goal, share) in enumerate(zip(goals, shares, strict=True)):
            heights = [i + 0.4 - (place + 0.5) * height for i in range(len(names))]
            axes.barh(heights, [share.get(name, 0.0) for name in names], height * 0.92,
                      color=SERIES[place % len(SERIES)], label=goal)  # fmt: skip
        axes.set_yticks(range(len(names)), [short(name, longest=30) for name in names])
        axes.set(xlabel="share of the differences between trials that it explains alone",
                 xlim=(0, 1))  # fmt: skip
        axes.grid(True, axis="x")
        if len(goals) > 1:
            axes.legend(loc="lower right")

    tall = 1.0 + 0.24 * len(names) * max(1, 0.6 * len(goals))
    return draw(paint, width=COLUMN_INCHES * 1.4, height=min(tall, 6.0), name="importance",
                title="Importance of parameters")  # fmt: skip


def states_picture(study: Study) -> str:
    """The value of the first goal of every trial in their order, and the best so far."""
    goal = study.space.goals[0]

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        kinds: tuple[tuple[Callable[[Trial], bool], str, str], ...] = (
            (lambda t: t.is_feasible, GOOD, "feasible"),
            (lambda t: not t.is_feasible, LINE, "not feasible"),
        )
        for holds, color, label in kinds:
            own = [t for t in study.trials if goal.value in t.values and holds(t)]
            axes.plot([t.number for t in own], [t.values[goal.value] for t in own], "o",
                      markersize=3, color=color, label=label)  # fmt: skip
        for trial in study.trials:
            if trial.state == "failed":
                axes.axvline(trial.number, ymax=0.03, color=BAD, linewidth=1.0)
        _best_line(axes, study)
        _scale(axes, "y", [t.values[goal.value] for t in study.trials if goal.value in t.values])
        axes.set(xlabel="trial", ylabel=f"{goal.value} ({goal.direction}d)")
        axes.locator_params(axis="x", integer=True)
        axes.grid(True, axis="y")
        figure.legend(loc="outside lower center", ncols=3)

    title = f"{goal.value} of {len(study.trials)} trials in their order"
    return draw(paint, width=WIDE_INCHES, height=3.4, name="states", title=title)


def _best_line(axes: Axes, study: Study) -> None:
    best, numbers, values = math.inf, [], []
    for trial in study.trials:
        cost = trial.costs(study.space)[0]
        if trial.is_feasible and cost < best:
            best = cost
            numbers.append(trial.number)
            values.append(trial.values[study.space.goals[0].value])
    if numbers:
        numbers.append(study.trials[-1].number)
        values.append(values[-1])
        axes.plot(numbers, values, color=INK, linewidth=1.2, drawstyle="steps-post",
                  label="best so far")  # fmt: skip


def _scale(axes: Axes, which: str, values: Sequence[float]) -> None:
    """A logarithmic scale where values spread over more than one order of magnitude."""
    if _is_wide(values):
        (axes.set_xscale if which == "x" else axes.set_yscale)("log")
        plain_log(axes.xaxis if which == "x" else axes.yaxis, steps=(1, 2, 5))


def _is_wide(values: Sequence[float]) -> bool:
    """Whether ratios say more of the values than differences."""
    return bool(values) and min(values) > 0 and max(values) > 10 * min(values)


def _height(value: float, values: Sequence[float]) -> float:
    low, high = min(values), max(values)
    if high == low:
        return 0.5
    if _is_wide(values):
        return math.log(value / low) / math.log(high / low)
    return (value - low) / (high - low)


def _parameter_axis(axes: Axes, place: int, parameter: Parameter) -> None:
    axes.axvline(place, color=INK, linewidth=0.8, zorder=4)
    if isinstance(parameter, Choice):
        step = -(-len(parameter.values) // MOST_TICKS)
        marks = [(parameter.share(value), value) for value in parameter.values[::step]]
    else:
        marks = [(0.0, parameter.low), (1.0, parameter.high)]
    for height, value in marks:
        text = "x".join(map(str, value)) if isinstance(value, tuple) else (
            f"{value:g}" if isinstance(value, float) else str(value)
        )  # fmt: skip
        _tick(axes, place, height, text)


def _value_axis(axes: Axes, place: int, name: str, values: Sequence[float]) -> None:
    axes.axvline(place, color=SERIES[1], linewidth=1.4, zorder=4)
    if values:
        for height, value in ((0.0, min(values)), (1.0, max(values))):
            _tick(axes, place, height, f"{value:.4g}")


def _tick(axes: Axes, place: int, height: float, text: str) -> None:
    ground = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.8}
    axes.annotate(
        short(text, longest=14), (place, height), xytext=(4, 0), textcoords="offset points",
        fontsize=8, va="center", color=INK, zorder=5, bbox=ground,
    )  # fmt: skip
