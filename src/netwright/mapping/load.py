"""Mappings as files: TOML, every fault listed."""

from __future__ import annotations

import json
from collections.abc import Mapping as Table
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from netwright.arch.faults import sentences
from netwright.errors import ConfigError
from netwright.mapping.layout import Layout, Spread
from netwright.mapping.loopnest import Keep, Loop, LoopNest
from netwright.mapping.mapping import Group, Mapping, Phase, Residency
from netwright.reading import read_toml
from netwright.workload import Granularity, Workload


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Loop(_Part):
    rank: str
    tile: int = Field(ge=1)
    array: str = ""
    axis: int = Field(default=0, ge=0)


class _Keep(_Part):
    memory: str
    tensor: str
    position: int = Field(ge=0)


class _Group(_Part):
    name: str = Field(min_length=1)
    einsums: tuple[str, ...] = Field(min_length=1)
    loops: tuple[_Loop, ...] = ()
    phases: tuple[dict[str, tuple[str, ...]], ...] = ()
    keeps: tuple[_Keep, ...] = ()
    lags: dict[str, int] = Field(default_factory=dict)


class _Nest(_Part):
    loops: tuple[_Loop, ...] = ()
    keeps: tuple[_Keep, ...] = ()


class _Stay(_Part):
    tensor: str
    memory: str
    first: str
    last: str
    offset: int = Field(ge=0)


class _Layout(_Part):
    tensor: str
    memory: str
    first_row: int = Field(ge=0)
    num_rows: int = Field(ge=1)
    groups: int = Field(ge=1)
    per_bank: int = Field(ge=1)
    channels: int = Field(ge=1)
    spread: Spread
    piece: int = Field(ge=1)
    packed: bool = True
    summed_along_rows: bool = True
    dealt: bool = True
    length: int = Field(default=0, ge=0)
    shared: int = Field(default=1, ge=1)


class _File(_Part):
    schema_version: Literal[1] = 1
    granularity: Granularity | None = None
    order: tuple[str, ...] = ()
    places_weights: bool = False
    bindings: dict[str, str] = Field(default_factory=dict)
    nests: dict[str, _Nest] = Field(default_factory=dict)
    groups: tuple[_Group, ...] = ()
    residencies: tuple[_Stay, ...] = ()
    layouts: tuple[_Layout, ...] = ()


def load(path: str | Path, *, granularity: Granularity = "unfused") -> Mapping:
    """Read a mapping, or the parts of one that are fixed.

    Where no order is given it is that of the groups and of the Einsums in them. An Einsum without a
    binding has that of its phase. Stays name the Einsums during which they begin and end. Whether
    the mapping is legal depends on a workload and a machine; see :func:`netwright.mapping.faults`.

    Args:
        path: The file.
        granularity: What the steps are where the file does not say it.

    Raises:
        ConfigError: The file cannot be read or is not TOML, or it is not accepted; the message
            lists all faults.
    """
    return parse(read_toml(Path(path)), source=str(path), granularity=granularity)


def parse(
    tables: Table[str, object], *, source: str, granularity: Granularity = "unfused"
) -> Mapping:
    """The mapping, or the parts of one, that the tables of a file say; see :func:`load`.

    Args:
        tables: What the file held.
        source: Its name, for messages.
        granularity: What the steps are where the file does not say it.

    Raises:
        ConfigError: It is not accepted; the message lists all faults.
    """
    try:
        found = _File.model_validate_json(json.dumps(tables, default=str))
    except ValidationError as error:
        told = sentences(error, _File)
        if len(told) == 1:
            raise ConfigError(told[0], path=source) from None
        lines = "".join(f"\n  {fault}" for fault in told)
        raise ConfigError(f"{len(told)} settings are not accepted{lines}", path=source) from None
    groups = tuple(_group(group) for group in found.groups)
    order = found.order or tuple(name for group in groups for name in group.einsums)
    bindings = {
        name: unit
        for group in groups
        for phase in group.phases
        for unit, names in phase.steps.items()
        for name in names
    }
    return Mapping(
        found.granularity or granularity,
        order,
        tuple(_stay(stay, order, source) for stay in found.residencies),
        {**bindings, **found.bindings},
        {name: LoopNest(*_nested(nest)) for name, nest in found.nests.items()},
        groups,
        found.places_weights,
        tuple(Layout(**dict(layout)) for layout in found.layouts),
    )


def retiled(mapping: Mapping, workload: Workload, tiles: Table[str, Table[int, int]]) -> Mapping:
    """The same mapping with other tiles; none is larger than its rank.

    Args:
        mapping: The mapping.
        workload: Says how large ranks are.
        tiles: For groups by name, new tiles by the place of their loop.
    """
    extents = {rank.name: rank.extent for einsum in workload.einsums for rank in einsum.ranks}

    def sized(group: Group) -> Group:
        chosen = tiles.get(group.name, {})
        loops = (
            replace(loop, tile=min(chosen.get(n, loop.tile), extents.get(loop.rank, loop.tile)))
            for n, loop in enumerate(group.loops)
        )
        return replace(group, loops=tuple(loops))

    return replace(mapping, groups=tuple(map(sized, mapping.groups)))


def _group(group: _Group) -> Group:
    loops, keeps = _nested(group)
    phases = tuple(Phase(steps) for steps in group.phases)
    return Group(group.name, group.einsums, loops, phases, keeps, group.lags)


def _nested(part: _Nest | _Group) -> tuple[tuple[Loop, ...], tuple[Keep, ...]]:
    loops = tuple(Loop(loop.rank, loop.tile, loop.array, loop.axis) for loop in part.loops)
    keeps = tuple(Keep(keep.memory, keep.tensor, keep.position) for keep in part.keeps)
    return loops, keeps


def _stay(stay: _Stay, order: tuple[str, ...], path: str) -> Residency:
    for name in (stay.first, stay.last):
        if name not in order:
            raise ConfigError(
                f'residency of "{stay.tensor}": "{name}" is not in the order',
                path=path,
                hint="first and last name Einsums; give the order too",
            )
    first, last = order.index(stay.first), order.index(stay.last)
    return Residency(stay.tensor, stay.memory, first, last, stay.offset)
