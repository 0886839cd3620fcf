from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

from netwright.explore import (
    Choice,
    Constraint,
    Function,
    Goal,
    Random,
    Search,
    Space,
    Whole,
    open_study,
)
from netwright.explore.objectives.chip import ChipOptions
from netwright.report.search_page import render_search, write_search

PARAMETERS = (
    Whole(name="x", low=0, high=9),
    Choice(name="size <b>", values=((1, 2), (3, 4))),
    Choice(name="only", values=("a", "b"), when={"size <b>": ((3, 4),)}),
)


def measured(settings):
    if settings["x"] == 7:
        raise ValueError("<script>alert(1)</script>")
    return {"y": settings["x"] + 1.0, "z": 10.0 ** -settings["x"], "y_deviation": 0.25}


def searched(trials: int, *goals: str, rule: str = "y <= 8"):
    space = Space(
        parameters=PARAMETERS, goals=tuple(Goal(value=goal) for goal in goals),
        constraints=(Constraint(rule=rule, name="limit & more"),),
    )  # fmt: skip
    return Search(space, Function(measured), Random(), name="mine").run(trials=trials)


def test_a_page_shows_everything_and_stands_alone(tmp_path):
    study = searched(40, "y", "z")
    page = write_search(study, tmp_path).read_text()
    assert page == render_search(study)
    assert page.count("<svg ") == 4
    for text in ("limit &amp; more", "size &lt;b&gt;", "&lt;script&gt;", "3 x 4", "± 0.25"):
        assert text in page
    assert "<script" not in page
    assert not re.search(r'(src|href)="http', page)
    assert "mathdefault" not in page
    rows = re.findall(r"<tr[^>]*><td>(\d+)</td>", page)
    assert [int(row) for row in rows] == [trial.number for trial in study.front]


def test_one_goal_and_few_trials_leave_no_empty_sections():
    page = render_search(searched(4, "y"))
    assert page.count("<svg ") == 2
    assert "<h2>Front</h2>" not in page
    alone = render_search(searched(1, "y"))
    assert alone.count("<svg ") == 1


def test_nothing_feasible_is_said():
    page = render_search(searched(20, "y", "z", rule="y <= 0"))
    assert "limit &amp; more&rdquo; is broken most often, its best margin is -1" in page
    assert "<h2>Best" not in page


def test_a_study_of_failures_is_a_page_without_pictures():
    space = Space(parameters=PARAMETERS, goals=(Goal(value="y"),))
    study = Search(space, Function(lambda settings: {"z": 1.0}), Random()).run(trials=12)
    page = render_search(study)
    assert "<svg" not in page
    assert "has no value &#34;y&#34;; values: z" in page


def test_the_chosen_chip_is_drawn_with_its_layers(tmp_path):
    record = {"score": 0.5, "validation": 0.5}
    (tmp_path / "table.jsonl").write_text(json.dumps({"key": "t 2-4-0 0", "record": record}) + "\n")
    arguments = {"stem": 2, "filters": (4,), "skips": (0,)}
    network = {"task": "t", "family": "resnet9", "image": (1, 8, 8), "arguments": arguments}
    chip = ChipOptions(networks=(network,), machine="unlike_pair", limit_s=1e-3,
                       scores=Path("table.jsonl")).make(tmp_path)  # fmt: skip
    size = Choice(name="size", paths=("machine.accelerators.pixels.elements",), values=(16, 48))
    space = Space(parameters=(size,), goals=(Goal(value="joules"),))
    Search(space, chip, Random()).run(trials=4, folder=tmp_path / "study")
    study = open_study(tmp_path / "study")
    page = render_search(study)
    assert "<h2>Chosen chip</h2>" in page
    assert page.count('aria-label="Split of resnet9"') == 1
    assert 'id="chip-' in page
    assert "differs from the trial" not in page
    best = {**study.best.values, "seconds": 1.0}
    trials = [replace(trial, values=best) for trial in study.trials]
    assert "differs from the trial: seconds" in render_search(replace(study, trials=(*trials,)))
    kept = {**study.identity.made_of, "machine": "<b>", "given": {}}
    lost = study.identity.model_copy(update={"made_of": kept})
    page = render_search(replace(study, identity=lost))
    assert "cannot be drawn: " in page
    assert "<b>" not in page
    assert "<h2>Chosen chip</h2>" not in render_search(searched(4, "y"))
