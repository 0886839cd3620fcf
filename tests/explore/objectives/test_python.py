from __future__ import annotations

import pytest
from tests.explore.functions import SPACE

from netwright.errors import ConfigError
from netwright.explore import Pool, Random, Search, result_digest
from netwright.explore.objectives.python import PythonOptions

SOURCE = """
def measure(settings):
    return {"y": settings["x"] ** 2 + settings["r"]}

def text(settings):
    return {"y": "high"}

def nothing(settings):
    return 3
"""


def test_a_function_of_a_file_is_called_in_every_process(tmp_path):
    (tmp_path / "own.py").write_text(SOURCE)
    objective = PythonOptions(function="own.py:measure").make(tmp_path)
    search = Search(SPACE, objective, Random())
    here = search.run(trials=5)
    assert here.best is not None
    assert result_digest(search.run(trials=5, executor=Pool(1)).trials) == result_digest(
        here.trials
    )
    before = objective.digest
    (tmp_path / "own.py").write_text(SOURCE + "\n# changed\n")
    assert objective.digest != before


def test_what_is_no_measurement_has_a_reason(tmp_path):
    (tmp_path / "own.py").write_text(SOURCE)
    for name, reason in (("text", "ValueError: could not convert"),
                         ("nothing", '"nothing" must return a table of numbers')):  # fmt: skip
        objective = PythonOptions(function=f"own.py:{name}").make(tmp_path)
        (trial,) = Search(SPACE, objective, Random()).run(trials=1).trials
        assert trial.reason.startswith(reason)
    with pytest.raises(ConfigError, match='has no "missing"'):
        PythonOptions(function="own.py:missing").make(tmp_path).check(SPACE)
