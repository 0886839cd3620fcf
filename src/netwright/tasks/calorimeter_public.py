"""Reader for the public format of wafers: CSV with the columns CALQ_0 to CALQ_47 and a position.

It is the format that fastmachinelearning/fastml-science, ``sensor-data-compression``, trains on.
"""

from __future__ import annotations

import csv
import math
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from netwright.digits import is_plain_number
from netwright.errors import DataError
from netwright.escape import visible
from netwright.reading import check_plain
from netwright.tasks.calorimeter_charges import MAX_CHARGE
from netwright.tasks.calorimeter_geometry import CELLS
from netwright.tasks.calorimeter_table import UNKNOWN_KIND, WaferTable, make_table, region_of
from netwright.tasks.chunks import MAX_ROWS

MAX_LINE = 1 << 16
"""Most characters of a line."""

CHARGES = tuple(f"CALQ_{cell}" for cell in range(CELLS))
POSITION = "tc_eta"
MAX_ETA = 6.0
"""Largest pseudorapidity on either side; calorimeters of colliders end at 5 or before."""

HEADERLESS = {50: 48, 57: 55}
"""Columns of files without a header, and which of them, from 0, is the pseudorapidity: charges,
``tc_eta`` and ``tc_phi``, or the shuffled files that have seven other columns between."""

_HINT = f"accepted: the columns {CHARGES[0]} to {CHARGES[-1]} and {POSITION}, among others"


class PublicWafers(NamedTuple):
    """What a file holds.

    Attributes:
        table: Its wafers.
        dropped: Rows without any charge, which are left out.
    """

    table: WaferTable
    dropped: int


def read_csv(path: Path) -> PublicWafers:
    """Read wafers as CSV, with a header line or in one of the two layouts without.

    Charges are rounded to whole counts. Rows without any charge are left out and counted.

    Raises:
        DataError: The file is missing, not text, has other columns, or a row is wrong; rows are
            named by their line, counted from 1.
    """
    source = str(path)
    if check_plain(path, hint="give the path of a CSV file of wafers") == 0:
        raise DataError("is empty", source=source)
    charges, eta, dropped = array("q"), array("d"), 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            lines = enumerate(iter(lambda: stream.readline(MAX_LINE), ""), start=1)
            split = ((number, _cells(line)) for number, line in lines if line.strip())
            width, order, rows = _columns(split, source)
            for number, cells in rows:
                if len(cells) != width:
                    raise DataError(
                        f"line {number} must have {width} values, not {len(cells)}",
                        source=source,
                        hint="the file may be truncated; download it again",
                    )
                if len(eta) + dropped == MAX_ROWS:
                    raise DataError(f"holds more than {MAX_ROWS} rows", source=source)
                wafer = [_charge(cells[order[c]], number, c, source) for c in range(CELLS)]
                position = _position(cells[order[CELLS]], number, source)
                if any(wafer):
                    charges.extend(wafer)
                    eta.append(position)
                else:
                    dropped += 1
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise DataError(
            f"cannot be read as text ({error})", source=source, hint="accepted: CSV"
        ) from error
    if not len(eta):
        without = f": none of its {dropped} rows has any charge" if dropped else ""
        raise DataError(f"holds no wafer{without}", source=source, hint=_HINT)
    places = np.frombuffer(eta, dtype=np.float64)
    table = make_table(
        np.frombuffer(charges, dtype=np.int64).reshape(-1, CELLS),
        places,
        region_of(places),
        np.full(len(places), UNKNOWN_KIND),
        source=source,
    )
    return PublicWafers(table, dropped)


def _columns(
    rows: Iterator[tuple[int, list[str]]], source: str
) -> tuple[int, list[int], Iterator[tuple[int, list[str]]]]:
    """Number of columns, positions of the charges and of the pseudorapidity, and the data rows."""
    first = next(rows, None)
    if first is None:
        raise DataError("is empty", source=source)
    number, cells = first
    if _is_number(cells[0]):
        width = len(cells)
        if width not in HEADERLESS and width < max(HEADERLESS):
            raise DataError(
                f"line {number} has {width} values and is no header",
                source=source,
                hint=f"accepted without a header: {CELLS} charges, tc_eta and tc_phi, or "
                f"{max(HEADERLESS)} columns or more of which the 56th is tc_eta; {_HINT}",
            )
        place = HEADERLESS.get(width, HEADERLESS[max(HEADERLESS)])
        return width, [*range(CELLS), place], _with_first(first, rows)
    wanted = (*CHARGES, POSITION)
    missing = [name for name in wanted if name not in cells]
    repeated = sorted({name for name in wanted if cells.count(name) > 1})
    faults = [f"lacks the column {', '.join(missing)}"] * bool(missing)
    faults += [f"has the column {', '.join(repeated)} more than once"] * bool(repeated)
    if faults:
        raise DataError("; ".join(faults), source=source, hint=_HINT)
    return len(cells), [cells.index(name) for name in wanted], rows


def _with_first(
    first: tuple[int, list[str]], rows: Iterator[tuple[int, list[str]]]
) -> Iterator[tuple[int, list[str]]]:
    yield first
    yield from rows


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line]))]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return is_plain_number(text)


def _number(text: str, number: int, column: str, source: str) -> float:
    value = float(text) if _is_number(text) else math.nan
    if not math.isfinite(value):
        raise DataError(
            f'line {number}, column {column} must be a finite number, not "{visible(text)}"',
            source=source,
        )
    return value


def _position(text: str, number: int, source: str) -> float:
    value = _number(text, number, POSITION, source)
    if abs(value) > MAX_ETA:
        raise DataError(
            f"line {number}, column {POSITION} must be {-MAX_ETA:g} to {MAX_ETA:g}, "
            f"not {visible(text)}",
            source=source,
        )
    return value


def _charge(text: str, number: int, cell: int, source: str) -> int:
    value = _number(text, number, CHARGES[cell], source)
    if not 0 <= value <= MAX_CHARGE:
        raise DataError(
            f"line {number}, column {CHARGES[cell]} must be 0 to {MAX_CHARGE}, not {visible(text)}",
            source=source,
        )
    return math.floor(value + 0.5)
