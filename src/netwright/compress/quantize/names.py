"""Quantizers by name, with options in the name: ``outlier(rule=left)``."""

from __future__ import annotations

import re

from netwright.compress.quantize.base import Quantizer
from netwright.errors import ConfigError
from netwright.options import make
from netwright.registry import resolve
from netwright.settings import Settings, check

_NAME = re.compile(r"([A-Za-z0-9_.:/-]+)(?:\((.*)\))?", re.DOTALL)
_LONGEST = 200


def quantizer(name: str, bits: int) -> Quantizer:
    """The quantizer of a name.

    Args:
        name: A name of the kind ``quantizers``, or one with options:
            ``outlier(rule=left)``, ``mse(numbers=int-or-flint)``.
        bits: Width of an element.

    Raises:
        ConfigError: There is no such quantizer or option, or it does not have these bits.

    >>> quantizer("outlier(rule=left)", 4).rule
    'left'
    """
    found = _NAME.fullmatch(name) if len(name) <= _LONGEST else None
    if found is None:
        raise ConfigError(
            f'a quantizer must be NAME or NAME(option=value, ...), not "{name[:_LONGEST]}"'
        )
    kind, text = found.groups()
    target = resolve("quantizers", kind)
    if not (isinstance(target, type) and issubclass(target, Settings)):
        raise ConfigError(f'"{kind}" is no quantizer')
    options = {"bits": bits} | _options(text or "", name)
    checked = check(options, target, source=f"quantizer {name}, {bits} bits")
    made = make("quantizers", kind, checked.model_dump())
    if not isinstance(made, Quantizer):
        raise ConfigError(f'"{kind}" must make a netwright.compress.quantize.Quantizer')
    return made


def _options(text: str, name: str) -> dict[str, object]:
    found: dict[str, object] = {}
    for entry in text.split(",") if text.strip() else ():
        key, equals, value = (part.strip() for part in entry.partition("="))
        if not equals or not key or not value or key in found or key == "bits":
            raise ConfigError(
                f'quantizer "{name}": options must be option=value, each once and not bits, '
                f'not "{entry.strip()}"'
            )
        found[key] = _value(value)
    return found


def _value(text: str) -> object:
    if text.isascii() and text.isdecimal() and len(text) < 10:
        return int(text)
    return tuple(text.split("|")) if "|" in text else text
