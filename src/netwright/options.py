"""Options of what a name stands for, as settings that a file can hold.

A name of :mod:`netwright.registry` stands for settings with a method ``make``, or for any function
or class, whose parameters are then its options.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import ConfigDict, create_model
from pydantic.errors import PydanticUserError

from netwright.errors import ConfigError
from netwright.registry import resolve
from netwright.settings import Settings, check, refused


class _Options(Settings):
    """Base of the options of functions, which may have any names."""

    model_config = ConfigDict(protected_namespaces=())


def options_of(kind: str, name: str, *, given: Collection[str] = ()) -> type[Settings]:
    """The options of a name.

    Args:
        kind: Kind of the name.
        name: As :func:`netwright.registry.resolve` takes it.
        given: Parameters that are no options, because the caller has their values.

    Raises:
        ConfigError: There is no such name, or it stands for nothing that can be called.
    """
    target = resolve(kind, name)
    if isinstance(target, type) and issubclass(target, Settings):
        return target
    wanted = [p for p in _parameters(target, name) if p.name not in given]
    found = _model(target, name, {p.name: (p.annotation, p.default) for p in wanted})
    paths = file_options(found)
    if not paths:
        return found
    # Text is taken for a path where either is accepted.
    types = {p.name: p.annotation for p in wanted}
    for path in paths:
        optional = _mentions(found.model_fields[path].annotation, type(None))
        types[path] = Path | None if optional else Path
    return _model(target, name, {p.name: (types[p.name], p.default) for p in wanted})


def _model(
    target: object, name: str, parameters: Mapping[str, tuple[object, object]]
) -> type[Settings]:
    empty = inspect.Parameter.empty
    fields: dict[str, Any] = {
        key: (Any if annotation is empty else annotation, ... if default is empty else default)
        for key, (annotation, default) in parameters.items()
    }
    module = getattr(target, "__module__", __name__)
    try:
        made = create_model(name, __base__=_Options, __module__=module, **fields)
        made.model_rebuild()
    except (PydanticUserError, NameError) as error:
        raise ConfigError(
            f'"{name}" has a parameter that no file can hold: {str(error).splitlines()[0]}',
            hint="parameters are numbers, text, arrays and tables, each with its type",
        ) from error
    return made


def make(kind: str, name: str, options: Mapping[str, object], **given: object) -> object:
    """What a name makes with options.

    Args:
        kind: Kind of the name.
        name: As :func:`netwright.registry.resolve` takes it.
        options: Values by option.
        **given: Values of the caller; those that it does not take are left out.
    """
    target: Any = resolve(kind, name)
    if isinstance(target, type) and issubclass(target, Settings):
        return target(**options).make(**given)  # type: ignore[attr-defined]
    taken = {parameter.name for parameter in _parameters(target, name)}
    return target(**options, **{key: value for key, value in given.items() if key in taken})


def make_from(
    kind: str, name: str, data: Mapping[str, object], *, source: str, **given: object
) -> object:
    """What a name makes with the options that a file holds.

    Args:
        kind: Kind of the name.
        name: As :func:`netwright.registry.resolve` takes it.
        data: What the file held.
        source: Name of the file, for messages.
        **given: Values of the caller.

    Raises:
        ConfigError: Some options are not accepted, by their types or by what they make; the message
            names the file and lists all of them.
    """
    options = check(data, options_of(kind, name, given=tuple(given)), source=source)
    try:
        return make(kind, name, options.model_dump(), **given)
    except ConfigError as error:
        raise refused(error.faults, source=source, hint=error.hint) from error


def takes(kind: str, name: str, parameter: str) -> bool:
    """Whether what a name stands for has a parameter."""
    target = resolve(kind, name)
    if isinstance(target, type) and issubclass(target, Settings):
        return parameter in target.model_fields
    return parameter in {found.name for found in _parameters(target, name)}


def file_options(options: type[Settings]) -> tuple[str, ...]:
    """The options that name a file or a folder, whose contents then count, not their place."""
    return tuple(
        name for name, field in options.model_fields.items() if _mentions(field.annotation, Path)
    )


def _parameters(target: object, name: str) -> list[inspect.Parameter]:
    if not callable(target):
        raise ConfigError(f'"{name}" must be a function or a class, not {type(target).__name__}')
    try:
        found = inspect.signature(target).parameters.values()
    except ValueError as error:
        raise ConfigError(f'"{name}" does not say its parameters') from error
    kept = [p for p in found if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    hidden = [p.name for p in kept if p.kind is p.POSITIONAL_ONLY]
    if hidden:
        raise ConfigError(f'"{name}" takes {", ".join(hidden)} by position only')
    return kept


def _mentions(annotation: object, wanted: type) -> bool:
    if get_origin(annotation) in (Union, UnionType, Annotated):
        return any(_mentions(member, wanted) for member in get_args(annotation))
    return annotation is wanted
