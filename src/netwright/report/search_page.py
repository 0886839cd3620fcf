"""A search as one self-contained page."""

from __future__ import annotations

from collections import Counter
from importlib.resources import files
from math import isclose
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from netwright.errors import NetwrightError
from netwright.escape import visible
from netwright.explore import Study, Trial
from netwright.explore.importance import FEWEST
from netwright.explore.objectives.chip import remade
from netwright.explore.study import STUDY
from netwright.explore.trial import STATES
from netwright.files import write_text
from netwright.report import search_pictures
from netwright.report.split_chart import inline_split_chart

HTML_NAME = "search.html"

MOST_ROWS = 50
"""Trials of the front, and reasons of failures, that are listed."""


def write_search(study: Study, folder: str | Path) -> Path:
    """Write the page of a study; equal studies give equal bytes.

    Args:
        study: What was found.
        folder: Where to.

    Raises:
        RunError: The folder cannot be written.
        MissingExtra: Matplotlib is not installed.
    """
    return write_text(Path(folder) / HTML_NAME, render_search(study))


def render_search(study: Study) -> str:
    """A page of its own: pictures and style inside, no script, nothing from a network."""
    folder = files("netwright.report") / "templates"
    environment = Environment(
        autoescape=True, finalize=_seen, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    page = (folder / "search.html.j2").read_text(encoding="utf-8")
    goals = [goal.value for goal in study.space.goals]
    front = study.front[:MOST_ROWS]
    reasons = Counter(trial.reason for trial in study.trials if trial.state == "failed")
    return environment.from_string(page).render(
        style=Markup((folder / "style.css").read_text(encoding="utf-8")),
        study=study,
        goals=goals,
        best=study.best,
        counts=[(state, study.count(state)) for state in STATES if study.count(state)],
        num_feasible=sum(trial.is_feasible for trial in study.trials),
        pictures={name: Markup(picture) for name, picture in _pictures(study).items()},
        constraints=[_constraint(study, c.title) for c in study.space.constraints],
        front=[[_number(t, goal) for goal in goals] + _cells(study, t) for t in front],
        front_numbers=[trial.number for trial in front],
        reasons=reasons.most_common(MOST_ROWS),
        chip=_chip(study),
        unmet=study.unmet,
        number=lambda value: f"{value:.5g}",
    )


def _pictures(study: Study) -> dict[str, str]:
    found = dict.fromkeys(("states", "front", "parallel", "importance"), "")
    measured = [t for t in study.trials if t.values.keys() >= {g.value for g in study.space.goals}]
    if not measured:
        return found
    found["states"] = search_pictures.states_picture(study)
    if len(study.space.goals) > 1:
        found["front"] = search_pictures.front_picture(study)
    if len(measured) > 1:
        found["parallel"] = search_pictures.parallel_picture(study)
    if len(measured) >= FEWEST:
        found["importance"] = search_pictures.importance_picture(study)
    return found


def _chip(study: Study) -> dict[str, object] | None:
    """The chip of the best trial with its layers; none where no chips were searched."""
    best, tables = study.best, study.identity.made_of
    if best is None or tables.get("kind") != "chip":
        return None
    try:
        found, machine = remade(tables, source=STUDY).drawn(study.space.settings(best.parameters))
    except NetwrightError as error:
        return {"number": best.number, "fault": error.message}
    told = {"seconds": found.seconds, "joules": sum(run.joules for run in found.runs)}
    return {
        "number": best.number,
        "picture": Markup(inline_split_chart(found, machine, name="chip")),
        "assumptions": found.assumptions,
        "differs": [
            (name, f"{value:.5g}", f"{best.values[name]:.5g}")
            for name, value in told.items()
            if not isclose(value, best.values.get(name, value), rel_tol=1e-6)
        ],
    }


def _constraint(study: Study, title: str) -> tuple[str, str, str, str]:
    """Name of a constraint, trials that meet it, its best margin, and that of the best trial."""
    margins = [t.margins[title] for t in study.trials if title in t.margins]
    met = sum(margin >= 0 for margin in margins)
    best = study.best
    own = "" if best is None or title not in best.margins else f"{best.margins[title]:.5g}"
    return title, f"{met} of {len(margins)}", f"{max(margins):.5g}" if margins else "", own


def _number(trial: Trial, name: str) -> str:
    deviation = trial.values.get(f"{name}_deviation")
    text = f"{trial.values[name]:.5g}"
    return text if deviation is None else f"{text} ± {deviation:.2g}"


def _cells(study: Study, trial: Trial) -> list[str]:
    cells = []
    for name in study.space.names:
        value = trial.parameters.get(name, "")
        if isinstance(value, tuple):
            cells.append(" x ".join(map(str, value)))
        else:
            cells.append(f"{value:.5g}" if isinstance(value, float) else str(value))
    return cells


def _seen(value: object) -> object:
    """What the page shows of a value: text keeps no controls and no change of direction."""
    return visible(value, lines=True) if type(value) is str else value
