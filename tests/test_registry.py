from importlib.metadata import EntryPoint, EntryPoints

import pytest

from netwright import registry
from netwright.errors import ConfigError


def plant(monkeypatch: pytest.MonkeyPatch, *points: EntryPoint) -> None:
    """Pretend that another package brings these entry points."""
    registry.entries.cache_clear()
    monkeypatch.setattr(
        registry, "entry_points", lambda group: EntryPoints(points).select(group=group)
    )


@pytest.fixture(autouse=True)
def _fresh_tables() -> object:
    yield
    registry.entries.cache_clear()


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, table in registry.TABLES.items() for name in table]
)
def test_every_name_resolves(kind: str, name: str) -> None:
    assert registry.resolve(kind, name) is not None


def test_unknown_kind_says_the_closest_one() -> None:
    with pytest.raises(ConfigError) as caught:
        registry.entries("task")
    assert str(caught.value) == (
        '"task" is not a kind of thing that has names; did you mean "tasks"?\n'
        "hint: kinds: " + ", ".join(registry.kinds())
    )


def test_unknown_name_says_the_closest_one() -> None:
    with pytest.raises(ConfigError) as caught:
        registry.resolve("tasks", "jet")
    assert str(caught.value) == (
        '"jet" is not one of the tasks; did you mean "jets"?\n'
        "hint: tasks: calorimeter, digits, fashion-mnist, jets, nuclei, pulses, table"
    )


def test_another_package_adds_names(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, EntryPoint("letters", "json:dumps", "netwright.tasks"))
    assert dict(registry.entries("tasks"))["letters"] == "json:dumps"
    import json

    assert registry.resolve("tasks", "letters") is json.dumps


def test_name_without_attribute_is_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, EntryPoint("whole", "json", "netwright.tasks"))
    import json

    assert registry.resolve("tasks", "whole") is json


@pytest.mark.parametrize("first", ["netwright.tasks.jets:jets", "a:jets"])
def test_duplicate_name_is_refused(monkeypatch: pytest.MonkeyPatch, first: str) -> None:
    name = "jets" if first.startswith("netwright") else "other"
    points = [EntryPoint(name, "b:jets", "netwright.tasks")]
    if name == "other":
        points.append(EntryPoint(name, first, "netwright.tasks"))
    plant(monkeypatch, *points)
    with pytest.raises(ConfigError) as caught:
        registry.entries("tasks")
    second = "b:jets"
    assert str(caught.value) == (
        f'tasks: the name "{name}" stands for both {first} and {second}\n'
        "hint: uninstall or rename one of them"
    )


def test_import_failure_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, EntryPoint("broken", "no_such_module:x", "netwright.tasks"))
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        registry.resolve("tasks", "broken")
