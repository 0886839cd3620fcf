"""Rows of the user's own from ``.npz``, ``.npy`` and ``.csv``; nothing in them is trusted."""

from __future__ import annotations

import csv
import math
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError
from netwright.ir import Graph
from netwright.verify.stimulus import Stimulus

MAX_FILE_BYTES = 1 << 30
MAX_VALUES = 1 << 27
MAX_MEMBERS = 256

_FORMATS = (".npz", ".npy", ".csv")
_DELIMITERS = ",;\t"
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    TypeError,
    UnicodeError,
    ValueError,
)  # what zipfile, NumPy and tokenize raise for damaged files


def read_rows(path: Path | str, graph: Graph) -> Stimulus:
    """Read rows on which a graph shall be compared.

    Args:
        path: ``.npz`` with an array for each input, by its name (or one array of any name where
            there is one input); ``.npy``; or ``.csv`` with a row of numbers a line, all inputs side
            by side in the graph's order, with or without a line of names first.
        graph: The graph; its inputs say what shape a row has.

    Raises:
        DataError: The file cannot be read, is too large, has rows of another size, or holds
            something that is no finite number.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in _FORMATS:
        raise DataError(
            f"rows must be in a file {', '.join(_FORMATS[:-1])} or {_FORMATS[-1]}, not "
            f'"{path.suffix}"',
            source=str(path),
        )
    _check_size(path)
    try:
        if suffix == ".csv":
            arrays = _split(_table(path), graph, str(path))
        elif suffix == ".npy":
            with path.open("rb") as stream:
                found = {path.stem: _array(stream, path.stat().st_size, path.name, str(path))}
            arrays = _matched(found, graph, str(path))
        else:
            arrays = _matched(_members(path), graph, str(path))
    except _UNREADABLE as error:
        raise DataError(f"is no whole {suffix} file ({error})", source=str(path)) from error
    shaped = {name: _shaped(arrays[name], graph, name, str(path)) for name in graph.inputs}
    lengths = {name: len(array) for name, array in shaped.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name}: {length}" for name, length in lengths.items())
        raise DataError(f"inputs have different numbers of rows ({told})", source=str(path))
    if not next(iter(lengths.values())):
        raise DataError("holds no rows", source=str(path))
    return Stimulus(path.name, shaped[graph.inputs[0]] if len(shaped) == 1 else shaped)


def _check_size(path: Path) -> None:
    try:
        size = path.stat().st_size
        regular = path.is_file()
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", source=str(path)) from None
    if not regular:
        raise DataError("is no file", source=str(path))
    if size > MAX_FILE_BYTES:
        raise DataError(f"{size} bytes; at most {MAX_FILE_BYTES} are read", source=str(path))


def _members(path: Path) -> dict[str, NDArray[Any]]:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if len(entries) > MAX_MEMBERS or sum(entry.file_size for entry in entries) > MAX_FILE_BYTES:
            raise DataError(
                f"unpacks to more than {MAX_FILE_BYTES} bytes or {MAX_MEMBERS} arrays",
                source=str(path),
            )
        found = {}
        for entry in entries:
            name = entry.filename.removesuffix(".npy")
            if name in found:
                raise DataError(f'holds the array "{name}" twice', source=str(path))
            with archive.open(entry) as stream:
                found[name] = _array(stream, entry.file_size, name, str(path))
        return found


def _array(stream: IO[bytes], length: int, name: str, source: str) -> NDArray[Any]:
    """An array in NumPy's format, whose header must fit the bytes that there are."""
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise DataError(f'array "{name}" has an unknown format version', source=source)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[version]
    shape, by_columns, dtype = read(stream)
    if dtype.hasobject or dtype.kind not in "fiu":
        raise DataError(f'array "{name}" must hold numbers, not {dtype}', source=source)
    count = math.prod(shape)
    if count < 0 or count > MAX_VALUES or count * dtype.itemsize > length:
        raise DataError(
            f'array "{name}" declares {shape} {dtype}, more than the file holds or than '
            f"{MAX_VALUES} values",
            source=source,
        )
    data = stream.read(count * dtype.itemsize)
    values = np.frombuffer(data, dtype=dtype, count=count)
    return values.reshape(shape, order="F" if by_columns else "C")


