from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from netwright.cli import main
from netwright.explore import open_study, result_digest, space_file

SPACES = Path(__file__).parents[2] / "spaces"

OWN = """
def measure(settings):
    if settings["x"] == 3:
        raise ValueError("three")
    return {"y": settings["x"] ** 2 + settings["r"], "z": 10 - settings["x"]}
"""

SPACE = """
schema_version = 1
name = "bowl"

[objective]
kind = "python"
function = "own.py:measure"

[[parameters]]
name = "x"
kind = "integer"
low = -9
high = 9

[[parameters]]
name = "r"
kind = "real"
low = 0.001
high = 1.0
logarithmic = true

[[goals]]
value = "y"

[[constraints]]
rule = "z <= 16"

[search]
trials = 12
batch = 4
seed = 1
proposer = { kind = "random" }
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "bowl.toml").write_text(SPACE)
    return tmp_path


def run(*arguments: str) -> int:
    return main(["explore", *arguments])


def test_a_search_from_the_command_line(place, capsys):
    assert run("bowl.toml", "--here") == 0
    out = capsys.readouterr().out
    study = open_study(place / "searches" / "bowl")
    assert f"(trial {study.best.number})" in out
    assert len(study.trials) == 12
    assert run("status", "searches/bowl") == 0
    assert re.search(r"trials +12 of 12: \d+ complete", capsys.readouterr().out)
    assert run("bowl.toml", "--here", "--folder", "again", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["best"] == study.best.number
    assert result_digest(open_study(place / "again").trials) == result_digest(study.trials)


def test_status_says_how_many_are_asked_for_and_what_is_searched(place, capsys):
    titled = SPACE.replace(
        'name = "bowl"', 'name = "bowl"\ntitle = "The deepest point of a <bowl>"'
    )
    (place / "bowl.toml").write_text(titled)
    assert run("bowl.toml", "--here") == 0
    journal = place / "searches" / "bowl" / "trials.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(lines[:5]))  # as if it were still searched
    capsys.readouterr()
    assert run("status", "searches/bowl") == 0
    told = capsys.readouterr().out
    assert re.search(r"title +The deepest point of a <bowl>\n", told)
    assert re.search(r"trials +5 of 12: ", told)
    assert run("report", "searches/bowl") == 0
    page = (place / "searches" / "bowl" / "search.html").read_text()
    assert "The deepest point of a &lt;bowl&gt;" in page
    assert "of 12</span>" in page


def test_a_line_with_numbers_that_json_has_not_is_no_trial(place, capsys):
    assert run("bowl.toml", "--here", "--trials", "3") == 0
    journal = place / "searches" / "bowl" / "trials.jsonl"
    written = journal.read_text().splitlines()
    lines = [json.loads(line, parse_constant=pytest.fail) for line in written]
    lines[0]["values"]["y"] = float("nan")
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert run("status", "searches/bowl") == 1
    assert "a line is no trial" in capsys.readouterr().err


def test_another_proposer_goes_to_another_folder(place, capsys):
    assert run("bowl.toml", "--here", "--trials", "5") == 0
    assert run("bowl.toml", "--here", "--proposer", "grid") == 2
    assert "holds the study of another search: the proposer was Random()" in capsys.readouterr().err
    assert run("bowl.toml", "--here", "--proposer", "evolution", "--folder", "other") == 0


def test_nothing_that_meets_a_constraint_is_named(place, capsys):
    (place / "bowl.toml").write_text(SPACE.replace("z <= 16", "z <= 0"))
    assert run("bowl.toml", "--here") == 1
    assert re.search(
        r'no trial meets all constraints: "z <= 0" is broken most often \(best margin -\d',
        capsys.readouterr().err,
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('kind = "python"', 'kind = "pyhton"', 'objective.kind: "pyhton" is not one of'),
        ('kind = "random"', 'kind = "rnadom"', 'did you mean "random"?'),
        (
            'kind = "random"',
            'kind = "grid", levels = 1',
            "proposer.levels must be 2 or more",
        ),
        ('kind = "random"', 'kind = "tpe", start = 1', "start is not a setting"),
        ("low = -9", "low = 99", "must have high of at least low (99), not 9"),
        ("own.py:measure", "own.py:meassure", 'has no "meassure"'),
        ('rule = "z <= 16"', 'rule = "x >= 10"', '"x >= 10" stands in the way most often'),
        ('rule = "z <= 16"', 'rule = "open(1) >= 10"', "may hold + - * / min and max"),
        ("[[goals]]", "[[goal]]", "goal is not a setting of the file; did you mean"),
        ('value = "y"', 'value = "x"', 'has a goal "x", which is a parameter'),
        ("trials = 12", "trials = 0", "search.trials must be at least 1, not 0"),
    ],
)
def test_a_space_that_is_wrong_is_refused_before_anything_runs(place, capsys, old, new, message):
    (place / "bowl.toml").write_text(SPACE.replace(old, new))
    assert run("bowl.toml", "--here") == 2
    assert message in capsys.readouterr().err
    assert not (place / "searches").exists()


def test_status_of_no_study(place, capsys):
    assert run("status", "nowhere") == 1
    assert "nowhere: holds no study" in capsys.readouterr().err
    assert run("missing.toml") == 2


@pytest.mark.parametrize("path", sorted(SPACES.glob("*.toml")), ids=lambda path: path.stem)
def test_spaces_that_are_shipped_are_accepted(path):
    loaded = space_file.load(path)
    assert loaded.search.name == path.stem
    assert loaded.search.space.points()
