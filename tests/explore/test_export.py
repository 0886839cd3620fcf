from __future__ import annotations

import sqlite3

import pytest

from netwright.errors import ConfigError, RunError
from netwright.explore import (
    Choice,
    Constraint,
    Function,
    Goal,
    Random,
    Search,
    Space,
    Whole,
    export,
)
from netwright.explore.export import to_optuna

sqlalchemy = pytest.importorskip("sqlalchemy", reason="the extra explore is not installed")
optuna = pytest.importorskip("optuna", reason="the extra explore is not installed")

SPACE = Space(
    parameters=(
        Whole(name="x", low=0, high=9), Choice(name="size", values=((2, 2), (4, 4))),
        Choice(name="only", values=("a", "b"), when={"size": ((4, 4),)}),
    ),
    goals=(Goal(value="y"), Goal(value="z", direction="maximize")),
    constraints=(Constraint(rule="y <= 5"),),
)  # fmt: skip


def measured(settings):
    if settings["x"] == 4:
        raise ValueError("four")
    return {"y": float(settings["x"]), "z": 1.5 * settings["x"]}


def test_optuna_reads_what_was_found(tmp_path):
    study = Search(SPACE, Function(measured), Random(), name="mine").run(trials=30)
    to_optuna(study, tmp_path / "mine.db")
    to_optuna(study, tmp_path / "mine.db")
    odd = tmp_path / "a?b#c%41" / "mine.db"
    to_optuna(study, odd)
    assert odd.is_file()
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["mine.db"]
    read = optuna.load_study(study_name="mine", storage=f"sqlite:///{tmp_path / 'mine.db'}")
    assert [d.name for d in read.directions] == ["MINIMIZE", "MAXIMIZE"]
    for ours, theirs in zip(study.trials, read.trials, strict=True):
        assert theirs.number == ours.number
        assert theirs.params["x"] == ours.parameters["x"]
        assert theirs.params["size"] == " x ".join(map(str, ours.parameters["size"]))
        assert theirs.params.get("only") == ours.parameters.get("only")
        if ours.state == "complete":
            assert theirs.values == [ours.values["y"], ours.values["z"]]
            assert theirs.user_attrs["margins"] == {"y <= 5": ours.margins["y <= 5"]}
        else:
            assert theirs.state.name == "FAIL"
            assert theirs.user_attrs["reason"] == "ValueError: four"
    feasible = {tuple(trial.values) for trial in read.best_trials}
    assert feasible == {(*t.costs(SPACE)[:1], t.values["z"]) for t in study.front}


def test_a_file_that_is_something_else_is_left_alone(tmp_path):
    study = Search(SPACE, Function(measured), Random(), name="mine").run(trials=2)
    other = Search(SPACE, Function(measured), Random(), name="other").run(trials=2)
    note, storage = tmp_path / "note.txt", tmp_path / "other.db"
    note.write_text("of someone else")
    to_optuna(other, storage)
    kept = storage.read_bytes()
    for path in (note, storage):
        with pytest.raises(ConfigError, match="is not replaced"):
            to_optuna(study, path)
    assert note.read_text() == "of someone else"
    assert storage.read_bytes() == kept


def test_a_full_disk_is_said_with_the_file(tmp_path, monkeypatch):
    def full(*_):
        cause = sqlite3.OperationalError("database or disk is full")
        raise sqlalchemy.exc.OperationalError("CREATE", None, cause)

    monkeypatch.setattr(export, "_storage", full)
    study = Search(SPACE, Function(measured), Random(), name="mine").run(trials=1)
    with pytest.raises(RunError, match=r"mine.db: cannot be written \(database or disk is full\)"):
        to_optuna(study, tmp_path / "mine.db")
    assert not list(tmp_path.iterdir())
