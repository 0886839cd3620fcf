"""Generation of the table of wafers, resumable and reproducible."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from netwright.files import write_text
from netwright.progress import Progress, silent
from netwright.tasks.calorimeter_geometry import CELLS
from netwright.tasks.calorimeter_table import WaferTable, digest, make_table, write_table
from netwright.tasks.calorimeter_wafers import (
    COLUMNS,
    CUTS,
    RECIPE,
    REGION_NAMES,
    generate_wafers,
)
from netwright.tasks.card import Card, card_path, format_card
from netwright.tasks.chunks import Recipe, Rows, generated, package_versions

WAFERS_PER_CHUNK = 2000


def generate_calorimeter(
    out: Path | str,
    *,
    num_wafers: int,
    seed: int = 7,
    workers: int | None = None,
    progress: Progress = silent,
) -> Card:
    """Simulate wafers and write them as a table with a data card beside it.

    Regions are balanced; where the number does not divide, the first regions get one wafer more.
    Equal arguments give equal bytes, whatever the number of workers. Finished chunks are kept in
    ``OUT.parts/`` until the table is written, so the same call continues after an interruption.
    Workers are fresh processes: a script that calls this needs ``if __name__ == "__main__":``.

    Args:
        out: Path of the table, ending in ``.npz``; it must not exist.
        num_wafers: Wafers of all regions together, 15 to 10 000 000.
        seed: Seed of the simulation, 0 to 2^63 - 1.
        workers: Processes at once, 1 to 256; the free cores by default.
        progress: Told of the wafers of every chunk.

    Returns:
        The data card.

    Raises:
        ConfigError: An argument is out of range, or the file exists.
        RunError: A file cannot be written.
    """
    out = Path(out)
    with generated(
        out, wafer_recipe(), num_rows=num_wafers, seed=seed, workers=workers, progress=progress
    ) as rows:
        table = _table(rows, str(out))
        card = _describe(table, seed)
        write_table(out, table)
        write_text(card_path(out), format_card(card))
    return card


def wafer_recipe() -> Recipe:
    """How wafers are made, chunk by chunk."""
    return Recipe(
        "wafers", "region", REGION_NAMES, RECIPE, COLUMNS, WAFERS_PER_CHUNK, generate_wafers
    )


def _table(rows: Rows, source: str) -> WaferTable:
    return make_table(
        rows.values[:, :CELLS].astype(np.int64),
        rows.values[:, CELLS],
        rows.labels,
        rows.values[:, CELLS + 1].astype(np.int64),
        source=source,
    )


def _describe(table: WaferTable, seed: int) -> Card:
    """Return the data card of a table made here."""
    counts = np.bincount(table.region, minlength=len(REGION_NAMES)).tolist()
    return Card(
        title=f"{len(table.region)} simulated wafers of 48 trigger cells in three regions",
        recipe=(
            f"netwright recipe {RECIPE}: parametrised showers and pile-up, not Geant4; no magnetic "
            "field, no tracking through material, one sampling layer a wafer"
        ),
        synthetic=True,
        sha256=digest(table),
        cuts=CUTS,
        license="generated numbers only, under the license of netwright",
        remarks=(
            "Parametrised, not Geant4: figures on these wafers are not those of the experiment's "
            "own simulation, and are not comparable one to one with published ones.",
            "What is marked assumed in the cuts is our choice and has no source.",
        ),
        seeds={"simulation": seed},
        counts=dict(zip(REGION_NAMES, counts, strict=True)),
        versions=package_versions(("numpy", "netwright")),
    )
