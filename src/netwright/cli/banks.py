"""Options of machines with units beside the banks of a memory: nothing is searched on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated

import typer

from netwright.errors import ConfigError
from netwright.faults import closest

if TYPE_CHECKING:
    from netwright.arch import Architecture
    from netwright.mapping import Mapping
    from netwright.workload import Workload

PlaceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--place",
        metavar="RULE=VALUE",
        help="A rule by which matrices are placed in banks, such as packed=false or tokens=2048; "
        "repeatable.",
    ),
]

WORDS = {"true": True, "false": False}


def placed(workload: Workload, machine: Architecture, rules: Sequence[str]) -> Mapping | None:
    """Where matrices lie by rules that were given; ``None`` without any.

    Raises:
        ConfigError: A rule is not known, its value is not accepted, or the machine has no banks
            with units.
        Infeasible: The tensors do not fit.
    """
    if not rules:
        return None
    from netwright.mapping import Banks, place

    names = tuple(own.name for own in fields(Banks))
    given: dict[str, bool | int] = {}
    for text in rules:
        name, _, value = text.partition("=")
        if name not in names:
            raise ConfigError(
                f'--place "{text}": there is no rule "{name}"{closest(name, names)}',
                hint=f"rules: {', '.join(names)}",
            )
        if name in given:
            raise ConfigError(f"--place: {name} is given twice")
        given[name] = _value(text, name, value)
    return place(workload, machine, Banks(**given))  # type: ignore[arg-type]


def _value(text: str, name: str, value: str) -> bool | int:
    if name != "tokens":
        if value not in WORDS:
            raise ConfigError(f'--place "{text}": {name} must be true or false, not "{value}"')
        return WORDS[value]
    if not (value.isascii() and value.isdecimal() and len(value) < 20):
        raise ConfigError(f'--place "{text}": tokens must be a whole number, not "{value}"')
    return int(value)


def refuse_search(machine: Architecture, **options: object) -> None:
    """Refuse options of a search on a machine where matrices are placed by rules.

    Raises:
        ConfigError: The machine has units beside banks, and an option is given.
    """
    from netwright.mapping.layout import banked

    if banked(machine) is None:
        return
    for name, value in options.items():
        if value is not None:
            raise ConfigError(
                f'--{name.replace("_", "-")}: nothing is searched on "{machine.name}", whose banks '
                "hold matrices by rules",
                hint="--place RULE=VALUE changes a rule",
            )
