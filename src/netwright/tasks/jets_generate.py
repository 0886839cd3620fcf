"""Generation of the table of jets: chunks made by worker processes, resumable, reproducible.

The simulation itself is in `netwright.tasks.jets_collisions`. It needs the extra ``physics``,
whose packages are under the GPL; they make numbers and are not needed to use them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from netwright.errors import require
from netwright.files import write_text
from netwright.processes import default_threads
from netwright.progress import Progress, silent
from netwright.tasks.card import Card, card_path, format_card
from netwright.tasks.chunks import Recipe, check_arguments, generated, package_versions
from netwright.tasks.jets_clustering import PURPOSE
from netwright.tasks.jets_collisions import CUTS, RECIPE, generate_chunk
from netwright.tasks.jets_features import CLASSES, FEATURES
from netwright.tasks.table import Table, digest, write_table

JETS_PER_CHUNK = 2000
PACKAGES = ("pythia8mc", "fastjet", "awkward", "numpy", "netwright")


def generate_jets(
    out: Path | str,
    *,
    num_jets: int,
    seed: int = 7,
    workers: int | None = None,
    progress: Progress = silent,
) -> Card:
    """Simulate jets and write them as a table with a data card beside it.

    Classes are balanced; where the number does not divide, the first classes get one jet more.
    Equal arguments give equal bytes, whatever the number of workers. Finished chunks are kept in
    ``OUT.parts/`` until the table is written, so the same call continues after an interruption.
    Workers are fresh processes: a script that calls this needs ``if __name__ == "__main__":``.

    Args:
        out: Path of the table, ending in ``.npz``; it must not exist.
        num_jets: Jets of all classes together, 25 to 10 000 000.
        seed: Seed of the simulation, 0 to 2^63 - 1.
        workers: Processes at once, 1 to 256; all cores by default.
        progress: Told of the jets of every chunk.

    Returns:
        The data card.

    Raises:
        ConfigError: An argument is out of range, or the file exists.
        MissingExtra: pythia8mc, fastjet or awkward is not installed.
        RunError: A file cannot be written, or the simulation fails.
    """
    out = Path(out)
    recipe = jet_recipe()
    processes = default_threads() if workers is None else workers
    check_arguments(out, recipe, num_rows=num_jets, seed=seed, workers=processes)
    for package in ("pythia8mc", "fastjet", "awkward"):
        require(package, extra="physics", purpose=PURPOSE)
    with generated(
        out, recipe, num_rows=num_jets, seed=seed, workers=processes, progress=progress
    ) as rows:
        table = Table(rows.values, rows.labels)
        card = _describe(table, seed)
        write_table(out, table)
        write_text(card_path(out), format_card(card))
    return card


def jet_recipe() -> Recipe:
    """How jets are made, chunk by chunk."""
    return Recipe("jets", "class", CLASSES, RECIPE, len(FEATURES), JETS_PER_CHUNK, generate_chunk)


def _describe(table: Table, seed: int) -> Card:
    """Return the data card of a table made here."""
    counts = np.bincount(table.labels, minlength=len(CLASSES)).tolist()
    return Card(
        title=f"{len(table.labels)} simulated jets in five classes: gluon, quark, W, Z, top",
        recipe=(
            f"netwright recipe {RECIPE}: hard processes and showers by PYTHIA 8, jets by FastJet, "
            "16 substructure features as in the public hls4ml LHC jet data"
        ),
        synthetic=True,
        sha256=digest(table),
        cuts=CUTS,
        license=(
            "generated numbers only, under the license of netwright; made with PYTHIA and FastJet, "
            "which are under the GPL, are not included and are not needed to use the table"
        ),
        remarks=(
            "Initial-state radiation is off and no detector is simulated, which makes the task "
            "about as hard as the public set; accuracies of the two are not comparable one to one.",
            "j_d2_b1_mmdt and j_d2_a1_b1_mmdt are equal by definition.",
            "The two jets of an event may be in different splits.",
        ),
        seeds={"simulation": seed},
        counts=dict(zip(CLASSES, counts, strict=True)),
        versions=package_versions(PACKAGES),
    )