def _matched(
    found: Mapping[str, NDArray[Any]], graph: Graph, source: str
) -> dict[str, NDArray[Any]]:
    """The arrays by input: by name, or the only one for the only input."""
    if len(graph.inputs) == 1 and graph.inputs[0] not in found and len(found) == 1:
        return {graph.inputs[0]: next(iter(found.values()))}
    missing = [name for name in graph.inputs if name not in found]
    if missing:
        raise DataError(
            f'has no array "{missing[0]}"; it has {", ".join(sorted(found)) or "none"}',
            source=source,
            hint=f"inputs of the graph: {', '.join(graph.inputs)}",
        )
    return {name: found[name] for name in graph.inputs}


def _shaped(array: NDArray[Any], graph: Graph, name: str, source: str) -> NDArray[np.float64]:
    """The rows of one input in its shape; flat rows are accepted."""
    shape = graph.types[name].shape[1:]
    size = math.prod(shape)
    flat = array.ndim == 2 and array.shape[1] == size
    if array.ndim == 0 or not (flat or array.shape[1:] == shape or (array.ndim == 1 and size == 1)):
        wanted = ", ".join(map(str, ("rows", *shape)))
        also = "" if len(shape) == 1 else f" or (rows, {size})"
        raise DataError(
            f'input "{name}" needs rows of shape ({wanted}){also}, not {array.shape}', source=source
        )
    values = array.reshape(len(array), *shape).astype(np.float64)
    if not np.all(np.isfinite(values)):
        row = int(np.argwhere(~np.isfinite(values))[0][0])
        raise DataError(f'input "{name}" holds NaN or infinity (first in row {row})', source=source)
    return values


def _table(path: Path) -> NDArray[np.float64]:
    """The numbers of a text table, (rows, columns)."""
    rows: list[list[float]] = []
    columns, count = 0, 0
    with path.open(encoding="utf-8-sig", newline="") as stream:
        first = stream.readline(1 << 20)
        delimiter = max(_DELIMITERS, key=first.count)
        stream.seek(0)
        lines = csv.reader(stream, delimiter=delimiter)
        try:
            for cells in lines:
                if not any(cell.strip() for cell in cells):
                    continue
                columns, count = columns or len(cells), count + len(cells)
                if len(cells) != columns or count > MAX_VALUES:
                    raise DataError(
                        f"a line has {len(cells)} columns, the first {columns}"
                        if len(cells) != columns
                        else f"holds more than {MAX_VALUES} values",
                        source=f"{path}:{lines.line_num}",
                    )
                numbers = [_number(cell) for cell in cells]
                if None not in numbers:
                    rows.append([float(value) for value in numbers if value is not None])
                elif count > columns or not all(_is_name(cell) for cell in cells):
                    raise DataError(
                        f"{cells[numbers.index(None)][:40]!r} is no finite number",
                        source=f"{path}:{lines.line_num}",
                    )
        except csv.Error as error:
            raise DataError(f"is no table ({error})", source=str(path)) from error
    if not rows:
        raise DataError("holds no rows", source=str(path))
    return np.array(rows, dtype=np.float64)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None


def _is_name(text: str) -> bool:
    """Whether a cell of the first line can be the name of a column: it is no number of any kind."""
    try:
        float(text)
    except ValueError:
        return True
    return False


def _split(table: NDArray[np.float64], graph: Graph, source: str) -> dict[str, NDArray[Any]]:
    """The columns of each input, in the graph's order."""
    sizes = {name: math.prod(graph.types[name].shape[1:]) for name in graph.inputs}
    if table.shape[1] != sum(sizes.values()):
        told = ", ".join(f"{size} for {name}" for name, size in sizes.items())
        raise DataError(
            f"has {table.shape[1]} columns, not {sum(sizes.values())} ({told})", source=source
        )
    arrays, start = {}, 0
    for name, size in sizes.items():
        arrays[name] = table[:, start : start + size]
        start += size
    return arrays
