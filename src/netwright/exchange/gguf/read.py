"""GGUF files: values and tensors of decoders, dequantized."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError, require
from netwright.exchange.gguf.layout import Entry, checked_layout
from netwright.reading import read_bytes, translated

MAX_BYTES = 1 << 33

Value = bool | int | float | str | list[Any]


@dataclass(frozen=True)
class GgufFile:
    """What a file holds.

    Attributes:
        path: The file.
        values: Its values by name, such as ``llama.block_count``.
        entries: Its tensors by name.
    """

    path: Path
    values: Mapping[str, Value]
    entries: Mapping[str, Entry]
    _tensors: Mapping[str, Any]

    def tensor(self, name: str) -> NDArray[np.float32]:
        """A tensor as float32, as the library dequantizes it; the innermost axis is the last.

        Raises:
            DataError: There is none, or a value is not finite.
        """
        if name not in self.entries:
            raise DataError(f'it has no tensor "{name}"', source=str(self.path))
        quants = require("gguf.quants", extra="gguf", purpose="reading GGUF files")
        stored, entry = self._tensors[name], self.entries[name]
        with np.errstate(all="ignore"), translated(self.path, "a GGUF file"):
            made = quants.dequantize(stored.data, stored.tensor_type)
            values = np.array(made, np.float32).reshape(entry.shape)
        if not np.isfinite(values).all():
            raise DataError(f'tensor "{name}" holds NaN or infinity', source=str(self.path))
        return values

    def number(self, name: str, *, least: float, most: float) -> float:
        """A value that is a number within limits.

        Raises:
            DataError: It is missing, no number, or outside.
        """
        found = self.values.get(name)
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise DataError(
                f'"{name}" must be a number, not {reprlib.repr(found)}', source=str(self.path)
            )
        if not least <= found <= most:
            raise DataError(
                f'"{name}" must be from {least:g} to {most:g}, not {found:g}', source=str(self.path)
            )
        return found

    def texts(self, name: str) -> list[str]:
        """A value that is a list of texts.

        Raises:
            DataError: It is missing or something else.
        """
        found = self.values.get(name)
        if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
            raise DataError(f'"{name}" must be a list of texts', source=str(self.path))
        return found


def read_gguf(path: str | Path) -> GgufFile:
    """Read a file of weights; every size and offset is checked before.

    Args:
        path: A GGUF file with tensors in F32, F16, Q8_0 or Q4_1.

    Raises:
        DataError: The file is missing, truncated, or not what its header says.
        MissingExtra: The library that reads such files is not installed.
    """
    path = Path(path)
    library = require("gguf", extra="gguf", purpose="reading GGUF files")
    data = read_bytes(path, most=MAX_BYTES)
    entries = {entry.name: entry for entry in checked_layout(path, memoryview(data))}
    del data
    with translated(path, "a GGUF file"):
        reader = library.GGUFReader(path)
        values = {
            name: field.contents()
            for name, field in reader.fields.items()
            if not name.startswith("GGUF.")
        }
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    if tensors.keys() != entries.keys():
        raise DataError("the library finds other tensors than its header says", source=str(path))
    for name, entry in entries.items():
        if int(tensors[name].data_offset) != entry.start:
            raise DataError(f'tensor "{name}" lies elsewhere for the library', source=str(path))
    return GgufFile(path, values, entries, tensors)
