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

_PART = re.compile(r"(?P<key>[^.\[\]]*)(?P<indices>(?:\[\d{1,6}\])*)")
_AMOUNT = re.compile(r"\s*(?P<value>[+-]?[\d.]+(?:[eE][+-]?\d+)?)\s*(?P<unit>[^\d\s]\S*)\s*")

Tables = Mapping[str, object]


def changed(
    tables: Tables, settings: Mapping[str, Value], *, source: str, create: bool = False
) -> dict[str, object]:
    """A copy of the tables in which the values at some paths are others.

    Args:
        tables: What a file held.
        settings: Values by dotted path.
        source: Name of the file, for messages.
        create: Whether tables that a path names are made; whoever reads the file must know which
            names there are.

    Raises:
        ConfigError: A path leads nowhere; the message names all of these and what is near.
    """
    result: object = dict(tables)
    found: list[str] = []
    for path, value in settings.items():
        try:
            result = _with(result, _steps(path), value, "", create)
        except ValueError as error:
            found.append(f"{path}: {error}")
    if found:
        raise ConfigError(found, path=source)
    return cast("dict[str, object]", result)


def _steps(path: str) -> list[str | int]:
    steps: list[str | int] = []
    for part in path.split("."):
        match = _PART.fullmatch(part)
        if match is None or not part:
            raise ValueError("is no dotted path such as train.epochs or nodes.pad.fanout[0]")
        steps += [match["key"]] if match["key"] else []
        steps += [int(index) for index in re.findall(r"\d+", match["indices"])]
    return steps


def _with(old: object, steps: list[str | int], value: Value, at: str, create: bool) -> object:
    """The same value with another one inside."""
    if not steps:
        return _figure(old, value)
    step, *rest = steps
    if isinstance(old, Mapping) and isinstance(step, str):
        return _in_table(old, step, rest, value, at, create)
    if isinstance(old, list):
        return _in_array(old, step, rest, value, at, create)
    raise ValueError(f"{at or 'the file'} is {shown(old)}, in which there is no {shown(step)}")


def _in_table(
    old: Mapping[str, object],
    key: str,
    rest: list[str | int],
    value: Value,
    at: str,
    create: bool,
) -> object:
    made: object = {} if create and rest and isinstance(rest[0], str) else None
    if key not in old and made is None and (rest or _is_full(old)):
        place = f"{at} has" if at else "the file has"
        near = closest(key, tuple(old))
        raise ValueError(f'{place} no "{key}"{near or _listed(old)}')
    return {**old, key: _with(old.get(key, made), rest, value, f"{at}.{key}".lstrip("."), create)}


def _is_full(table: Mapping[str, object]) -> bool:
    """Whether a table is a figure, which has no further settings."""
    return "value" in table and "source" in table


def _in_array(
    old: list[object], step: str | int, rest: list[str | int], value: Value, at: str, create: bool
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
    inner = _with(old[place], rest, value, f"{at}[{place}]", create)
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


def looked_up(data: object, path: str) -> object:
    """What stands at a path of a JSON or TOML value.

    Raises:
        ValueError: The path leads nowhere; the message says where it ends.
    """
    for step in _steps(path):
        if isinstance(data, Mapping) and step in data:
            data = data[str(step)]
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            data = data[step]
        else:
            keys = data if isinstance(data, Mapping) else {}
            raise ValueError(
                f'there is no "{step}"{closest(str(step), tuple(keys)) or _listed(keys)}'
            )
    return data
