"""Rows of the user's own from ``.npz``, ``.npy`` and ``.csv``; nothing in them is trusted."""

from __future__ import annotations

import csv
import io
import math
from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.digits import is_plain_number
from netwright.errors import DataError
from netwright.ir import Graph
from netwright.reading import (
    MAX_ARRAY_BYTES,
    parse_array,
    read_arrays,
    read_bytes,
    read_text,
    translated,
)
from netwright.verify.columns import order_of
from netwright.verify.stimulus import Stimulus

MAX_TABLE_BYTES = 1 << 28
"""Most bytes of a ``.csv`` file."""


_FORMATS = (".npz", ".npy", ".csv")
_DELIMITERS = ",;\t"


def read_rows(
    path: Path | str, graph: Graph, *, limits: Mapping[str, tuple[int, int]] | None = None
) -> Stimulus:
    """Read rows on which a graph shall be compared.

    Args:
        path: ``.npz`` with an array for each input, by its name (or one array of any name where
            there is one input); ``.npy``; or ``.csv`` with a row of numbers a line, all inputs side
            by side, with or without a line of names first. Columns that are named after the inputs
            (``x0,x1,z``, ``x[0]``, ``x_1``) may be in any order, others are in the graph's.
        graph: The graph; its inputs say what shape a row has.
        limits: Smallest and largest value of each input that holds integers in the user's file.

    Raises:
        DataError: The file cannot be read, is too large, has rows of another size, or holds
            something that is no finite number, or no integer that its input can hold.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in _FORMATS:
        raise DataError(
            f"rows must be in a file {', '.join(_FORMATS[:-1])} or {_FORMATS[-1]}, not "
            f'"{path.suffix}"',
            source=str(path),
        )
    if suffix == ".csv":
        arrays = _split(*_table(path), graph, str(path))
    elif suffix == ".npy":
        data = read_bytes(path, most=MAX_ARRAY_BYTES)
        arrays = _matched({path.stem: parse_array(data, path, path.stem)}, graph, str(path))
    else:
        arrays = _matched(read_arrays(path), graph, str(path))
    shaped = {name: _shaped(arrays[name], graph, name, str(path)) for name in graph.inputs}
    for name, (low, high) in (limits or {}).items():
        _check_integers(shaped[name], name, low, high, str(path))
    lengths = {name: len(array) for name, array in shaped.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name}: {length}" for name, length in lengths.items())
        raise DataError(f"inputs have different numbers of rows ({told})", source=str(path))
    if not next(iter(lengths.values())):
        raise DataError("holds no rows", source=str(path))
    return Stimulus(path.name, shaped[graph.inputs[0]] if len(shaped) == 1 else shaped)


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


def _shaped(given: NDArray[Any], graph: Graph, name: str, source: str) -> NDArray[np.float64]:
    """The rows of one input in its shape; flat rows are accepted."""
    shape = graph.types[name].shape[1:]
    size = math.prod(shape)
    flat = given.ndim == 2 and given.shape[1] == size
    if given.ndim == 0 or not (flat or given.shape[1:] == shape or (given.ndim == 1 and size == 1)):
        wanted = ", ".join(map(str, ("rows", *shape)))
        also = "" if len(shape) == 1 else f" or (rows, {size})"
        raise DataError(
            f'input "{name}" needs rows of shape ({wanted}){also}, not {given.shape}', source=source
        )
    if given.dtype.kind not in "fiub":
        raise DataError(f'input "{name}" must hold numbers, not {given.dtype}', source=source)
    values = given.reshape(len(given), *shape).astype(np.float64)
    if not np.all(np.isfinite(values)):
        row = int(np.argwhere(~np.isfinite(values))[0][0])
        raise DataError(f'input "{name}" holds NaN or infinity (first in row {row})', source=source)
    large = np.abs(values) > np.finfo(np.float32).max
    if np.any(large):
        row = int(np.argwhere(large)[0][0])
        text = f'input "{name}" holds a number that float32 makes infinite (first in row {row})'
        raise DataError(text, source=source)
    return values


def _check_integers(
    values: NDArray[np.float64], name: str, low: int, high: int, source: str
) -> None:
    """Refuse rows that an input of integers would change."""
    wrong = np.argwhere((values != np.rint(values)) | (values < low) | (values > high))
    if len(wrong):
        place = tuple(map(int, wrong[0]))
        raise DataError(
            f'input "{name}" holds integers from {low} to {high}, not {values[place]:.9g} (first '
            f"in row {place[0]})",
            source=source,
        )


def _table(path: Path) -> tuple[NDArray[np.float64], list[str]]:
    """The numbers of a text table, (rows, columns), and the names of its columns, if any."""
    text = read_text(path, most=MAX_TABLE_BYTES)
    delimiter = max(_DELIMITERS, key=text[: text.find("\n") + 1 or None].count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    values, columns = array("d"), 0
    names: list[str] = []
    with translated(path, "a table"):
        for cells in lines:
            if not any(cell.strip() for cell in cells):
                continue
            first, columns = not columns, columns or len(cells)
            if len(cells) != columns:
                raise DataError(
                    f"a line has {len(cells)} columns, the first {columns}",
                    source=f"{path}:{lines.line_num}",
                )
            numbers = [_number(cell) for cell in cells]
            if None not in numbers:
                values.extend(value for value in numbers if value is not None)
            elif not first or not all(_is_name(cell) for cell in cells):
                raise DataError(
                    f"{cells[numbers.index(None)][:40]!r} is no finite number",
                    source=f"{path}:{lines.line_num}",
                    hint="numbers stand between commas, semicolons or tabs",
                )
            else:
                names = [cell.strip() for cell in cells]
    if not values:
        only = ": its only line is taken for the names of columns" if names else ""
        raise DataError(f"holds no rows{only}", source=str(path))
    return np.frombuffer(values, dtype=np.float64).reshape(-1, columns), names


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and is_plain_number(text) else None


def _is_name(text: str) -> bool:
    """Whether a cell of the first line can be a column's name: it is no number, nor several."""
    try:
        for part in text.split():
            float(part)
    except ValueError:
        return True
    return False


def _split(
    table: NDArray[np.float64], names: list[str], graph: Graph, source: str
) -> dict[str, NDArray[Any]]:
    """The columns of each input: by their names where these are the inputs', else in order."""
    sizes = {name: math.prod(graph.types[name].shape[1:]) for name in graph.inputs}
    if table.shape[1] != sum(sizes.values()):
        told = ", ".join(f"{size} for {name}" for name, size in sizes.items())
        raise DataError(
            f"has {table.shape[1]} columns, not {sum(sizes.values())} ({told})", source=source
        )
    order = order_of(names, sizes, source) if names else None
    if order is not None:
        table = table[:, order]
    arrays, start = {}, 0
    for name, size in sizes.items():
        arrays[name] = table[:, start : start + size]
        start += size
    return arrays
