from __future__ import annotations

import json

import pytest
from tests.explore.functions import SPACE, bowl

from netwright.errors import ConfigError, RunError
from netwright.explore import Function, Random, Search, open_study


def test_a_line_of_another_space_is_refused(tmp_path):
    Search(SPACE, Function(bowl), Random()).run(trials=3, folder=tmp_path)
    log = tmp_path / "trials.jsonl"
    log.write_text(log.read_text().replace('"x": ', '"q": ', 1))
    with pytest.raises(RunError, match='trial 0 is of another space: "q" is not a parameter'):
        open_study(tmp_path)


@pytest.mark.parametrize("line", ["{}", '{"number": 1}', '{"parameters": 3}', "[1]", "x"])
def test_a_line_that_is_no_trial(tmp_path, line):
    Search(SPACE, Function(bowl), Random()).run(trials=3, folder=tmp_path)
    with (tmp_path / "trials.jsonl").open("a") as stream:
        stream.write(f"{line}\n")
    if line.startswith("{"):
        with pytest.raises(RunError, match="a line is no trial"):
            open_study(tmp_path)
    else:
        assert len(open_study(tmp_path).trials) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"values": {}}, 'trial 0 is complete, but has no value "y"'),
        ({"values": {"other": 1.0}}, 'trial 0 is complete, but has no value "y"'),
        ({"values": {"y": "inf"}}, "a line is no trial"),
        ({"seconds": "nan"}, "a line is no trial"),
        ({"number": -7}, "a line is no trial"),
    ],
)
def test_a_line_that_no_search_has_written(tmp_path, change, message):
    Search(SPACE, Function(bowl), Random()).run(trials=1, folder=tmp_path)
    log = tmp_path / "trials.jsonl"
    log.write_text(json.dumps(json.loads(log.read_text()) | change) + "\n")
    with pytest.raises(RunError, match=message):
        open_study(tmp_path)


def test_a_damaged_study_names_its_file(tmp_path):
    with pytest.raises(RunError, match="holds no study"):
        open_study(tmp_path)
    (tmp_path / "study.json").write_text("[]")
    with pytest.raises(ConfigError, match=r"study\.json"):
        open_study(tmp_path)
