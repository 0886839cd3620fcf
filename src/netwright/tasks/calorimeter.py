"""The calorimeter task: 48 charges of a wafer through 16 numbers and back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError, DataError
from netwright.tasks.base import Task
from netwright.tasks.calorimeter_charges import INPUT_BITS, normalize, real_charges
from netwright.tasks.calorimeter_geometry import arrange, check_layout, distances
from netwright.tasks.calorimeter_public import read_csv
from netwright.tasks.calorimeter_table import WaferTable, digest, read_table
from netwright.tasks.calorimeter_wafers import REGION_NAMES
from netwright.tasks.card import Card, card_beside
from netwright.tasks.emd import energy_movers_distance, mean_distance
from netwright.tasks.scores import Score
from netwright.tasks.split import INPUT, SPLITS, Split, SplitName, split_rows
from netwright.tasks.telescope import telescope_score

SHIPPED = Path(__file__).with_name("data") / "calorimeter.npz"
"""The table that comes with the package."""

INPUT_STEP = 2.0 ** (1 - INPUT_BITS)
"""Value of one step of a normalized charge."""


def calorimeter(
    *,
    seed: int = 7,
    path: Path | str | None = None,
    layout: str = "8x8",
    region: str | None = None,
) -> Task:
    """Return the calorimeter task, a reconstruction.

    Inputs are the normalized 8-bit charges as an image, targets the normalized charges before they
    were rounded, by cell. The loss and the score are the telescope error; figures are compared by
    their energy mover's distance, which takes longer (:data:`mean_emd`).

    Args:
        seed: Seed of the split, 0 to 2^63 - 1; it does not change the table.
        path: Instead of the shipped table, an ``.npz`` written by ``netwright data calorimeter``,
            or a ``.csv`` of the public format.
        layout: ``"8x8"`` or ``"4x4x3"``, see :func:`~netwright.tasks.calorimeter_geometry.arrange`.
        region: Wafers of one region only: those of the whole task's splits that lie in it.

    Raises:
        ConfigError: The seed is out of range, or the layout or region does not exist.
        DataError: The file is missing, damaged, or not what its suffix says.

    Example:
        >>> task = calorimeter()
        >>> task.input_shape, task.output_shape, len(task.test)
        ((1, 8, 8), (48,), 12000)
    """
    image = check_layout(layout)
    file = SHIPPED if path is None else Path(path)
    table, card = _read(file)
    parts = _splits(table, seed=seed, region=region, source=str(file))

    def split(part: WaferTable) -> Split:
        codes = normalize(part.charges).codes.astype(np.float32) * np.float32(INPUT_STEP)
        return Split({INPUT: arrange(codes, image)}, real_charges(part.charges))

    return Task(
        name="calorimeter",
        train=split(parts["train"]),
        validation=split(parts["validation"]),
        test=split(parts["test"]),
        loss="telescope",
        score=telescope_score,
        card=card,
    )


def wafers(
    *, seed: int = 7, path: Path | str | None = None, region: str | None = None
) -> Mapping[SplitName, WaferTable]:
    """The raw wafers of :func:`calorimeter`, split by split and row by row in the same order.

    Raises:
        ConfigError: The seed is out of range, or the region does not exist.
        DataError: The file is missing, damaged, or not what its suffix says.
    """
    file = SHIPPED if path is None else Path(path)
    table, _ = _read(file)
    return _splits(table, seed=seed, region=region, source=str(file))


def _read(file: Path) -> tuple[WaferTable, Card]:
    """Read a table by its suffix, and its card."""
    suffix = file.suffix.lower()
    if suffix == ".npz":
        table = read_table(file)
        return table, card_beside(file, digest(table), needed=file == SHIPPED)
    if suffix != ".csv":
        raise DataError(
            f'has the suffix "{file.suffix}", which is not known',
            source=str(file),
            hint="accepted: .npz or .csv",
        )
    table, dropped = read_csv(file)
    counts = np.bincount(table.region, minlength=len(REGION_NAMES)).tolist()
    card = Card(
        title=f"public wafers, {file.name}",
        recipe="CSV with the columns CALQ_0 to CALQ_47 and tc_eta, read as it is",
        synthetic=True,
        sha256=digest(table),
        license="see the source of the file",
        remarks=(f"{dropped} rows without any charge were left out.",),
        counts=dict(zip(REGION_NAMES, counts, strict=True)),
    )
    return table, card


def _splits(
    table: WaferTable, *, seed: int, region: str | None, source: str
) -> dict[SplitName, WaferTable]:
    if region is not None and region not in REGION_NAMES:
        raise ConfigError(f'region must be {", ".join(REGION_NAMES)}, not "{region}"')
    present = np.unique(table.region)
    names = tuple(REGION_NAMES[index] for index in present)
    chosen = split_rows(np.searchsorted(present, table.region), names, seed=seed, source=source)
    if region is not None:
        label = REGION_NAMES.index(region)
        chosen = [rows[table.region[rows] == label] for rows in chosen]
        if not len(chosen[0]):
            raise DataError(f'holds no wafers of region "{region}"', source=source)
    return {name: table.take(rows) for name, rows in zip(SPLITS, chosen, strict=True)}


def wafer_emd(true: NDArray[np.floating], found: NDArray[np.floating]) -> NDArray[np.float64]:
    """Energy mover's distance of each wafer in sensor cells; a trigger cell's neighbor is 2 apart.

    Args:
        true: Charges in any unit, (rows, 48).
        found: Charges in any unit, of the same shape.

    Raises:
        MissingExtra: POT is not installed.
        DataError: See :func:`~netwright.tasks.emd.energy_movers_distance`.
    """
    return energy_movers_distance(true, found, distances())


def _mean_emd(outputs: NDArray[Any], split: Split) -> float:
    return mean_distance(wafer_emd(split.targets, outputs)).mean


mean_emd = Score("mean EMD", "sensor cells", False, _mean_emd)
"""Mean energy mover's distance; wafers of which nothing is left are excluded."""
