"""Configuration files: TOML read into settings, with every fault named."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from netwright import reading
from netwright.errors import ConfigError
from netwright.faults import shown
from netwright.settings import M, check

_BARE_WORD = re.compile(r"[A-Za-z_./~][\w./~+-]*")


def load_toml(path: str | Path, model: type[M], *, overrides: Sequence[str] = ()) -> M:
    """Read a TOML file into `model`.

    Args:
        path: The file.
        model: What the file must hold.
        overrides: Assignments ``key.path=value`` that win over the file.

    Raises:
        ConfigError: The file cannot be read or is not TOML, or some settings are not accepted;
            the message lists all of them.
    """
    path = Path(path)
    data = override(read_toml(path), overrides)
    source = str(path) + "".join(f" --set {assignment}" for assignment in overrides)
    return check(data, model, source=source)


def read_toml(path: Path) -> dict[str, object]:
    """The tables of a TOML file, not yet checked against a model.

    Raises:
        ConfigError: The file cannot be read or is not TOML.
    """
    try:
        return reading.read_toml(path)
    except ConfigError as error:
        if path.parent.is_dir() and not path.exists():
            raise ConfigError("no such file", path=str(path), hint=_neighbours(path)) from None
        raise error


def override(data: Mapping[str, object], assignments: Sequence[str]) -> dict[str, object]:
    """A copy of `data` with ``key.path=value`` assignments applied in order.

    Values are written as in TOML; a bare word is taken as text.

    Example:
        >>> override({"train": {"epochs": 20}}, ["train.epochs=5", "name=trial"])
        {'train': {'epochs': 5}, 'name': 'trial'}
    """
    result = dict(data)
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        keys = [part.strip() for part in key.split(".")]
        if not equals or not all(keys):
            raise ConfigError(
                f'an override must read key.path=value, not "{assignment}"',
                hint="for example --set train.epochs=5",
            )
        table = result
        for depth, part in enumerate(keys[:-1], start=1):
            inner = table.get(part, {})
            if not isinstance(inner, dict):
                raise ConfigError(
                    f"--set {assignment}: {'.'.join(keys[:depth])} is {shown(inner)}, not a table"
                )
            table[part] = inner = dict(inner)
            table = inner
        table[keys[-1]] = _value(text.strip(), assignment)
    return result


def _value(text: str, assignment: str) -> object:
    try:
        parsed = reading.parse_toml(f"value = {text}", "--set")
    except ConfigError as error:
        if _BARE_WORD.fullmatch(text):
            return text
        raise ConfigError(
            f'--set {assignment}: "{text}" is not a TOML value',
            hint="quote text: --set name='\"a b\"'; arrays read [1, 2, 3]",
        ) from error
    if set(parsed) != {"value"}:
        raise ConfigError(f"--set {assignment}: must hold one value")
    return parsed["value"]


def _neighbours(path: Path) -> str | None:
    parent = path.parent
    found = sorted(p.name for p in parent.glob("*.toml"))[:8] if parent.is_dir() else []
    return f"files in {parent}: {', '.join(found)}" if found else None
