"""The checks in ``tools/`` find what they look for, and nothing in this repository."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def load(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tree(tmp_path):
    def make(*names: str, text: str = "") -> Path:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return make


@pytest.mark.parametrize(("num_lines", "code"), [(499, 0), (500, 1)])
def test_long_file_is_refused(tree, capsys, num_lines, code):
    root = tree("src/netwright/a.py", text="x = 1\n" * num_lines)
    assert load("check_lengths").main(root) == code
    expected = "src/netwright/a.py: must have at most 499 lines, not 500\n" if code else ""
    assert capsys.readouterr().err == expected


def test_module_without_test_is_refused(tree, capsys, monkeypatch):
    check = load("check_mirror")
    monkeypatch.setattr(check, "TESTED_BY", {})
    root = tree("src/netwright/ir/a.py", "src/netwright/ir/b.py", "tests/ir/test_a.py")
    assert check.main(root) == 1
    assert capsys.readouterr().err == "src/netwright/ir/b.py: needs tests/ir/test_b.py\n"


def test_module_that_another_file_tests_needs_no_test(tree, monkeypatch):
    check = load("check_mirror")
    root = tree("src/netwright/a.py", "src/netwright/__init__.py", "tests/test_b.py")
    monkeypatch.setattr(check, "TESTED_BY", {"a.py": "tests/test_b.py"})
    assert check.main(root) == 0


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["src/netwright/b.py", "tests/test_b.py"], "a.py is gone"),
        (["src/netwright/a.py", "tests/test_a.py"], "a.py has its own test file"),
        (["src/netwright/a.py"], "a.py: tests/test_c.py in check_mirror.py does not exist"),
    ],
)
def test_entry_that_no_longer_holds_is_refused(tree, capsys, monkeypatch, names, message):
    check = load("check_mirror")
    monkeypatch.setattr(check, "TESTED_BY", {"a.py": "tests/test_c.py"})
    assert check.main(tree(*names)) == 1
    assert message in capsys.readouterr().err


def test_this_repository_keeps_the_lengths():
    assert list(load("check_lengths").too_long(ROOT)) == []
