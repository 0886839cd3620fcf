"""Tables of jets as ``.npz`` files: 16 features and a label a row, checked when read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError
from netwright.files import write_npz
from netwright.reading import check_plain, read_arrays
from netwright.tasks.jets_features import CLASSES, FEATURES

MAX_ROWS = 10_000_000
MAX_BYTES = 4 * MAX_ROWS * (len(FEATURES) + 1)
ARRAYS = ("classes", "features", "labels", "names")


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Raw rows.

    Attributes:
        features: float32, shape ``(rows, 16)``, columns as in `FEATURES`, finite.
        labels: Positions in `CLASSES`, int64, shape ``(rows,)``.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int64]


def digest(table: Table) -> str:
    """Return the SHA-256 of the rows: features as little-endian float32, then labels as bytes.

    It depends on the values only, not on the compression of the file.
    """
    state = hashlib.sha256(np.ascontiguousarray(table.features, dtype="<f4").tobytes())
    state.update(table.labels.astype(np.uint8).tobytes())
    return state.hexdigest()


def write_table(path: Path, table: Table) -> Path:
    """Write a table whole or not at all; equal tables give equal bytes.

    Raises:
        RunError: The file cannot be written.
    """
    arrays = {
        "features": table.features.astype("<f4"),
        "labels": table.labels.astype(np.uint8),
        "names": np.array(FEATURES),
        "classes": np.array(CLASSES),
    }
    return write_npz(path, arrays)


def read_table(path: Path) -> Table:
    """Read a table that `write_table` wrote.

    Raises:
        DataError: The file is missing, truncated, too large, or holds anything else.
    """
    source = str(path)
    hint = "a table written by `netwright data jets`, with the arrays " + ", ".join(ARRAYS)
    check_file(path)
    arrays = read_arrays(
        path, most=MAX_BYTES, names=ARRAYS, what="an .npz file", hint=f"accepted: {hint}"
    )
    missing = [name for name in ARRAYS if name not in arrays]
    if missing:
        raise DataError(f"lacks the array {', '.join(missing)}", source=source, hint=hint)
    check_names(tuple(arrays["names"].ravel().tolist()), source=source)
    classes = tuple(arrays["classes"].ravel().tolist())
    if classes != CLASSES:
        raise DataError(
            f"classes must be {', '.join(CLASSES)}, not {', '.join(map(str, classes))}",
            source=source,
        )
    features, labels = arrays["features"], arrays["labels"]
    if features.dtype.kind != "f" or labels.dtype.kind not in "iu":
        raise DataError(
            f"features must be floats and labels integers, not {features.dtype} and {labels.dtype}",
            source=source,
        )
    return make_table(features, labels, source=source)


def make_table(
    features: NDArray[np.floating], labels: NDArray[np.integer], *, source: str
) -> Table:
    """Check shapes and values, and return them as a table.

    Args:
        features: Shape ``(rows, 16)``.
        labels: Shape ``(rows,)``.
        source: Where they come from, for messages.

    Raises:
        DataError: A shape is wrong, there are too few or too many rows, a value is not finite as
            float32, or a label names no class. Rows are counted from 0.
    """
    if features.ndim != 2 or features.shape[1] != len(FEATURES):
        raise DataError(
            f"features must have shape (rows, {len(FEATURES)}), not {features.shape}", source=source
        )
    if labels.shape != features.shape[:1]:
        raise DataError(
            f"labels must have shape ({len(features)},), not {labels.shape}", source=source
        )
    if not 0 < len(labels) <= MAX_ROWS:
        raise DataError(f"must hold 1 to {MAX_ROWS} rows, not {len(labels)}", source=source)
    with np.errstate(over="ignore"):  # a value above float32's range is reported below
        values = features.astype(np.float32)
    finite = np.isfinite(values)
    if not finite.all():
        row, column = np.argwhere(~finite)[0].tolist()
        raise DataError(
            f"value at row {row}, column {FEATURES[column]} must be a finite float32, "
            f"not {features[row, column]}",
            source=source,
            hint=f"{int((~finite).sum())} such values in all; remove these rows",
        )
    unknown = np.flatnonzero((labels < 0) | (labels >= len(CLASSES)))
    if len(unknown):
        raise DataError(
            f"label at row {unknown[0]} must be 0 to {len(CLASSES) - 1}, not {labels[unknown[0]]}",
            source=source,
            hint=f"classes are {', '.join(CLASSES)}",
        )
    return Table(values, labels.astype(np.int64))


def check_file(path: Path) -> None:
    """Raise DataError unless the path is a non-empty file."""
    if check_plain(path, hint="give the path of a downloaded file") == 0:
        raise DataError("is empty", source=str(path))


def check_names(names: tuple[str, ...], *, source: str) -> None:
    """Raise DataError unless the column names are `FEATURES` in order, naming every difference."""
    if names == FEATURES:
        return
    missing = [name for name in FEATURES if name not in names]
    unknown = [str(name) for name in names if name not in FEATURES]
    faults = [f"lacks the column {', '.join(missing)}"] * bool(missing)
    faults += [f"has the unknown column {', '.join(unknown)}"] * bool(unknown)
    raise DataError(
        "; ".join(faults) or "has its columns in another order",
        source=source,
        hint=f"accepted columns, in this order: {', '.join(FEATURES)}",
    )
