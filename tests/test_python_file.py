import sys
from pathlib import Path

import pytest

from netwright.errors import ConfigError
from netwright.python_file import is_python_name, load, loaded, lookup, parse
from netwright.registry import resolve


def written(folder: Path, text: str, name: str = "mine.py") -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_a_name_of_a_file_is_told_from_other_names() -> None:
    assert is_python_name("my_net.py:Net")
    assert not is_python_name("mlp")
    assert not is_python_name("netwright.models:mlp")


def test_what_a_file_defines_is_found_and_the_file_is_run_once(tmp_path: Path) -> None:
    path = written(tmp_path, "from json import dumps\nclass Net:\n    width = 3\n")
    found = lookup(parse(f"{path}:Net"))
    assert resolve("models", f"{path}:Net") is found
    assert load(path) is load(path)
    assert path in loaded()
    assert sys.modules[found.__module__] is load(path)
    assert not (tmp_path / "__pycache__").exists()


def test_a_changed_file_is_run_again(tmp_path: Path) -> None:
    first = lookup(parse(f"{written(tmp_path, 'value = 1')}:value"))
    assert (first, lookup(parse(f"{written(tmp_path, 'value = 2')}:value"))) == (1, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("../mine.py:Net", '"../mine.py" must lie in the folder of the file that names it, '),
        ("/etc/mine.py:Net", '"/etc/mine.py" must lie in the folder of the file that names it, '),
        ("mine.py:", 'must be "FILE.py:NAME" with a name of Python behind it, not "mine.py:"'),
        (
            "mine.py:a.b",
            'must be "FILE.py:NAME" with a name of Python behind it, not "mine.py:a.b"',
        ),
    ],
)
def test_names_that_are_not_accepted(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, folder=tmp_path)
    assert str(caught.value).startswith(message)


def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    outside = written(tmp_path, "Net = 1")
    inside = tmp_path / "flow"
    inside.mkdir()
    (inside / "mine.py").symlink_to(outside)
    with pytest.raises(ConfigError, match="must lie in the folder"):
        parse("mine.py:Net", folder=inside)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = (", "cannot be run: line 1: '(' was never closed"),
        ("\nraise ValueError('no')", "cannot be run: line 2: ValueError: no"),
        ("raise SystemExit(3)", "cannot be run: line 1: SystemExit: 3"),
        ("import nothing_of_that_name", "cannot be run: line 1: ModuleNotFoundError: "),
        ("def net(): pass", 'has no "Net"\nhint: it defines net'),
        ("from json import dumps", 'has no "Net"\nhint: it defines nothing'),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, source: str, message: str) -> None:
    path = written(tmp_path, source)
    with pytest.raises(ConfigError) as caught:
        lookup(parse(f"{path}:Net"))
    assert str(caught.value).startswith(f"{path}: {message}")


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.py: no such file"):
        load(tmp_path / "gone.py")


def test_a_file_stands_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    written(tmp_path, "width = 3", "layers_of_mine.py")
    path = written(tmp_path, "import layers_of_mine")
    with pytest.raises(ConfigError, match="imports the file beside it"):
        load(path)
    sys.modules.pop("layers_of_mine", None)
