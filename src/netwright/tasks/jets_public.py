"""Readers for the public jet data sets, as their users download them.

OpenML ``hls4ml_lhc_jets_hlf``: ARFF, or a CSV export with a header line. Zenodo 3602254 and
3602260: HDF5 files with the data set ``jets`` and its column names ``jetFeatureNames``. The file of
986 806 jets on CERNBox that LogicNets and its successors use: HDF5 with the data set
``t_allpar_new``, whose columns have names of their own.
"""

from __future__ import annotations

import csv
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from netwright.errors import DataError, require
from netwright.reading import translated
from netwright.tasks.jets_features import CLASSES, FEATURES
from netwright.tasks.table import MAX_ROWS, Table, check_file, make_table

MAX_LINE = 1 << 16
"""Most characters of a line."""

MAX_RATIO = 1100
"""Most values for each byte of an HDF5 file: compressors reach about so much."""

LABEL_COLUMN = "class"
HDF5_SUFFIXES = (".h5", ".hdf5", ".z")
CERNBOX = "t_allpar_new"
_COLUMNS_HINT = f"accepted: the columns {', '.join(FEATURES)} and {LABEL_COLUMN}, in any order"


def read_text_table(path: Path) -> Table:
    """Read the OpenML data set as ARFF (suffix ``.arff``) or CSV with a header line.

    Raises:
        DataError: The file is missing, not text, has other columns, or a row is wrong; rows are
            named by their line, counted from 1.
    """
    check_file(path)
    source = str(path)
    values, labels = array("d"), array("b")
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            lines = enumerate(iter(lambda: stream.readline(MAX_LINE), ""), start=1)
            is_arff = path.suffix.lower() == ".arff"
            names = _arff_header(lines, source) if is_arff else _csv_header(lines, source)
            order = _column_order(names, source)
            for number, line in lines:
                if not line.strip() or (is_arff and line.startswith("%")):
                    continue
                cells = _cells(line)
                if len(cells) != len(names):
                    raise DataError(
                        f"line {number} must have {len(names)} values, not {len(cells)}",
                        source=source,
                        hint="the file may be truncated; download it again",
                    )
                if len(labels) == MAX_ROWS:
                    raise DataError(f"holds more than {MAX_ROWS} rows", source=source)
                values.extend(_numbers(cells, order, number, source))
                labels.append(_label(cells[order[-1]], number, source))
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise DataError(
            f"cannot be read as text ({error})", source=source, hint="accepted: ARFF or CSV"
        ) from error
    features = np.frombuffer(values, dtype=np.float64).reshape(-1, len(FEATURES))
    return make_table(features, np.frombuffer(labels, dtype=np.int8), source=source)


def read_hdf5(path: Path) -> Table:
    """Read one HDF5 file of Zenodo or CERNBox, or all files of a folder in the order of names.

    Raises:
        MissingExtra: h5py is not installed.
        DataError: A file is missing, damaged, or holds other data.
    """
    h5py = require("h5py", extra="hdf5", purpose="reading HDF5 jet files")
    if not path.is_dir():
        return _read_hdf5_file(path, h5py)
    paths = sorted(item for item in path.iterdir() if item.suffix.lower() in HDF5_SUFFIXES)
    if not paths:
        raise DataError(
            "holds no .h5 file", source=str(path), hint="unpack the Zenodo archive there first"
        )
    tables = [_read_hdf5_file(item, h5py) for item in paths]
    features = np.concatenate([table.features for table in tables])
    labels = np.concatenate([table.labels for table in tables])
    return make_table(features, labels, source=str(path))


