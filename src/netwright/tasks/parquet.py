"""Columns of Parquet files, through pyarrow; what a file declares is compared with its limits."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError, require
from netwright.escape import visible
from netwright.reading import read_bytes, translated
from netwright.tasks.parquet_sizes import VALUE_BYTES, unpacked_bytes

_WHAT = "a Parquet file"
_MAX_DEPTH = 8


def read_parquet(path: Path, *, most: int) -> tuple[dict[str, NDArray[Any]], dict[str, DataError]]:
    """Read all columns of a file.

    A column of lists of equal lengths becomes an array of more axes, text one of strings.

    Args:
        path: The file.
        most: Bytes that all columns together may have.

    Returns:
        The columns that are arrays, and what is wrong with the others: they hold something else
        than numbers, text and lists of numbers, lists of several lengths, or nothing at some row.

    Raises:
        DataError: The file is missing, damaged or too large.
        MissingExtra: pyarrow is not installed.
    """
    types = require("pyarrow", extra="data", purpose="reading Parquet files").types
    parquet = require("pyarrow.parquet", extra="data", purpose="reading Parquet files")
    data, source = read_bytes(path, most=most), str(path)
    with translated(path, _WHAT):
        _check_size(unpacked_bytes(data), most, source)
        file = parquet.ParquetFile(io.BytesIO(data))
        about = file.metadata
        kinds = {field.name: field.type for field in file.schema_arrow}
        names = [field.name for field in file.schema_arrow]
        rows = max(0, about.num_rows) * about.num_columns * VALUE_BYTES
    _check_size(rows, most, source)
    _check_names(names, source)
    faults = {
        name: DataError(
            f'column "{visible(name)}" must hold numbers, text or lists of numbers, not {kind}',
            source=source,
        )
        for name, kind in kinds.items()
        if not _is_array(kind, types)
    }
    with translated(path, _WHAT):
        texts = [name for name, kind in kinds.items() if _is_text(kind, types)]
        # Text stays in dictionaries: written out, a few long words would fill the memory.
        table = parquet.read_table(
            io.BytesIO(data), columns=[name for name in names if name not in faults],
            read_dictionary=texts, use_threads=False,
        )  # fmt: skip
    arrays = {}
    for name in table.column_names:
        try:
            arrays[name] = _array(table.column(name), f'column "{visible(name)}"', source, types)
        except DataError as error:
            faults[name] = error
    return arrays, faults


def _check_size(declared: int, most: int, source: str) -> None:
    if declared > most:
        raise DataError(
            f"declares {declared} bytes unpacked; at most {most} are read", source=source
        )


def _check_names(names: list[str], source: str) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f'the name "{visible(twice[0])}" stands for two columns', source=source)


def _is_text(kind: Any, types: Any) -> bool:
    return bool(types.is_string(kind) or types.is_large_string(kind))


def _is_list(kind: Any, types: Any) -> bool:
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def _is_array(kind: Any, types: Any) -> bool:
    """Whether a column of this type can be an array."""
    if _is_text(kind, types):
        return True
    if types.is_dictionary(kind):
        return _is_text(kind.value_type, types)
    for _ in range(_MAX_DEPTH):
        if _is_list(kind, types):
            kind = kind.value_type
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))


def _array(column: Any, what: str, source: str, types: Any) -> NDArray[Any]:
    """A column as an array, ``(rows, *shape)``."""
    with translated(source, _WHAT):
        values = column.unify_dictionaries().combine_chunks()
    shape = [len(values)]
    while _is_list(values.type, types):
        _check_present(values, what, source)
        shape.append(_length(values, what, source))
        values = values.flatten()
    _check_present(values, what, source)
    with translated(source, _WHAT):
        if types.is_dictionary(values.type):
            words = np.array(values.dictionary.to_pylist(), dtype=object)
            return words[values.indices.to_numpy()].reshape(shape)
        found: NDArray[Any] = values.to_numpy(zero_copy_only=False)
    return found.reshape(shape)


def _check_present(values: Any, what: str, source: str) -> None:
    if values.null_count:
        row = int(np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False))[0])
        raise DataError(
            f"{what} holds nothing at place {row}",
            source=source,
            hint=f"{values.null_count} such places in all; fill them or remove these rows",
        )


def _length(values: Any, what: str, source: str) -> int:
    """The one length of all lists of a column."""
    lengths = values.value_lengths().to_numpy(zero_copy_only=False)
    other = np.flatnonzero(lengths != lengths[:1])
    if len(other):
        raise DataError(
            f"{what} must hold lists of one length: that of row {other[0]} has "
            f"{lengths[other[0]]} values, that of row 0 {lengths[0]}",
            source=source,
        )
    return int(lengths[0]) if len(lengths) else 0
