"""Mappings as TOML, as :func:`netwright.mapping.load` reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields

from netwright.escape import toml_key, toml_string
from netwright.mapping.loopnest import Keep, Loop
from netwright.mapping.mapping import Group, Mapping


def write(mapping: Mapping) -> str:
    """A mapping as the text of a TOML file; reading it gives an equal mapping."""
    return "\n".join(_lines(mapping)) + "\n"


def _lines(mapping: Mapping) -> Iterator[str]:
    yield "schema_version = 1"
    yield f"granularity = {toml_string(mapping.granularity)}"
    yield f"places_weights = {str(mapping.places_weights).lower()}"
    yield from _listed("order", [toml_string(name) for name in mapping.order])
    if mapping.bindings:
        yield "\n[bindings]"
        for name, unit in mapping.bindings.items():
            yield f"{toml_key(name)} = {toml_string(unit)}"
    for name, nest in mapping.nests.items():
        yield f"\n[nests.{toml_key(name)}]"
        yield from _nested(nest.loops, nest.keeps)
    for group in mapping.groups:
        yield from _group(group)
    for stay in mapping.residencies:
        yield "\n[[residencies]]"
        yield f"tensor = {toml_string(stay.tensor)}"
        yield f"memory = {toml_string(stay.memory)}"
        yield f"first = {toml_string(mapping.order[stay.first])}"
        yield f"last = {toml_string(mapping.order[stay.last])}"
        yield f"offset = {stay.offset}"
    for layout in mapping.layouts:
        yield "\n[[layouts]]"
        for field in fields(layout):
            yield f"{field.name} = {_value(getattr(layout, field.name))}"


def _value(value: str | int) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) else toml_string(value)


def _group(group: Group) -> Iterator[str]:
    yield "\n[[groups]]"
    yield f"name = {toml_string(group.name)}"
    yield from _listed("einsums", [toml_string(name) for name in group.einsums])
    yield from _nested(group.loops, group.keeps)
    phases = [
        _table(
            (unit, "[" + ", ".join(map(toml_string, names)) + "]")
            for unit, names in phase.steps.items()
        )
        for phase in group.phases
    ]
    yield from _listed("phases", phases)
    if group.lags:
        yield f"lags = {_table((name, str(lag)) for name, lag in group.lags.items())}"


def _nested(loops: Sequence[Loop], keeps: Sequence[Keep]) -> Iterator[str]:
    yield from _listed("loops", [_loop(loop) for loop in loops])
    kept = (
        (("memory", toml_string(keep.memory)), ("tensor", toml_string(keep.tensor)),
         ("position", str(keep.position)))
        for keep in keeps
    )  # fmt: skip
    yield from _listed("keeps", [_table(iter(keep)) for keep in kept])


def _loop(loop: Loop) -> str:
    entries = [("rank", toml_string(loop.rank)), ("tile", str(loop.tile))]
    if loop.is_spatial:
        entries += [("array", toml_string(loop.array)), ("axis", str(loop.axis))]
    return _table(iter(entries))


def _table(entries: Iterator[tuple[str, str]]) -> str:
    return "{ " + ", ".join(f"{toml_key(key)} = {value}" for key, value in entries) + " }"


def _listed(name: str, values: Sequence[str]) -> Iterator[str]:
    if values:
        yield f"{name} = ["
        yield from (f"    {value}," for value in values)
        yield "]"
