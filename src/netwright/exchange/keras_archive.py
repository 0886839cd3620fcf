"""Keras files as plain values: nothing of the file is executed, nothing outside it is read.

A ``.keras`` file is a zip archive of ``config.json``, which says what the layers are, and
``model.weights.h5``, which holds their variables.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError, require

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
MAX_CONFIG_BYTES = 1 << 25
MAX_WEIGHTS_BYTES = 1 << 29
MAX_VALUES = 1 << 27
MAX_MEMBERS = 10_000


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
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
            for name in (CONFIG, WEIGHTS):
                if members.count(name) != 1:
                    raise DataError(
                        f"holds {members.count(name)} members {name}, not 1",
                        source=str(path),
                        hint="save the model with model.save('NAME.keras')",
                    )
            config = _member(archive, CONFIG, MAX_CONFIG_BYTES, path)
            weights = _member(archive, WEIGHTS, MAX_WEIGHTS_BYTES, path)
    except FileNotFoundError:
        raise DataError("does not exist", source=str(path)) from None
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, ValueError):
        raise DataError(
            "is no Keras file (a zip archive), or it is damaged",
            source=str(path),
            hint="save the model with model.save('NAME.keras')",
        ) from None
    return KerasArchive(_config(config, path), _variables(weights, path))


def _member(archive: zipfile.ZipFile, name: str, most: int, path: Path) -> bytes:
    size = archive.getinfo(name).file_size
    if size > most:
        raise DataError(f"{name} has {size} bytes, more than {most}", source=str(path))
    with archive.open(name) as member:
        data = member.read(most + 1)
    if len(data) > most:
        raise DataError(f"{name} has more than {most} bytes", source=str(path))
    return data


def _config(data: bytes, path: Path) -> Mapping[str, Any]:
    try:
        config = json.loads(data)
    except (ValueError, RecursionError):
        raise DataError(f"{CONFIG} is no JSON", source=str(path)) from None
    if not isinstance(config, dict):
        raise DataError(f"{CONFIG} must be an object", source=str(path))
    return config


def _variables(data: bytes, path: Path) -> dict[str, NDArray[Any]]:
    h5py = require("h5py", extra="hgq", purpose="reading Keras files")
    found: dict[str, NDArray[Any]] = {}
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            _collect(h5py, file, "", found, [0])
    except DataError as error:
        raise DataError(f"{WEIGHTS}: {error.message}", source=str(path)) from None
    except (OSError, RuntimeError, ValueError, TypeError, KeyError, OverflowError, MemoryError):
        raise DataError(f"{WEIGHTS} is no HDF5 file, or damaged", source=str(path)) from None
    return found


def _collect(
    h5py: Any, group: Any, prefix: str, found: dict[str, NDArray[Any]], counts: list[int]
) -> None:
    """Read every array below a group; links to other files and places are refused."""
    if prefix.count("/") > 32:
        raise DataError("groups are nested too deeply")
    for name in sorted(group):
        counts[0] += 1
        if counts[0] > MAX_MEMBERS:
            raise DataError(f"more than {MAX_MEMBERS} members")
        path = f"{prefix}{name}"
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise DataError(f'"{path}" is a link')
        member = group[name]
        if isinstance(member, h5py.Group):
            _collect(h5py, member, f"{path}/", found, counts)
        else:
            found[path] = _array(member, path, sum(array.size for array in found.values()))


def _array(dataset: Any, path: str, known: int) -> NDArray[Any]:
    if dataset.external or dataset.is_virtual:
        raise DataError(f'"{path}" lies in another file')
    if known + dataset.size > MAX_VALUES:
        raise DataError(f"more than {MAX_VALUES} values")
    if dataset.dtype.kind not in "biuf":
        raise DataError(f'"{path}" must hold numbers, not {dataset.dtype}')
    array = np.asarray(dataset[()])
    if not np.all(np.isfinite(array)):
        raise DataError(f'"{path}" holds NaN or infinity')
    return array
