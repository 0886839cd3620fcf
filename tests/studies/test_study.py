from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
from pathlib import Path

import pytest

from netwright import studies
from netwright.errors import ConfigError
from netwright.registry import entries
from netwright.studies.study import functions_of

NAMES = entries("studies")

HEADER = 'schema_version = 1\nname = "s"\ntitle = "t"\npaper = "p"\n'
CLAIM = '[[claims]]\nid = "a"\ntext = "t"\nkind = "exact"\npublished = 1\nsource = "s"\n'
MAX_STUDY_LINES = 150


def test_study_is_read(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(HEADER + CLAIM)
    study = studies.load_study(path)
    assert [claim.id for claim in study.claims] == ["a"]
    assert study.claims[0].profile == "full"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER, "claims"),
        (HEADER + CLAIM + "note = 1\n", "note is not a setting"),
        (HEADER + CLAIM + CLAIM, "each id must be unique; repeated: a"),
        (HEADER + CLAIM.replace("exact", "exakt"), r'kind must be .*"exakt"'),
        (HEADER.replace("= 1", "= 2") + CLAIM, "schema_version"),
        (HEADER + CLAIM.replace("published = 1", ""), "needs a published value"),
        ("= 1", "is not TOML"),
    ],
)
def test_faulty_study_is_refused(tmp_path, text, message):
    path = tmp_path / "s.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        studies.load_study(path)


def test_unknown_study_names_the_nearest():
    with pytest.raises(ConfigError, match='"hawk" is not one of the studies; did you mean "hawq"'):
        studies.find_study("hawk")


def test_study_that_is_not_a_module_is_refused(monkeypatch):
    monkeypatch.setattr("netwright.studies.study.resolve", lambda kind, name: 3)
    with pytest.raises(ConfigError, match='the study "hawq" must be a module, not int'):
        studies.find_study("hawq")


def test_list_holds_every_study_under_its_own_name():
    assert [study.name for study in studies.list_studies()] == sorted(NAMES)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_function_of_a_study_checks_a_claim(name):
    study = studies.find_study(name)
    module = importlib.import_module(NAMES[name])
    own = {
        key
        for key, value in vars(module).items()
        if inspect.isfunction(function := getattr(value, "func", value))
        and function.__module__ == module.__name__
        and not key.startswith("_")
    }
    found = {claim.function: functions_of(study)[claim.id] for claim in study.claims
             if claim.id in functions_of(study)}  # fmt: skip
    assert own <= set(found)
    for key in set(found) - own:  # what the study keeps beside it
        home = getattr(found[key], "func", found[key]).__module__
        assert home.startswith(f"{module.__name__}_")


@pytest.mark.parametrize("name", sorted(NAMES))
def test_study_is_thin_and_imports_only_public_names(name):
    spec = importlib.util.find_spec(NAMES[name])
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin)
    _check_thin(path.read_text(), own=f"netwright.studies.{path.stem}_")
    for part in path.parent.glob(f"{path.stem}_*.py"):  # what the study keeps beside it
        _check_thin(part.read_text(), own="netwright.studies.")


def _check_thin(text: str, *, own: str) -> None:
    """Few lines, and public names only, but for what belongs to the study itself."""
    assert len(text.splitlines()) <= MAX_STUDY_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import"
            for alias in node.names:
                if not (node.module or "").startswith(own):
                    _check_public(node.module or "", alias.name, node.lineno)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                _check_public(alias.name, "", node.lineno)
        elif isinstance(node, ast.Attribute):
            assert not node.attr.startswith("_"), f"line {node.lineno}: private {node.attr}"


def _check_public(module: str, name: str, line: int) -> None:
    if module.partition(".")[0] != "netwright":
        return
    assert module.count(".") <= 1, f"line {line}: {module} is inside a room"
    public = getattr(importlib.import_module(module), "__all__", None)
    if name and public is not None and module != "netwright":
        assert name in public, f"line {line}: {name} is not public in {module}"
    assert not name.startswith("_"), f"line {line}: private {name}"
