"""The jet-tagging task: five kinds of jets told apart by 16 substructure features."""

from __future__ import annotations

from pathlib import Path

from netwright.errors import DataError
from netwright.tasks.assembly import Raw, assemble
from netwright.tasks.base import Task
from netwright.tasks.card import Card, card_beside
from netwright.tasks.columns import Columns
from netwright.tasks.jets_features import CLASSES, FEATURES
from netwright.tasks.jets_public import HDF5_SUFFIXES, read_hdf5, read_text_table
from netwright.tasks.scores import accuracy
from netwright.tasks.split import INPUT
from netwright.tasks.table import Table, digest, read_table
from netwright.tasks.targets import CLASSIFICATION

SHIPPED = Path(__file__).with_name("data") / "jets.npz"
"""The table that comes with the package."""


def jets(*, seed: int = 7, path: Path | str | None = None) -> Task:
    """Return the jet-tagging task.

    The rows are put in a fixed random order and split 64 % / 16 % / 20 %, class by class; the
    inputs are standardized with the mean and deviation of the train split.

    Args:
        seed: Seed of the split, 0 to 2^63 - 1; it does not change the table.
        path: Instead of the shipped table, an ``.npz`` written by ``netwright data jets``, the
            OpenML set ``hls4ml_lhc_jets_hlf`` as ``.arff`` or ``.csv``, an HDF5 file (``.h5``) or
            folder of such files of Zenodo 3602254 or 3602260, or the file of CERNBox (``.z``).

    Raises:
        ConfigError: The seed is out of range.
        DataError: The file is missing, damaged, or not what its suffix says.
        MissingExtra: An HDF5 file is given and h5py is not installed.

    Example:
        >>> task = jets(seed=7)
        >>> len(task.train), len(task.validation), len(task.test)
        (64000, 16000, 20000)
        >>> task.classes
        ('g', 'q', 'w', 'z', 't')
    """
    file = SHIPPED if path is None else Path(path)
    table = _read(file)
    card = _card(file, table)
    raw = Raw(
        rows=Columns({}, str(file)),
        inputs={INPUT: table.features},
        targets=table.labels,
        features={INPUT: FEATURES},
    )
    return assemble(
        raw, name="jets", classes=CLASSES, loss=CLASSIFICATION, score=accuracy, seed=seed,
        standardize=True, card=card,
    )  # fmt: skip


def _read(path: Path) -> Table:
    """Read a table by its suffix."""
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return read_table(path)
    if suffix in (".arff", ".csv"):
        return read_text_table(path)
    if suffix in HDF5_SUFFIXES or path.is_dir():
        return read_hdf5(path)
    raise DataError(
        f'has the suffix "{path.suffix}", which is not known',
        source=str(path),
        hint="accepted: .npz, .arff, .csv, .h5, .hdf5, .z, or a folder of .h5 files",
    )


def _card(path: Path, table: Table) -> Card:
    """Return the card beside an ``.npz`` after checking the digest, or describe a public file."""
    sha256 = digest(table)
    if path.suffix.lower() == ".npz":
        return card_beside(path, sha256, needed=path == SHIPPED)
    return Card(
        title=f"public jet data set, {path.name}",
        recipe="OpenML hls4ml_lhc_jets_hlf, Zenodo 3602254 / 3602260 or CERNBox, as downloaded",
        synthetic=True,
        sha256=sha256,
        license="see the source of the file",
    )
