from pathlib import Path

import pytest

from netwright.errors import ConfigError
from netwright.options import file_options, make, options_of, takes
from netwright.settings import check

NET = """
from __future__ import annotations
from pathlib import Path
from netwright.settings import Settings

class Net:
    def __init__(self, task, width: int = 3, *, table: Path | str | None = None, any_of=(1, 2)):
        self.task, self.width, self.table = task, width, table

class Table(Settings):
    rows: int

    def make(self):
        return self.rows

def strange(width: Unknown): ...
def hidden(width, /): ...
def all_of(*values, **others): ...
"""


@pytest.fixture
def mine(tmp_path: Path) -> str:
    path = tmp_path / "mine.py"
    path.write_text(NET)
    return str(path)


def test_parameters_are_options_and_defaults_are_theirs(mine: str) -> None:
    found = options_of("models", f"{mine}:Net", given=("task", "seed"))
    assert list(found.model_fields) == ["width", "table", "any_of"]
    assert file_options(found) == ("table",)
    read = check({"width": 4, "table": "x.npz"}, found, source="flow")
    assert (read.model_dump()["width"], read.model_dump()["table"]) == (4, Path("x.npz"))
    with pytest.raises(ConfigError, match="wide is not a setting of the file; did you mean"):
        check({"wide": 4}, found, source="flow")


def test_settings_bring_their_own(mine: str) -> None:
    assert list(options_of("tasks", f"{mine}:Table").model_fields) == ["rows"]
    assert make("tasks", f"{mine}:Table", {"rows": 3}) == 3
    assert takes("tasks", f"{mine}:Table", "rows")


def test_what_the_caller_has_is_given_where_it_is_taken(mine: str) -> None:
    made = make("models", f"{mine}:Net", {"width": 5}, task="jets", seed=7)
    assert (made.task, made.width) == ("jets", 5)
    assert not takes("models", f"{mine}:Net", "seed")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("strange", "has a parameter that no file can hold: name 'Unknown' is not defined"),
        ("hidden", "takes width by position only"),
        ("NET", 'has no "NET"'),
    ],
)
def test_what_cannot_have_options(mine: str, name: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        options_of("models", f"{mine}:{name}")
    assert message in str(caught.value)


def test_what_is_no_function(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("Net = 3")
    with pytest.raises(ConfigError, match="must be a function or a class, not int"):
        options_of("models", f"{tmp_path}/mine.py:Net")


def test_names_of_the_package_have_options() -> None:
    found = options_of("tasks", "jets")
    assert list(found.model_fields) == ["seed", "path"]
    assert file_options(found) == ("path",)