def _read_hdf5_file(path: Path, h5py: Any) -> Table:
    check_file(path)
    source = str(path)
    what, hint = "an HDF5 file of jets", "download it again; archives must be unpacked"
    with translated(path, what, hint=hint), h5py.File(path, "r") as file:
        key = CERNBOX if CERNBOX in file else "jets"
        lacking = [name for name in (key, "jetFeatureNames") if name not in file]
        if lacking and key != CERNBOX:
            raise DataError(
                f"lacks the data set {', '.join(lacking)}",
                source=source,
                hint="accepted: HDF5 files of Zenodo 3602254 or 3602260, or that of CERNBox",
            )
        jets = file[key]
        if not isinstance(jets, h5py.Dataset):
            raise DataError(f"{key} is no data set", source=source, hint=hint)
        if jets.is_virtual or jets.external or jets.file != file:
            raise DataError(
                f"{key} has its values in another file",
                source=source,
                hint="only a file that holds its own values is read",
            )
        if key == CERNBOX:
            names = list(jets.dtype.names or ())
            if not names:
                raise DataError(f"{key} has no named columns", source=source, hint=hint)
            shape = (*jets.shape, len(names))
        else:
            names = [name.decode() for name in file["jetFeatureNames"][()].ravel().tolist()]
            shape = jets.shape
        if len(shape) != 2 or shape[1] != len(names) or shape[0] > MAX_ROWS:
            raise DataError(
                f"{key} must have shape (rows up to {MAX_ROWS}, {len(names)}), not {shape}",
                source=source,
            )
        truth = [f"j_{name}" for name in CLASSES]
        missing = [name for name in (*FEATURES, *truth) if name not in names]
        if missing:
            raise DataError(
                f"lacks the column {', '.join(missing)}",
                source=source,
                hint=f"accepted: the columns {', '.join((*FEATURES, *truth))} among others",
            )
        if shape[0] * shape[1] > MAX_RATIO * path.stat().st_size:
            raise DataError(f"declares {shape[0]} rows, too many for its size", source=source)
        wanted = (*FEATURES, *truth)
        kinds = {jets.dtype[name].kind if key == CERNBOX else jets.dtype.kind for name in wanted}
        if not kinds <= set("fiu"):
            raise DataError(f"{key} must hold numbers", source=source)
        read = (jets.fields(list(wanted)) if key == CERNBOX else jets)[()]
        rows = [read[name] if key == CERNBOX else read[:, names.index(name)] for name in wanted]
    table = np.stack(rows, axis=1)
    features, one_hot = table[:, : len(FEATURES)], table[:, len(FEATURES) :]
    unclear = np.flatnonzero(((one_hot != 0) & (one_hot != 1)).any(axis=1) | (one_hot.sum(1) != 1))
    if len(unclear):
        raise DataError(
            f"row {unclear[0]} must have exactly one 1 among {', '.join(truth)}, "
            f"not {one_hot[unclear[0]].tolist()}",
            source=source,
        )
    return make_table(features, one_hot.argmax(axis=1), source=source)


def _arff_header(lines: Iterator[tuple[int, str]], source: str) -> list[str]:
    """Return the attribute names; the data lines remain in the iterator."""
    names = []
    for _, line in lines:
        words = line.strip().split(maxsplit=2)
        keyword = words[0].lower() if words else ""
        if keyword == "@attribute" and len(words) > 1:
            names.append(words[1].strip("'\""))
        elif keyword == "@data":
            return names
    raise DataError("has no @data line", source=source, hint="accepted: an ARFF file of OpenML")


def _csv_header(lines: Iterator[tuple[int, str]], source: str) -> list[str]:
    """Return the names of the first line."""
    for _, line in lines:
        return _cells(line.removeprefix("\ufeff"))
    raise DataError("is empty", source=source)


def _column_order(names: list[str], source: str) -> list[int]:
    """Return the positions of the features and, last, of the label."""
    expected = (*FEATURES, LABEL_COLUMN)
    missing = [name for name in expected if name not in names]
    unknown = [name for name in names if name not in expected]
    faults = [f"lacks the column {', '.join(missing)}"] * bool(missing)
    faults += [f"has the unknown column {', '.join(unknown)}"] * bool(unknown)
    repeated = sorted({name for name in names if names.count(name) > 1} - set(unknown))
    faults += [f"has the column {', '.join(repeated)} more than once"] * bool(repeated)
    if faults:
        raise DataError("; ".join(faults), source=source, hint=_COLUMNS_HINT)
    return [names.index(name) for name in expected]


def _cells(line: str) -> list[str]:
    return [cell.strip().strip("'") for cell in next(csv.reader([line]))]


def _numbers(cells: list[str], order: list[int], number: int, source: str) -> list[float]:
    """Return the features of one line."""
    values = []
    for name, position in zip(FEATURES, order, strict=False):  # the label's position comes last
        try:
            values.append(float(cells[position]))
        except ValueError:
            raise DataError(
                f'line {number}, column {name} must be a number, not "{cells[position]}"',
                source=source,
            ) from None
    return values


def _label(text: str, number: int, source: str) -> int:
    """Return the label of one line."""
    if text not in CLASSES:
        raise DataError(
            f"line {number}, column {LABEL_COLUMN} must be one of {', '.join(CLASSES)}, "
            f'not "{text}"',
            source=source,
        )
    return CLASSES.index(text)
