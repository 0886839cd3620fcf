"""Number formats and patterns as records of plain values, in the files that keep them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Literal

from netwright.errors import ConfigError, NumericsError
from netwright.formats import NumberFormat, Pattern
from netwright.registry import resolve

Scalar = bool | int | float | str | None
Plain = Scalar | dict[str, Scalar]
Record = dict[str, Plain]
"""Fields that are number formats themselves are records of plain values."""


def record_of(value: NumberFormat | Pattern) -> Record:
    """The kind of a format or pattern, and its fields."""
    named: Any = value
    record: dict[str, Any] = {"kind": value.kind}
    for field in fields(named):
        held = getattr(value, field.name)
        record[field.name] = record_of(held) if isinstance(held, NumberFormat) else held
    return record


def number_from(record: Mapping[str, Plain]) -> NumberFormat:
    """The number format of a record.

    Raises:
        NumericsError: The record describes none.
    """
    made = _made("formats", record)
    if not isinstance(made, NumberFormat):
        raise NumericsError(f'"{record["kind"]}" is no number format')
    return made


def pattern_from(record: Mapping[str, Plain]) -> Pattern:
    """The pattern of a record.

    Raises:
        NumericsError: The record describes none.
    """
    made = _made("patterns", record)
    if not isinstance(made, Pattern):
        raise NumericsError(f'"{record["kind"]}" is no pattern')
    return made


def _made(names: Literal["formats", "patterns"], record: Mapping[str, Plain]) -> object:
    kind = record.get("kind")
    if not isinstance(kind, str):
        raise NumericsError(f"a record of {names} must have a text as kind, not {kind!r}")
    try:
        found: Any = resolve(names, kind)
    except ConfigError as error:
        raise NumericsError(error.message, hint=error.hint) from None
    if not (isinstance(found, type) and is_dataclass(found)):
        raise NumericsError(f'"{kind}" must be a dataclass to be read from a file')
    accepted = {field.name: field for field in fields(found)}
    given = {name: value for name, value in record.items() if name != "kind"}
    unknown = sorted(given.keys() - accepted.keys())
    if unknown:
        raise NumericsError(f'"{kind}" has no {", ".join(unknown)}')
    held: dict[str, object] = {}
    for name, value in given.items():
        if not _fits(value, str(accepted[name].type)):
            raise NumericsError(f'{name} of "{kind}" must be {accepted[name].type}, not {value!r}')
        held[name] = number_from({**value}) if isinstance(value, dict) else value
    try:
        return found(**held)
    except (TypeError, ValueError) as error:
        raise NumericsError(f'the record of "{kind}" is not whole ({error})') from None


def _fits(value: object, annotation: str) -> bool:
    """Whether a plain value may stand where an annotation says what is expected."""
    names = {part.strip() for part in annotation.split("|")}
    match value:
        case dict():
            return bool(names & {"NumberFormat", "MiniFloat"})
        case None:
            return "None" in names
        case bool():
            return "bool" in names
        case int():
            return bool(names & {"int", "float"})
        case float():
            return "float" in names
        case _:
            return not names & {"int", "float", "bool"} and names != {"NumberFormat"}
