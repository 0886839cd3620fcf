"""Sentences for what pydantic found wrong, in the words of the file's author."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from netwright.errors import ConfigError
from netwright.escape import visible

NESTED = "nested_settings"
"""Type of the fault of a field that was checked on its own; ``faults`` holds its sentences."""

_NOUNS = {
    "int_type": "an integer",
    "int_parsing": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "path_type": "text that names a file",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "an array",
    "list_type": "an array",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "dataclass_type": "a table",
}
_BOUNDS = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("below", "lt"),
    "less_than_equal": ("at most", "le"),
}
_LENGTHS = {
    kind: limit
    for prefix in ("", "string_")
    for kind, limit in (
        (f"{prefix}too_short", ("at least", "min_length")),
        (f"{prefix}too_long", ("at most", "max_length")),
    )
}


def faults(error: ValidationError, model: type[BaseModel], *, at: str = "") -> tuple[str, ...]:
    """One sentence for each fault: where, what is accepted, what was given.

    Args:
        error: What pydantic raised while it checked data against `model`.
        model: The model of the whole file, or of a part of it.
        at: Dotted path of that part.
    """
    found = error.errors(include_url=False)
    # A faulty item is not counted as an item: its array is not too short because of it.
    nested = {fault["loc"][:depth] for fault in found for depth in range(len(fault["loc"]))}
    kept = [f for f in found if f["type"] != "too_short" or f["loc"] not in nested]
    return tuple(_on_lines(text) for fault in kept for text in _sentences(fault, model, at))


def _on_lines(sentence: str) -> str:
    """A sentence on one line, and on the next its hint if it has one, whatever values it shows."""
    text, mark, hint = sentence.partition("\nhint: ")
    return f"{visible(text)}{mark}{visible(hint)}"


def refused_values(model: type, data: Mapping[str, object], *, at: str = "") -> tuple[str, ...]:
    """One sentence for each value that a dataclass in a model refuses by itself.

    Such a dataclass raises :class:`ConfigError`, which passes through pydantic and does not say
    where in the file the values stand.

    Args:
        model: The model of the whole file, or of a part of it.
        data: What the file held.
        at: Dotted path of that part.
    """
    found: list[str] = []
    for name, annotation in _fields(model).items():
        given = data.get(name)
        if not isinstance(given, Mapping):
            continue
        place = f"{at}.{name}" if at else name
        for member in _models(annotation):
            inner = refused_values(member, given, at=place)
            found += inner or (f"{place}.{fault}" for fault in _refused_by(member, given))
    return tuple(found)


def _refused_by(member: type, given: Mapping[str, object]) -> tuple[str, ...]:
    try:
        TypeAdapter(member).validate_json(json.dumps(given, default=str))
    except ConfigError as error:
        return error.faults
    except ValidationError:
        pass  # said of the whole file
    return ()


MOST_PLAIN = 5
"""Faults that :func:`plain_faults` spells out."""


def plain_faults(error: ValidationError) -> str:
    """What is wrong where, for data that has no model of settings: a file of the package's own."""
    found = error.errors(include_url=False)
    texts = [_plain(fault) for fault in found[:MOST_PLAIN]]
    more = len(found) - len(texts)
    return visible("; ".join(texts)) + (f"; and {more} more" if more else "")


def _plain(fault: ErrorDetails) -> str:
    path, kind = ".".join(map(str, fault["loc"])), fault["type"]
    if kind == "missing":
        return f"{path} is missing"
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"{path} is not known"
    if kind == "json_invalid":
        return str(fault["msg"])
    expected = fault.get("ctx", {}).get("expected")
    noun = _NOUNS.get(kind, expected or str(fault["msg"]).removeprefix("Input should be "))
    return f"{path or 'the file'} must be {noun}, not {shown(fault['input'])}"


def closest(name: str, accepted: tuple[str, ...]) -> str:
    """``; did you mean "x"?`` for the accepted name nearest to `name`, or nothing."""
    near = get_close_matches(name, accepted, n=1)
    return f'; did you mean "{near[0]}"?' if near else ""


