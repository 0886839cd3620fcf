from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from tests.explore.functions import SPACE, bowl

from netwright.errors import ConfigError, RunError
from netwright.explore import (
    Choice,
    Constraint,
    Derived,
    Function,
    Goal,
    Grid,
    Ladder,
    Random,
    Search,
    Space,
    Whole,
    open_study,
    result_digest,
)
from netwright.explore.study import ASKED, Asked
from netwright.files import write_text

SEARCH = Search(SPACE, Function(bowl), Random(), batch=5, seed=3)


def test_the_best_is_found_and_every_trial_is_on_the_disk(tmp_path):
    told = []
    study = SEARCH.run(trials=23, folder=tmp_path, progress=lambda *given: told.append(given))
    assert [trial.number for trial in study.trials] == list(range(23))
    assert [trial.batch for trial in study.trials] == [n // 5 for n in range(23)]
    assert study.best.values["y"] == min(bowl(trial.parameters)["y"] for trial in study.trials)
    assert len((tmp_path / "trials.jsonl").read_text().splitlines()) == 23
    assert open_study(tmp_path) == study
    assert told[-1] == (23, 23, f"best y {study.best.values['y']:.6g} (trial {study.best.number})")


def test_a_search_goes_on_wherever_it_was_cut(tmp_path):
    whole = SEARCH.run(trials=12, folder=tmp_path / "whole")
    lines = (tmp_path / "whole" / "trials.jsonl").read_text().splitlines(keepends=True)
    for cut in (0, 1, 7, 11, 12):
        folder = tmp_path / str(cut)
        SEARCH.run(trials=1, folder=folder)
        torn = "" if cut == 12 else lines[cut][:20]
        (folder / "trials.jsonl").write_text("".join(lines[:cut]) + torn)
        again = SEARCH.run(trials=12, folder=folder)
        assert result_digest(again.trials) == result_digest(whole.trials)
        written = (folder / "trials.jsonl").read_text().splitlines()
        numbers = [json.loads(line)["number"] for line in written if line.endswith("}")]
        assert sorted(numbers) == list(range(12))


def test_more_trials_continue_the_same_sequence(tmp_path):
    SEARCH.run(trials=7, folder=tmp_path)
    grown = SEARCH.run(trials=16, folder=tmp_path)
    assert result_digest(grown.trials) == result_digest(SEARCH.run(trials=16).trials)


def test_equal_points_are_evaluated_once():
    calls = []
    few = Space(parameters=(Whole(name="x", low=0, high=2),), goals=(Goal(value="y"),))
    count = Function(lambda settings: calls.append(settings["x"]) or {"y": float(settings["x"])})
    study = Search(few, count, Random(), batch=4).run(trials=20)
    assert sorted(calls) == [0, 1, 2]
    assert sum(bool(trial.same_as) for trial in study.trials) == 17
    assert all(trial.values["y"] == trial.parameters["x"] for trial in study.trials)


def test_values_of_another_study_are_taken_over(tmp_path):
    SEARCH.run(trials=12, folder=tmp_path / "first")
    tighter = SPACE.model_copy(update={"constraints": (Constraint(rule="y <= 4"),)})
    study = Search(tighter, Function(bowl), Random(), batch=5, seed=3).run(
        trials=12, reuse=[tmp_path / "first"]
    )
    assert all(t.same_as == f"{tmp_path / 'first'} trial {t.number}" for t in study.trials)
    assert all(t.margins == {"y <= 4": 4 - t.values["y"]} for t in study.trials)
    other = replace(SEARCH, objective=Function(bowl, version="2"))
    with pytest.raises(ConfigError, match="its trials have another objective"):
        other.run(trials=1, reuse=[tmp_path / "first"])


def test_a_grid_ends_with_its_last_point():
    few = Space(
        parameters=(Whole(name="x", low=0, high=2), Choice(name="c", values=("a", "b"))),
        goals=(Goal(value="y"),),
    )
    study = Search(few, Function(lambda s: {"y": s["x"]}), Grid(), batch=4).run(trials=100)
    assert [(t.parameters["x"], t.parameters["c"]) for t in study.trials] == [
        (x, c) for x in range(3) for c in "ab"
    ]


def test_a_broken_constraint_prunes_before_the_rest_is_measured():
    measured = []

    class Staged(Function):
        def evaluate(self, settings, *, fidelity, tell):
            tell({"area": float(settings["x"])})
            measured.append(settings["x"])
            return {"area": float(settings["x"]), "y": 1.0}

    few = Space(
        parameters=(Whole(name="x", low=0, high=9),), goals=(Goal(value="y"),),
        constraints=(Constraint(rule="area <= 4", name="small", prune=True),),
    )  # fmt: skip
    study = Search(few, Staged(bowl), Grid(), batch=10).run(trials=10)
    assert measured == [0, 1, 2, 3, 4]
    assert {(t.state, t.reason) for t in study.trials[5:]} == {("pruned", "breaks small")}
    assert study.trials[9].margins == {"small": -5.0}
    assert study.trials[9].values == {"area": 9.0}


def test_a_ladder_spends_effort_on_the_better_ones(tmp_path):
    spent = []

    class Staged(Function):
        def evaluate(self, settings, *, fidelity, tell):
            spent.append((settings["x"], fidelity))
            return {"y": abs(settings["x"] - 3) + 1 / fidelity}

    few = Space(parameters=(Whole(name="x", low=0, high=8),), goals=(Goal(value="y"),))
    search = Search(few, Staged(bowl), Grid(), batch=9, ladder=Ladder(fidelities=(1, 3, 9)))
    study = search.run(trials=9, folder=tmp_path)
    assert [x for x, fidelity in spent if fidelity == 3] == [2, 3, 4]
    assert [x for x, fidelity in spent if fidelity == 9] == [3]
    assert study.best.parameters["x"] == 3
    assert study.count("stopped") == 8
    assert open_study(tmp_path) == study
    spent.clear()
    assert search.run(trials=9, folder=tmp_path) == study
    assert spent == []


@pytest.mark.parametrize("cut", [3, 13])
def test_a_ladder_that_was_cut_short_ends_as_one_that_was_not(tmp_path, cut):
    class Staged(Function):
        def evaluate(self, settings, *, fidelity, tell):
            return {"y": settings["x"] * (7 if fidelity == 1 else 1) % 101 * 1.0}

    many = Space(parameters=(Whole(name="x", low=0, high=100),), goals=(Goal(value="y"),))
    search = Search(many, Staged(bowl), Random(), ladder=Ladder(fidelities=(1, 3, 9)))
    search.run(trials=cut, folder=tmp_path)
    found = search.run(trials=24, folder=tmp_path)
    wanted = result_digest(search.run(trials=24).trials)
    assert result_digest(found.trials) == wanted
    assert result_digest(open_study(tmp_path).trials) == wanted


def test_names_of_values_that_no_study_can_keep_fail(tmp_path):
    for name in ((1, 2), 3):
        named = Function(lambda _, name=name: {"y": 1.0, name: 2.0})
        study = Search(SPACE, named, Random()).run(trials=1, folder=tmp_path)
        assert study.trials[0].reason.startswith("names of values must be text, not ")
        (tmp_path / "trials.jsonl").unlink()


def test_what_is_taken_over_has_the_values_that_this_space_computes(tmp_path):
    Search(SPACE, Function(bowl), Random()).run(trials=9, folder=tmp_path)
    twice = SPACE.model_copy(
        update={"goals": (Goal(value="z"),), "derived": (Derived(name="z", formula="2 * y"),)}
    )
    study = Search(twice, Function(bowl), Random()).run(trials=9, reuse=[tmp_path])
    assert all(trial.same_as for trial in study.trials)
    assert all(trial.values["z"] == 2 * trial.values["y"] for trial in study.trials)


def test_the_constraint_that_nothing_meets_is_named():
    hard = SPACE.model_copy(update={"constraints": (Constraint(rule="y <= -1", name="low"),)})
    study = Search(hard, Function(bowl), Random()).run(trials=9)
    title, margin = study.unmet
    assert title == "low"
    assert margin == -1 - min(trial.values["y"] for trial in study.trials)


def test_a_folder_with_another_study_is_refused(tmp_path):
    SEARCH.run(trials=2, folder=tmp_path)
    other = SPACE.model_copy(update={"parameters": (*SPACE.parameters[:1],)})
    for search, message in (
        (replace(SEARCH, space=other), 'parameter "r" was there; parameter "c" was there'),
        (replace(SEARCH, seed=4), "the seed was 3, and is 4"),
        (replace(SEARCH, proposer=Grid()), r"the proposer was Random\(\), and is Grid\(levels=5\)"),
        (replace(SEARCH, objective=Function(bowl, "2")), "the objective is another"),
    ):
        with pytest.raises(ConfigError, match=f"{re.escape(str(tmp_path))}.*{message}"):
            search.run(trials=2, folder=tmp_path)


def test_a_folder_in_use_is_refused(tmp_path):
    class Inside(Function):
        def evaluate(self, settings, *, fidelity, tell):
            with pytest.raises(RunError, match="is searching this study"):
                SEARCH.run(trials=1, folder=tmp_path)
            return {"y": 1.0}

    study = replace(SEARCH, objective=Inside(bowl)).run(trials=1, folder=tmp_path)
    assert study.count("complete") == 1


def test_a_full_disk_loses_no_finished_trial(tmp_path, monkeypatch):
    SEARCH.run(trials=6, folder=tmp_path)
    write_text(tmp_path / ASKED, Asked(trials=12).model_dump_json())  # before the disk is full
    full = OSError(28, "No space left on device")

    def refuse(descriptor):
        raise full

    monkeypatch.setattr("netwright.records.os.fsync", refuse)
    with pytest.raises(RunError, match=r"trials.jsonl: cannot be written \(No space left"):
        SEARCH.run(trials=12, folder=tmp_path)
    monkeypatch.undo()
    study = SEARCH.run(trials=12, folder=tmp_path)
    assert result_digest(study.trials) == result_digest(SEARCH.run(trials=12).trials)
