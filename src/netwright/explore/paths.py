"""Dotted paths into the tables of a TOML file: ``train.epochs``, ``nodes.grid.fanout[0]``.

In an array of tables an entry is found by its ``name``. A figure, a table of value, unit and
source, is set by a number in its own unit, or by text with another one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

from netwright.errors import ConfigError
from netwright.explore.parameter import Value
from netwright.faults import closest, shown

CHOSEN = "chosen by the search"

_PART = re.compile(r"(?P<key>[^.\[\]]+)(?P<indices>(?:\[\d{1,6}\])*)")
_AMOUNT = re.compile(r"\s*(?P<value>[+-]?[\d.]+(?:[eE][+-]?\d+)?)\s*(?P<unit>[^\d\s]\S*)\s*")

Tables = Mapping[str, object]


def changed(tables: Tables, settings: Mapping[str, Value], *, source: str) -> dict[str, object]:
    """A copy of the tables in which the values at some paths are others.

    Args:
        tables: What a file held.
        settings: Values by dotted path.
        source: Name of the file, for messages.

    Raises:
        ConfigError: A path leads nowhere; the message names all of these and what is near.
    """
    result: object = dict(tables)
    found: list[str] = []
    for path, value in settings.items():
        try:
            result = _with(result, _steps(path), value, "")
        except ValueError as error:
            found.append(f"{path}: {error}")
    if found:
        raise ConfigError("; ".join(found), path=source)
    return cast("dict[str, object]", result)


def _steps(path: str) -> list[str | int]:
    steps: list[str | int] = []
    for part in path.split("."):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError("is no dotted path such as train.epochs or nodes.pad.fanout[0]")
        steps.append(match["key"])
        steps += [int(index) for index in re.findall(r"\d+", match["indices"])]
    return steps


def _with(old: object, steps: list[str | int], value: Value, at: str) -> object:
    """The same value with another one inside."""
    if not steps:
        return _figure(old, value)
    step, *rest = steps
    if isinstance(old, Mapping) and isinstance(step, str):
        return _in_table(old, step, rest, value, at)
    if isinstance(old, list):
        return _in_array(old, step, rest, value, at)
    raise ValueError(f"{at or 'the file'} is {shown(old)}, in which there is no {shown(step)}")


def _in_table(
    old: Mapping[str, object], key: str, rest: list[str | int], value: Value, at: str
) -> object:
    if key not in old and (rest or _is_full(old)):
        place = f"{at} has" if at else "the file has"
        near = closest(key, tuple(old))
        raise ValueError(f'{place} no "{key}"{near or _listed(old)}')
    return {**old, key: _with(old.get(key), rest, value, f"{at}.{key}".lstrip("."))}


def _is_full(table: Mapping[str, object]) -> bool:
    """Whether a table is a figure, which has no further settings."""
    return "value" in table and "source" in table


def _in_array(
    old: list[object], step: str | int, rest: list[str | int], value: Value, at: str
) -> object:
    if isinstance(step, int):
        if step >= len(old):
            raise ValueError(f"{at} has {len(old)} entries, none with the index {step}")
        place = step
    else:
        named = [entry.get("name") if isinstance(entry, Mapping) else None for entry in old]
        if step not in named:
            names = tuple(name for name in named if isinstance(name, str))
            near = closest(step, names) or (f"; there are {', '.join(names)}" if names else "")
            raise ValueError(f'{at} has no entry "{step}"{near}')
        place = named.index(step)
    inner = _with(old[place], rest, value, f"{at}[{place}]")
    return [*old[:place], inner, *old[place + 1 :]]


def _figure(old: object, value: Value) -> object:
    """A value, or a figure of it where a figure was."""
    plain = list(value) if isinstance(value, tuple) else value
    if not (isinstance(old, Mapping) and _is_full(old)):
        return plain
    chosen = {**old, "source": CHOSEN, "fidelity": "assumed"}
    if isinstance(value, str):
        amount = _AMOUNT.fullmatch(value)
        if amount is None:
            raise ValueError(f'must be a number, or text with a unit, not "{value}"')
        return {**chosen, "value": float(amount["value"]), "unit": amount["unit"]}
    return {**chosen, "value": plain}


def _listed(table: Mapping[str, object]) -> str:
    return f"; there are {', '.join(map(str, table))}" if table else ""
