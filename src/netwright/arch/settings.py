"""Settings of a machine that are changed from a command line, as ``node.setting=value``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from netwright.arch.architecture import Architecture, unknown
from netwright.arch.channels import check_banks, with_channels
from netwright.arch.faults import sentences
from netwright.arch.figure import Figure
from netwright.arch.nodes import Accelerator, Compute, Memory, Node
from netwright.arch.templates import with_accelerators
from netwright.arch.units import EXAMPLES, split
from netwright.errors import ConfigError

HINT = "for example --set dram.bandwidth=32GB/s, --set pad.capacity=64KiB or --set grid.fanout=8,8"

MOST_CHANNELS = 1024


def with_settings(architecture: Architecture, assignments: Sequence[str]) -> Architecture:
    """A copy in which some settings are others, checked as those of a file are.

    Figures are written with their unit, ``dram.bandwidth=32GB/s``; sizes and names of an array with
    commas, ``grid.fanout=8,8``; all else as in TOML. Figures of an operator have its name in
    between: ``vector.operators.exp.cycles=4``.

    Args:
        architecture: The machine.
        assignments: Settings in order.

    Raises:
        ConfigError: There is no such node or setting, or the value is not accepted.
    """
    for assignment in assignments:
        place, equals, text = assignment.partition("=")
        name, _, setting = place.strip().partition(".")
        if not equals or not setting:
            raise ConfigError(f'a setting must read node.setting=value, not "{assignment}"',
                              hint=HINT)  # fmt: skip
        if any(own.name == name for own in architecture.accelerators):
            architecture = _with_accelerator(architecture, name, setting, text.strip())
            continue
        node = next((node for node in architecture.nodes if node.name == name), None)
        if node is None:
            names = [own.name for own in (*architecture.nodes, *architecture.accelerators)]
            raise unknown(name, "node", names)
        if setting == "dram.channels" and isinstance(node, Memory) and node.dram is not None:
            architecture = with_channels(architecture, _channels(place.strip(), text.strip()))
            continue
        try:
            changes = _changes(node, setting.split("."), text.strip())
        except ValueError as error:
            raise ConfigError(f"{place.strip()}: {error}", hint=HINT) from None
        architecture = architecture.with_changes(name, changes)
    check_banks(architecture)
    return architecture


def _channels(place: str, text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text[:9]) <= MOST_CHANNELS:
        raise ConfigError(f"{place}: must be from 1 to {MOST_CHANNELS}, not {text}", hint=HINT)
    return int(text)


def _with_accelerator(
    architecture: Architecture, name: str, setting: str, text: str
) -> Architecture:
    """A copy in which an accelerator has another template or size."""
    old = next(own for own in architecture.accelerators if own.name == name)
    names = [own for own in Accelerator.model_fields if own not in ("name", "parent")]
    if setting not in names:
        raise ConfigError(f'an accelerator has no setting "{setting}", but {", ".join(names)}',
                          hint=HINT)  # fmt: skip
    try:
        value = _value("capacity" if setting == "buffer" else setting, text)
        new = Accelerator.model_validate({**dict(old), setting: value})
    except ValidationError as error:
        raise ConfigError(f"{name}.{'; '.join(sentences(error, Accelerator))}", hint=HINT) from None
    except ValueError as error:
        raise ConfigError(f"{name}.{setting}: {error}", hint=HINT) from None
    others = (new if own is old else own for own in architecture.accelerators)
    return with_accelerators(architecture, others)


def _changes(node: Node, path: list[str], text: str) -> Mapping[str, object]:
    if path[0] == "operators" and len(path) == 3 and isinstance(node, Compute):
        if path[1] not in node.operators:
            does = ", ".join(node.does)
            raise ValueError(f'"{node.name}" does not do {path[1]}; it does {does}')
        own = {**dict(node.operators[path[1]]), path[2]: _value(path[2], text)}
        return {"operators": {**node.operators, path[1]: own}}
    if len(path) > 1 or path[0] not in type(node).model_fields or path[0] in ("name", "kind"):
        settings = [name for name in type(node).model_fields if name not in ("name", "kind")]
        if isinstance(node, Memory) and node.dram is not None:
            settings[settings.index("dram")] = "dram.channels"
        raise ValueError(
            f'a {node.kind} has no setting "{".".join(path)}", but {", ".join(settings)}'
        )
    return {path[0]: _value(path[0], text)}


def _value(name: str, text: str) -> object:
    if name in EXAMPLES:
        value, unit = split(text)
        if not value >= 0:
            raise ValueError(f"must be 0 or more, not {text}")
        return Figure(value=value, unit=unit, source="chosen by the caller", fidelity="assumed")
    if name in ("fanout", "keeps", "exploits") and not text.startswith("["):
        parts = text.replace("x", ",") if name == "fanout" else text
        items = [part.strip() for part in parts.split(",")]
        return tuple(int(item) if item.isdecimal() else item for item in items)
    try:
        return _tuples(tomllib.loads(f"value = {text}")["value"])
    except tomllib.TOMLDecodeError:
        return text


def _tuples(value: object) -> object:
    """Lists as tuples, which is what nodes hold."""
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