def shown(value: object) -> str:
    """A value as its author wrote it, cut to a readable length."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _sentences(fault: ErrorDetails, model: type[BaseModel], at: str) -> Iterator[str]:
    if fault["type"] != NESTED:
        yield _sentence(fault, model, at)
        return
    outer = ".".join(filter(None, [at, _locate(model, fault["loc"][:-1])[0]]))
    for sentence in fault["ctx"]["faults"]:
        yield f"{outer}.{sentence}" if outer else sentence


def _sentence(fault: ErrorDetails, model: type[BaseModel], at: str) -> str:
    kind, given = fault["type"], fault["input"]
    path, annotation, owner = _locate(model, fault["loc"])
    path = ".".join(filter(None, [at, path]))
    context = fault.get("ctx", {})
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        return _unknown(path, str(fault["loc"][-1]), owner)
    if kind == "missing":
        return f"{path} is missing; it must be {_accepted(annotation)}"
    if kind == "literal_error":
        return f"{path} must be {_accepted(annotation)}, not {_quoted(given, annotation)}"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        tag_name = str(context["discriminator"]).strip("'")
        tags = tuple(str(tag) for member in _models(annotation) for tag in _tags(member))
        accepted = _alternatives(tags)
        if kind == "union_tag_not_found":
            return f"{path}.{tag_name} is missing; it must be {accepted}"
        tag = str(context["tag"])
        return f"{path}.{tag_name} must be {accepted}, not {shown(tag)}{closest(tag, tags)}"
    if kind in _BOUNDS:
        word, key = _BOUNDS[kind]
        return f"{path} must be {word} {context[key]:g}, not {shown(given)}"
    if kind in ("too_short", "too_long"):
        word, key = _LENGTHS[kind]
        values = "value" if context[key] == 1 else "values"
        return f"{path} must hold {word} {context[key]} {values}, not {len(given)}"
    if kind in ("string_too_short", "string_too_long"):
        word, key = _LENGTHS[kind]
        letters = "letter" if context[key] == 1 else "letters"
        return f"{path} must have {word} {context[key]} {letters}, not {shown(given)}"
    if kind == "value_error":
        sentence = str(fault["msg"]).removeprefix("Value error, ")
        return f"{path} {sentence}" if path else sentence
    noun = _NOUNS.get(kind, str(fault["msg"]).removeprefix("Input should be "))
    return f"{path or 'the file'} must be {noun}, not {shown(given)}"


def _unknown(path: str, name: str, owner: type | None) -> str:
    table = path.rpartition(".")[0]
    place = f"[{table}]" if table else "the file"
    return f"{path} is not a setting of {place}{_suggested(name, owner)}"


def _suggested(name: str, owner: type | None) -> str:
    accepted = tuple(_fields(owner)) if owner else ()
    return closest(name, accepted) or f"; accepted: {', '.join(accepted)}"


def suggestion(model: type[BaseModel], place: tuple[int | str, ...]) -> str:
    """What may be meant by a setting that a model does not have.

    Args:
        model: The model of the whole file.
        place: Where the setting stands, as pydantic says.
    """
    return _suggested(str(place[-1]), _locate(model, place)[2])


def _quoted(given: object, annotation: object) -> str:
    choices = tuple(str(choice) for choice in _choices(annotation))
    return shown(given) + (closest(given, choices) if isinstance(given, str) else "")


def _locate(model: type[BaseModel], loc: tuple[int | str, ...]) -> tuple[str, object, type | None]:
    """Dotted path without union tags, the annotation there, and the model that owns the field."""
    current: object = model
    owner: type | None = None
    path = ""
    for item in loc:
        members = tuple(_models(current))
        if isinstance(item, int):
            path += f"[{item}]"
            current = _element(current)
            continue
        tagged = [member for member in members if item in _tags(member)]
        if len(members) > 1 and tagged:
            current = tagged[0]
            continue
        owner = members[0] if members else None
        path = f"{path}.{item}" if path else item
        current = _fields(owner).get(item) if owner else None
    return path, current, owner


def _fields(owner: type) -> dict[str, object]:
    """The annotations of what a model or a dataclass holds."""
    if issubclass(owner, BaseModel):
        return {name: field.annotation for name, field in owner.model_fields.items()}
    hints = get_type_hints(owner, include_extras=True)
    return {name: hint for name, hint in hints.items() if get_origin(hint) is not ClassVar}


def _models(annotation: object) -> Iterator[type]:
    if isinstance(annotation, type) and (
        issubclass(annotation, BaseModel) or is_dataclass(annotation)
    ):
        yield annotation
    elif get_origin(annotation) is Annotated:
        yield from _models(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for member in get_args(annotation):
            yield from _models(member)


def _element(annotation: object) -> object:
    for member in get_args(annotation) if get_origin(annotation) is not tuple else (annotation,):
        if get_origin(member) is tuple:
            return get_args(member)[0]
    return None


def _tags(model: type) -> tuple[Any, ...]:
    return _choices(_fields(model).get("kind"))


def _choices(annotation: object) -> tuple[Any, ...]:
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return tuple(choice for member in get_args(annotation) for choice in _choices(member))


def _accepted(annotation: object) -> str:
    choices = _choices(annotation)
    if choices:
        return _alternatives(choices)
    if tuple(_models(annotation)):
        return "a table"
    if get_origin(annotation) is tuple:
        return "an array"
    return {int: "an integer", float: "a number", str: "text"}.get(annotation, "given")  # type: ignore[call-overload]


def _alternatives(choices: tuple[Any, ...]) -> str:
    words = [shown(choice) for choice in choices]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
