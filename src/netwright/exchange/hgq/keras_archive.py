"""Keras files as plain values: nothing of the file is executed, nothing outside it is read.

A ``.keras`` file is a zip archive of ``config.json``, which says what the layers are, and
``model.weights.h5``, which holds their variables.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError, require
from netwright.reading import checked_members, parse_json, read_bytes, read_member, translated

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
MAX_CONFIG_BYTES = 1 << 25
MAX_WEIGHTS_BYTES = 1 << 29
MAX_VALUES = 1 << 26
MAX_RATIO = 1100
"""Most values for each byte of a file: compressors reach about so much."""

MAX_MEMBERS = 10_000
_HINT = "save the model with model.save('NAME.keras')"


@dataclass(frozen=True, slots=True, eq=False)
class KerasArchive:
    """What a file holds.

    Attributes:
        config: The model as Keras describes it.
        variables: Every array, by its path in the file of the weights.
    """

    config: Mapping[str, Any]
    variables: Mapping[str, NDArray[Any]]


def load_archive(path: Path) -> KerasArchive:
    """Read a ``.keras`` file.

    Raises:
        DataError: It is missing, damaged, too large, or refers to anything outside it.
        MissingExtra: h5py is not installed.
    """
    data = read_bytes(path, most=MAX_WEIGHTS_BYTES, hint=_HINT)
    what = "a Keras file (a zip archive)"
    with translated(path, what, hint=_HINT), zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = checked_members(archive, path, most=MAX_WEIGHTS_BYTES, hint=_HINT)
        for name in (CONFIG, WEIGHTS):
            if name not in members:
                raise DataError(f"holds no member {name}", source=str(path), hint=_HINT)
        config = read_member(archive, members[CONFIG], path, most=MAX_CONFIG_BYTES, hint=_HINT)
        weights = read_member(archive, members[WEIGHTS], path, most=MAX_WEIGHTS_BYTES, hint=_HINT)
    return KerasArchive(_config(config, path), _variables(weights, path))


def _config(data: bytes, path: Path) -> Mapping[str, Any]:
    config = parse_json(data, path, hint=_HINT)
    if not isinstance(config, dict):
        raise DataError(f"{CONFIG} must be an object", source=str(path))
    return config


def _variables(data: bytes, path: Path) -> dict[str, NDArray[Any]]:
    h5py = require("h5py", extra="hgq", purpose="reading Keras files")
    found: dict[str, NDArray[Any]] = {}
    room = _Room(min(MAX_VALUES, MAX_RATIO * len(data)))
    try:
        with translated(path, f"HDF5 ({WEIGHTS})"), h5py.File(io.BytesIO(data), "r") as file:
            _collect(h5py, file, "", found, room)
    except DataError as error:
        if error.source is not None:
            raise
        raise DataError(f"{WEIGHTS}: {error.message}", source=str(path)) from None
    return found


@dataclass(slots=True)
class _Room:
    """What is left of the values and members that a file may have."""

    values: int
    members: int = MAX_MEMBERS


def _collect(
    h5py: Any, group: Any, prefix: str, found: dict[str, NDArray[Any]], room: _Room
) -> None:
    """Read every array below a group; links to other files and places are refused."""
    if prefix.count("/") > 32:
        raise DataError("groups are nested too deeply")
    for name in sorted(group):
        room.members -= 1
        if room.members < 0:
            raise DataError(f"more than {MAX_MEMBERS} members")
        path = f"{prefix}{name}"
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise DataError(f'"{path}" is a link')
        member = group[name]
        if isinstance(member, h5py.Group):
            _collect(h5py, member, f"{path}/", found, room)
        else:
            found[path] = _array(member, path, room)


def _array(dataset: Any, path: str, room: _Room) -> NDArray[Any]:
    if dataset.external or dataset.is_virtual:
        raise DataError(f'"{path}" lies in another file')
    size = dataset.size
    if size is None or size > room.values:
        raise DataError(f'"{path}" declares {size} values, too many for its file')
    room.values -= size
    if dataset.dtype.kind not in "biuf":
        raise DataError(f'"{path}" must hold numbers, not {dataset.dtype}')
    array = np.asarray(dataset[()])
    if array.ndim and not np.all(np.isfinite(array)):  # single numbers serve training only
        raise DataError(f'"{path}" holds NaN or infinity')
    return array
