"""Tables of wafers as ``.npz`` files: 48 charges a row and a place, checked when read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError
from netwright.files import write_npz
from netwright.reading import check_plain, read_arrays
from netwright.tasks.calorimeter_charges import check_charges
from netwright.tasks.calorimeter_geometry import CELLS
from netwright.tasks.calorimeter_wafers import KINDS, MAX_COUNT, REGION_NAMES, REGIONS
from netwright.tasks.chunks import MAX_ROWS

ARRAYS = ("charges", "eta", "kind", "kinds", "region", "regions")
MAX_BYTES = MAX_ROWS * (4 * CELLS + 16)
UNKNOWN_KIND = -1
HINT = "a table written by `netwright data calorimeter`, with the arrays " + ", ".join(ARRAYS)


@dataclass(frozen=True, slots=True, eq=False)
class WaferTable:
    """Raw wafers.

    Attributes:
        charges: Whole counts, int64, shape ``(rows, 48)``; no row is empty.
        eta: Pseudorapidity, float32, shape ``(rows,)``.
        region: Positions in :data:`REGION_NAMES`, int64, shape ``(rows,)``.
        kind: Positions in :data:`KINDS`, int64, shape ``(rows,)``; -1 where it is not known.
    """

    charges: NDArray[np.int64]
    eta: NDArray[np.float32]
    region: NDArray[np.int64]
    kind: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.region)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> WaferTable:
        """Return the table with these rows only, in their order."""
        return WaferTable(self.charges[rows], self.eta[rows], self.region[rows], self.kind[rows])


def digest(table: WaferTable) -> str:
    """Return the SHA-256 of the rows; it depends on the values only, not on the compression."""
    state = hashlib.sha256(np.ascontiguousarray(table.charges, dtype="<u4").tobytes())
    state.update(np.ascontiguousarray(table.eta, dtype="<f4").tobytes())
    state.update(table.region.astype(np.int8).tobytes())
    state.update(table.kind.astype(np.int8).tobytes())
    return state.hexdigest()


def write_table(path: Path, table: WaferTable) -> Path:
    """Write a table whole or not at all; equal tables give equal bytes.

    Raises:
        RunError: The file cannot be written.
    """
    narrow = int(table.charges.max(initial=0)) <= MAX_COUNT
    arrays = {
        "charges": table.charges.astype("<u2" if narrow else "<u4"),
        "eta": table.eta.astype("<f4"),
        "region": table.region.astype(np.int8),
        "kind": table.kind.astype(np.int8),
        "regions": np.array(REGION_NAMES),
        "kinds": np.array(KINDS),
    }
    return write_npz(path, arrays)


def read_table(path: Path) -> WaferTable:
    """Read a table that :func:`write_table` wrote.

    Raises:
        DataError: The file is missing, truncated, too large, or holds anything else.
    """
    source = str(path)
    if check_plain(path, hint="give the path of a table of wafers") == 0:
        raise DataError("is empty", source=source)
    arrays = read_arrays(
        path, most=MAX_BYTES, names=ARRAYS, what="an .npz file", hint=f"accepted: {HINT}"
    )
    missing = [name for name in ARRAYS if name not in arrays]
    if missing:
        raise DataError(f"lacks the array {', '.join(missing)}", source=source, hint=HINT)
    for name, known in (("regions", REGION_NAMES), ("kinds", KINDS)):
        found = tuple(arrays[name].ravel().tolist())
        if found != known:
            raise DataError(
                f"{name} must be {', '.join(known)}, not {', '.join(map(str, found))}",
                source=source,
            )
    for name, accepted in (("charges", "iu"), ("region", "iu"), ("kind", "iu"), ("eta", "f")):
        if arrays[name].dtype.kind not in accepted:
            kind = "floats" if accepted == "f" else "integers"
            raise DataError(f"{name} must hold {kind}, not {arrays[name].dtype}", source=source)
    return make_table(
        arrays["charges"], arrays["eta"], arrays["region"], arrays["kind"], source=source
    )


def make_table(
    charges: NDArray[np.integer],
    eta: NDArray[np.floating],
    region: NDArray[np.integer],
    kind: NDArray[np.integer],
    *,
    source: str,
) -> WaferTable:
    """Check shapes and values, and return them as a table.

    Args:
        charges: Whole counts, shape ``(rows, 48)``.
        eta: Pseudorapidity, shape ``(rows,)``.
        region: Shape ``(rows,)``.
        kind: Shape ``(rows,)``.
        source: Where they come from, for messages.

    Raises:
        DataError: A shape is wrong, there are too few or too many rows, a wafer has a negative or
            too large charge or none, or a position, region or kind does not exist.
    """
    if not 0 < len(charges) <= MAX_ROWS:
        raise DataError(f"must hold 1 to {MAX_ROWS} rows, not {len(charges)}", source=source)
    try:
        whole = check_charges(charges)
    except DataError as error:
        raise DataError(error.message, source=source, hint=error.hint) from None
    for name, values in (("eta", eta), ("region", region), ("kind", kind)):
        if values.shape != (len(charges),):
            raise DataError(
                f"{name} must have shape ({len(charges)},), not {values.shape}", source=source
            )
    if not np.isfinite(eta).all():
        row = int(np.flatnonzero(~np.isfinite(eta))[0])
        raise DataError(f"eta at row {row} must be finite, not {eta[row]}", source=source)
    for name, values, low, known in (
        ("region", region, 0, REGION_NAMES),
        ("kind", kind, UNKNOWN_KIND, KINDS),
    ):
        wrong = np.flatnonzero((values < low) | (values >= len(known)))
        if len(wrong):
            raise DataError(
                f"{name} at row {wrong[0]} must be {low} to {len(known) - 1}, "
                f"not {values[wrong[0]]}",
                source=source,
                hint=f"{name}s are {', '.join(known)}",
            )
    return WaferTable(whole, eta.astype(np.float32), region.astype(np.int64), kind.astype(np.int64))


def region_of(eta: NDArray[np.floating]) -> NDArray[np.int64]:
    """The region of each pseudorapidity by its distance from the beam, (rows,).

    What lies outside of all regions belongs to the nearest.
    """
    borders = sorted(region.eta[0] for region in REGIONS)[1:]
    names = [region.name for region in sorted(REGIONS, key=lambda region: region.eta)]
    order = np.array([REGION_NAMES.index(name) for name in names])
    return order[np.searchsorted(borders, np.abs(eta), side="right")]
