"""Columns of a user's file: ``.npz``, ``.csv``, ``.parquet``; nothing in them is trusted."""

from __future__ import annotations

import csv
import io
import re
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.digits import is_plain_number
from netwright.errors import DataError
from netwright.escape import visible
from netwright.reading import read_arrays, read_text, translated
from netwright.tasks.parquet import read_parquet

MAX_BYTES = 1 << 30
"""Most bytes of all columns that are read."""

MAX_TEXT_BYTES = 1 << 28
"""Most bytes of a text table."""

MAX_COLUMNS = 1 << 16

READERS = (".csv", ".npz", ".parquet")

_DELIMITERS = ",;\t"
_BLOCK = 1 << 16
"""Cells that are read together."""

_NOT_WHOLE = re.compile(r"[^0-9+\-\s]")


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """What a file holds, or a caller gives.

    Attributes:
        arrays: By name: numbers or text, each of shape ``(rows, *shape)``.
        source: Where they come from, for messages.
        lines: The line of each row in a text file; none elsewhere.
        faults: What is wrong with the columns that are no arrays.
    """

    arrays: dict[str, NDArray[Any]]
    source: str
    lines: NDArray[np.int64] | None = None
    faults: Mapping[str, DataError] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The names of all columns."""
        return [*self.arrays, *self.faults]

    def where(self, row: int) -> str:
        """Return the place of a row in a sentence; rows are counted from 0, lines from 1."""
        return f"row {row}" if self.lines is None else f"line {self.lines[row]}"

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return the column of this name.

        Raises:
            DataError: There is none, or it is no array.
        """
        if name in self.faults:
            raise self.faults[name]
        if name not in self.arrays:
            known = ", ".join(visible(known) for known in self.names[:20])
            more = "" if len(self.names) <= 20 else f" and {len(self.names) - 20} more"
            raise DataError(
                f'has no column "{visible(name)}"', source=self.source, hint=f"it has {known}{more}"
            )
        return self.arrays[name]


def read_columns(path: Path | str) -> Columns:
    """Read the columns of a file by its suffix.

    A text table has the names of its columns in the first line, and commas, semicolons or
    tabulators between its cells. A column of which every cell is a number holds numbers, whole ones
    if all are written so; any other column holds text.

    Raises:
        DataError: The file is missing, damaged, too large, of another kind, or holds something else
            than numbers and text; in a text table, a line has too few or too many cells.
        MissingExtra: A Parquet file is given and pyarrow is not installed.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".npz":
        columns = Columns(read_arrays(path, most=MAX_BYTES), str(path))
    elif suffix == ".csv":
        columns = _read_csv(path)
    elif suffix == ".parquet":
        arrays, faults = read_parquet(path, most=MAX_BYTES)
        columns = Columns(arrays, str(path), faults=faults)
    else:
        raise DataError(
            f'has the suffix "{visible(path.suffix)}", which is not known',
            source=str(path),
            hint=f"accepted: {', '.join(READERS)}; for arrays in memory use from_arrays",
        )
    if not columns.names:
        raise DataError("holds nothing", source=str(path))
    return columns


def _read_csv(path: Path) -> Columns:
    text = read_text(path, most=MAX_TEXT_BYTES)
    names, delimiter = _header(text, str(path))
    texts: set[int] = set()
    while True:  # a second time only where text comes below numbers
        table = _Table(names, texts)
        rows = _lines(text, delimiter)
        block = max(1, _BLOCK // len(names))
        while True:
            with translated(path, "a text table"):
                some = list(islice(rows, block))
            if not some:
                break
            for line, cells in some:
                _check_length(len(cells), len(names), line, str(path))
            table.add([line for line, _ in some], [cells for _, cells in some])
        if not table.found:
            break
        texts |= table.found
    if not table.lines:
        raise DataError("holds no rows", source=str(path), hint="the first line names the columns")
    return Columns(table.columns(), str(path), np.frombuffer(table.lines, np.int64))


def _header(text: str, source: str) -> tuple[list[str], str]:
    """Names of the columns, and what stands between the cells."""
    first = text[: text.find("\n") + 1 or None]
    delimiter = max(_DELIMITERS, key=first.count)
    with translated(source, "a text table"):
        names = [name.strip() for name in next(csv.reader([first], delimiter=delimiter), [])]
    if len(names) > MAX_COLUMNS:
        raise DataError(f"has {len(names)} columns; at most {MAX_COLUMNS} are read", source=source)
    if not any(names):
        raise DataError(
            "must begin with a line that names the columns, and its first line is empty",
            source=source,
        )
    if _numbers(names) is not None:
        raise DataError(
            "must begin with a line that names the columns, not with numbers", source=source
        )
    faults = [f"column {number} has no name" for number, name in enumerate(names) if not name]
    twice = [name for name, count in Counter(names).items() if name and count > 1]
    faults += [f'the name "{visible(name)}" stands for two columns' for name in twice]
    if faults:
        raise DataError("; ".join(faults[:5]), source=source, hint="columns are counted from 0")
    return names, delimiter


def _lines(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Every line below the first that is not empty, with its number."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    next(reader)
    for cells in reader:
        if any(cell and not cell.isspace() for cell in cells):
            yield reader.line_num, cells


def _check_length(found: int, wanted: int, line: int, source: str) -> None:
    if found != wanted:
        raise DataError(
            f"line {line} must have {wanted} cells like the first, not {found}",
            source=source,
            hint="the file may be truncated" if found < wanted else None,
        )


class _Table:
    """The columns of a text table while it is read."""

    def __init__(self, names: Sequence[str], texts: set[int]) -> None:
        self.names, self.lines, self.found = names, array("q"), set[int]()
        self.values: list[Any] = [[] if at in texts else array("d") for at in range(len(names))]
        self.whole = [True] * len(names)

    def add(self, lines: list[int], rows: list[list[str]]) -> None:
        """Take the cells of some rows."""
        for at, cells in enumerate(zip(*rows, strict=True)):
            column = self.values[at]
            numbers = None if isinstance(column, list) else _numbers(cells)
            if numbers is not None:
                column.extend(numbers)
                self.whole[at] = self.whole[at] and not _NOT_WHOLE.search("".join(cells))
            elif isinstance(column, list) or not self.lines:
                known = column if isinstance(column, list) else []
                known += map(str.strip, cells)
                self.values[at] = known
            else:
                self.found.add(at)
        self.lines.extend(lines)

    def columns(self) -> dict[str, NDArray[Any]]:
        """The columns as arrays."""
        return {name: self._array(at) for at, name in enumerate(self.names)}

    def _array(self, at: int) -> NDArray[Any]:
        column = self.values[at]
        if isinstance(column, list):
            return np.array(column, dtype=object)
        values = np.frombuffer(column, np.float64)
        if self.whole[at] and np.abs(values).max() < 2**53:
            return values.astype(np.int64)
        return values


def _numbers(cells: Sequence[str]) -> list[float] | None:
    """The cells as numbers, if all are."""
    try:
        found = [float(cell) for cell in cells]
    except ValueError:
        return None
    return found if is_plain_number("".join(cells)) else None
