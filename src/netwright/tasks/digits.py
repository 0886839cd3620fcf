"""The digits task: handwritten digits on gray images of 8 × 8, as scikit-learn brings them."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

from netwright.errors import DataError
from netwright.tasks.base import Scaling, Task
from netwright.tasks.card import Card
from netwright.tasks.folders import found_folder, read_published
from netwright.tasks.scores import accuracy
from netwright.tasks.split import INPUT, Split, split_rows

EXTENT, LEVELS = 8, 17
CLASSES = tuple(map(str, range(10)))
NAME = "digits.csv.gz"
DIGESTS = {NAME: "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"}
FOLDERS = (Path("build/pictures"),)
VARIABLE = "NETWRIGHT_DIGITS"
HOW = "`make pictures` takes it out of scikit-learn's wheel"
MAX_BYTES = 4 << 20


def digits(*, folder: Path | str | None = None, seed: int = 7) -> Task:
    """Return the digits task: 1797 images of 1 × 8 × 8 with 17 gray levels, ten classes.

    Args:
        folder: Holds ``digits.csv.gz`` of scikit-learn 1.x. If not given: the folder that the
            environment variable ``NETWRIGHT_DIGITS`` names, or ``build/pictures``.
        seed: Seed of the split, 64 % / 16 % / 20 % of each class.

    Raises:
        ConfigError: The seed is out of range.
        DataError: The file is missing, damaged, or not the published one.
    """
    place = found_folder(folder, variable=VARIABLE, places=FOLDERS, what="digits", how=HOW)
    packed = read_published(place / NAME, DIGESTS[NAME], most=MAX_BYTES, hint=HOW)
    lines = zlib.decompressobj(wbits=31).decompress(packed, MAX_BYTES).decode("ascii").split()
    table = np.array([line.split(",") for line in lines]).astype(np.float64)
    if table.ndim != 2 or table.shape[1] != EXTENT * EXTENT + 1 or table.max() >= LEVELS:
        raise DataError("is not a table of 64 gray values and a digit", source=str(place / NAME))
    pixels, labels = table[:, :-1], table[:, -1].astype(np.int64)
    rows = split_rows(labels, CLASSES, seed=seed, source=str(place / NAME))
    mean, deviation = float(pixels[rows[0]].mean()), float(pixels[rows[0]].std())
    scaling = Scaling(np.array(mean), np.array(deviation))
    train, validation, test = (
        Split({INPUT: scaling.scaled(pixels[own]).reshape(-1, 1, EXTENT, EXTENT)}, labels[own])
        for own in rows
    )
    counts = np.bincount(labels, minlength=len(CLASSES)).tolist()
    card = Card(
        title="Handwritten digits of scikit-learn",
        recipe="Optical Recognition of Handwritten Digits (Alpaydin and Kaynak 1998, UCI): bitmaps "
        "of 32 × 32 counted in blocks of 4 × 4; the file of scikit-learn's wheel.",
        synthetic=False,
        sha256=DIGESTS[NAME],
        license="CC BY 4.0 (UCI)",
        seeds={"split": seed},
        counts=dict(zip(CLASSES, counts, strict=True)),
    )
    return Task(
        name="digits", train=train, validation=validation, test=test, loss="cross-entropy",
        score=accuracy, card=card, classes=CLASSES, scaling={INPUT: scaling},
    )  # fmt: skip
