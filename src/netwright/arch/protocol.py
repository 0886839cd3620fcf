"""Commands of a memory and the rules of time between them, as data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError

from netwright.arch.faults import sentences
from netwright.arch.figure import Part
from netwright.errors import ConfigError
from netwright.reading import read_toml

PROTOCOLS = Path(__file__).parent / "protocols"

Level = Literal["channel", "bank_group", "bank"]
"""A part of a memory; each channel consists of bank groups, and these of banks."""

LEVELS: tuple[Level, ...] = ("channel", "bank_group", "bank")

Does = Literal["open", "close", "refresh", "read", "write", "compute", "load", "unload"]
"""What a command does.

``open`` and ``close``: rows. ``refresh``: keep all cells alive. ``read`` and ``write``: columns of
open rows, over the pins. ``compute``: columns go to the units beside the banks. ``load``: from the
pins to the buffer of a channel. ``unload``: results of the units to the pins."""

_TERM = re.compile(r"\s*([+-]?)\s*([a-z][a-z0-9_]*|\d{1,9})\s*")

Name = Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$", max_length=64)]


def terms(text: str) -> tuple[tuple[int, str], ...]:
    """The terms of a distance such as ``"cl + bl - cwl + 2"``, each with its sign.

    Raises:
        ValueError: It is no sum of timings and whole numbers.
    """
    found: list[tuple[int, str]] = []
    place = 0
    while place < len(text):
        match = _TERM.match(text, place)
        if match is None or (found and not match[1]):
            break
        found.append((-1 if match[1] == "-" else 1, match[2]))
        place = match.end()
    if not found or place < len(text):
        raise ValueError(f'must be a sum of timings such as "cl + bl - cwl", not "{text}"')
    return tuple(found)


def _sum(text: str) -> str:
    terms(text)
    return text


Distance = Annotated[str, Field(max_length=200), AfterValidator(_sum)]


class Command(Part):
    """One command of a memory.

    Attributes:
        level: The part that it concerns, as a whole.
        does: What it does.
        opens_with: The command that opens the rows it needs; empty if it needs none.
        closes_with: The command that closes other rows before, or all rows before a refresh.
        latency: Cycles until it is done, as a sum of timings.
    """

    level: Level
    does: Does
    opens_with: str = ""
    closes_with: str = ""
    latency: Distance = "0"


class Rule(Part):
    """How long a command waits for those before it.

    Attributes:
        level: Commands concern each other that concern the same part at this level.
        preceding: Names of the commands that came before.
        following: Names of the commands that wait.
        distance: Cycles from one to the other, as a sum of timings.
        window: Which of the preceding ones counts: the last, or the last but so many minus one.
    """

    level: Level
    preceding: tuple[str, ...] = Field(min_length=1)
    following: tuple[str, ...] = Field(min_length=1)
    distance: Distance
    window: int = Field(default=1, ge=1, le=64)


class Protocol(Part):
    """Commands and rules of a kind of memory.

    Attributes:
        title: What kind.
        extends: Another protocol, whose commands and rules hold as well.
        commands: By name.
        rules: In no order; all of them hold.
    """

    title: str = ""
    extends: str = ""
    commands: Mapping[Name, Command] = Field(default_factory=dict)
    rules: tuple[Rule, ...] = Field(default=(), max_length=1000)


def protocols() -> tuple[str, ...]:
    """Names of the protocols that this package brings."""
    return tuple(sorted(path.stem for path in PROTOCOLS.glob("*.toml")))


@cache
def protocol(name: str) -> Protocol:
    """A protocol of this package, with all that it extends.

    Raises:
        ConfigError: There is none of this name.
    """
    if name not in protocols():
        near = get_close_matches(name, protocols(), n=1)
        meant = f'; did you mean "{near[0]}"?' if near else ""
        raise ConfigError(f'there is no protocol "{name}"{meant}',
                          hint=f"protocols: {', '.join(protocols())}")  # fmt: skip
    path = PROTOCOLS / f"{name}.toml"
    try:
        found = Protocol.model_validate_json(json.dumps(read_toml(path)))
    except ValidationError as error:
        raise ConfigError(sentences(error, Protocol), path=str(path)) from None
    if not found.extends:
        return found
    base = protocol(found.extends)
    return found.model_copy(
        update={
            "commands": {**base.commands, **found.commands},
            "rules": (*base.rules, *found.rules),
        }
    )


def rule_faults(
    commands: Mapping[str, Command], rules: tuple[Rule, ...], timings: frozenset[str]
) -> Iterator[str]:
    """Commands and timings that rules and commands name and nobody has, as sentences."""
    for name, command in commands.items():
        for what, other in (
            ("opens_with", command.opens_with),
            ("closes_with", command.closes_with),
        ):
            wanted = "open" if what == "opens_with" else "close"
            if other and other not in commands:
                yield f'command "{name}": {what} names {_unknown(other, commands)}'
            elif other and commands[other].does != wanted:
                yield f'command "{name}": {what} names "{other}", which does not {wanted} rows'
            elif other and LEVELS.index(commands[other].level) < LEVELS.index(command.level):
                yield f'command "{name}": {what} names "{other}", which concerns more than it does'
        needs_rows = command.does in ("read", "write", "compute")
        if needs_rows and not (command.opens_with and command.closes_with):
            yield f'command "{name}" needs rows: give opens_with and closes_with'
        if command.does == "refresh" and not (command.closes_with and command.level == "channel"):
            yield f'command "{name}": a refresh concerns a channel and has closes_with'
        yield from _missing(f'command "{name}": its latency', command.latency, timings)
    for number, rule in enumerate(rules):
        place = f'rule {number} ("{rule.distance}" at level {rule.level})'
        for other in (*rule.preceding, *rule.following):
            if other not in commands:
                yield f"{place} names {_unknown(other, commands)}"
            elif rule.window > 1 and LEVELS.index(commands[other].level) < LEVELS.index(rule.level):
                yield f'{place} counts several commands, and "{other}" concerns more than its level'
        yield from _missing(place, rule.distance, timings)


def _missing(place: str, distance: str, timings: frozenset[str]) -> Iterator[str]:
    for _, term in terms(distance):
        if not term.isdecimal() and term not in timings:
            near = get_close_matches(term, timings, n=1)
            meant = f'; did you mean "{near[0]}"?' if near else ""
            yield f'{place} needs a timing "{term}", which the machine does not give{meant}'


def _unknown(name: str, commands: Mapping[str, Command]) -> str:
    near = get_close_matches(name, commands, n=1)
    meant = f'; did you mean "{near[0]}"?' if near else ""
    return f'"{name}", which is no command{meant}'
