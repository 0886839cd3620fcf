"""What pydantic finds wrong with a machine, as sentences with the place in the file."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pydantic import BaseModel, ValidationError

from netwright.arch.units import EXAMPLES
from netwright.faults import suggestion

_LONG = re.compile(r"[^\s\"']{200,}")

_TAGS = ("memory", "link", "array", "compute")


def sentences(error: ValidationError, model: type[BaseModel] | None = None) -> list[str]:
    """Every fault, each with the dotted path of the setting.

    Args:
        error: What pydantic raised.
        model: What a file must hold, from which settings that are not known are guessed.
    """
    faults = [
        # An array whose items are faulty is not also too short.
        fault
        for fault in error.errors()
        if fault["type"] != "too_short" or not fault["input"]
    ]
    return [_sentence(fault["loc"], fault["type"], fault["msg"], model) for fault in faults]


def _sentence(
    place: tuple[int | str, ...], kind: str, message: str, model: type[BaseModel] | None
) -> str:
    path = ""
    for number, item in enumerate(place):
        if item in _TAGS and number == 2 and place[0] == "nodes":
            continue  # the tag of the union, not a name in the file
        path += f"[{item}]" if isinstance(item, int) else f".{item}" if path else item
    text = message.removeprefix("Value error, ").removeprefix("Input ")
    last = str(place[-1]) if place else ""
    if kind in ("model_type", "model_attributes_type", "dict_type") and last in EXAMPLES:
        text = f"must be a table with its unit and source, such as {example(last)}"
    if kind == "extra_forbidden":
        text = "is not known" + (suggestion(model, place) if model else "")
    text = _cut(text)
    return f"{path}: {text[:1].lower()}{text[1:]}" if path else text


def _cut(text: str) -> str:
    """A sentence without the middle of words that are longer than any name."""
    return _LONG.sub(lambda word: f"{word[0][:20]}...", text)


def example(name: str, examples: Mapping[str, str] = EXAMPLES) -> str:
    """How a figure is written in a file."""
    value, unit = examples[name].split()
    return f'{name} = {{ value = {value}, unit = "{unit}", source = "data sheet" }}'
