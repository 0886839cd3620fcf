"""The nuclei task: which pixels of a fluorescence image belong to nuclei of cells."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError
from netwright.tasks.base import Task
from netwright.tasks.card import Card
from netwright.tasks.folders import found_folder, read_published
from netwright.tasks.scores import intersection_over_union
from netwright.tasks.split import INPUT, Split, check_seed, random_order

EXTENT = 64
CLASSES = ("background", "nucleus")
DIGESTS = {
    "img2d.tif": "f9ccc1571b92c861ff87e28463068b43f61bd47357ed0503f711e5cd1eb97750",
    "mask2d.tif": "59ad5e820b7982ca9d13e946fa6e7f64e2714899e00a2ae6c69aa79aad53d46f",
}
"""SHA-256 of the files of StarDist's wheel: 512 × 512 pixels of 16 bits behind 256 bytes."""

PHOTOGRAPH, HEADER = 512, 256
FOLDERS = (Path("build/pictures"),)
VARIABLE = "NETWRIGHT_NUCLEI"
HOW = "`make pictures` takes it out of StarDist's wheel"
MAX_BYTES = 1 << 20

Kind = TypeVar("Kind", bound=np.generic)

Pictures = tuple[NDArray[np.float64], NDArray[np.int64]]
"""Images and class numbers, both (rows, 64, 64)."""


def nuclei(
    *,
    source: Literal["drawn", "photograph", "both"] = "drawn",
    rows: int = 768,
    folder: Path | str | None = None,
    seed: int = 7,
) -> Task:
    """Return the nuclei task: images of 1 × 64 × 64 and a class for every pixel.

    Drawn images hold ellipses of several sizes and brightnesses, blurred, on uneven light and with
    noise. The photograph is one of 512 × 512 pixels with 125 nuclei, cut into tiles: the upper half
    is for training, turned and mirrored in all eight ways, a quarter for validation, and a quarter
    for the test.

    Args:
        source: ``"drawn"`` needs no file. With ``"both"`` drawn images are added to the rows for
            training, and the others are of the photograph.
        rows: Drawn images; of drawn ones alone two thirds are for training.
        folder: Holds ``img2d.tif`` and ``mask2d.tif`` of StarDist's wheel. If not given: the folder
            that the environment variable ``NETWRIGHT_NUCLEI`` names, or ``build/pictures``.
        seed: Seed of the drawn images and of the order of rows.

    Raises:
        ConfigError: The seed or the number of rows is out of range, or there is no such source.
        DataError: A file is missing, or not the published one.
    """
    check_seed(seed)
    if source not in ("drawn", "photograph", "both"):
        raise ConfigError(f'source must be "drawn", "photograph" or "both", not {source!r}')
    if not isinstance(rows, int) or not 6 <= rows <= 1 << 16:
        raise ConfigError(f"rows must be from 6 to {1 << 16}, not {rows}")
    drawn = _drawn(rows, seed) if source != "photograph" else None
    if source == "drawn":
        assert drawn is not None
        ends = (rows * 2 // 3, rows * 5 // 6)
        images, classes = drawn
        parts = [(images[slice(*at)], classes[slice(*at)])
                 for at in ((0, ends[0]), ends, (ends[1], rows))]  # fmt: skip
    else:
        parts = list(_tiles(folder))
        if drawn is not None:
            own, of = parts[0]
            parts[0] = np.concatenate([own, drawn[0]]), np.concatenate([of, drawn[1]])
    train, validation, test = (_split(part[0], part[1], seed) for part in parts)
    return Task(
        name="nuclei", train=train, validation=validation, test=test, loss="dice",
        score=intersection_over_union, card=_card(train, source, seed), classes=CLASSES,
    )  # fmt: skip


def _split(images: NDArray[np.float64], classes: NDArray[np.int64], seed: int) -> Split:
    """Images of mean 0 and deviation 1, each for itself, in random order."""
    mean = images.mean(axis=(1, 2), keepdims=True)
    values = (images - mean) / images.std(axis=(1, 2), keepdims=True)
    order = random_order(len(images), seed)
    return Split({INPUT: values[order, None].astype(np.float32)}, classes[order])


def _drawn(rows: int, seed: int) -> Pictures:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:EXTENT, :EXTENT].astype(np.float64)
    images, classes = [], []
    for _ in range(rows):
        light = np.zeros((EXTENT, EXTENT))
        inside = np.zeros((EXTENT, EXTENT), bool)
        size = rng.uniform(3, 8)
        for _ in range(int(rng.integers(2, 14))):
            center, turn = rng.uniform(0, EXTENT, 2), rng.uniform(0, np.pi)
            long, short = size * rng.uniform(0.8, 1.5), size * rng.uniform(0.6, 1.0)
            dy, dx = y - center[0], x - center[1]
            along = (dx * np.cos(turn) + dy * np.sin(turn)) / long
            across = (dy * np.cos(turn) - dx * np.sin(turn)) / short
            own = along**2 + across**2 <= 1
            light[own] = rng.uniform(0.3, 1.0)
            inside |= own
        slope = rng.uniform(-0.15, 0.15, 2) / EXTENT
        noise = rng.normal(0, rng.uniform(0.03, 0.12), light.shape)
        images.append(_blurred(light) + slope[0] * y + slope[1] * x + noise)
        classes.append(inside)
    return np.array(images), np.array(classes).astype(np.int64)


def _blurred(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smoothed by the binomial weights 1 4 6 4 1 along both axes."""
    for axis in (0, 1):
        wide = np.pad(image, [(2, 2) if axis == own else (0, 0) for own in (0, 1)], mode="edge")
        image = sum(
            (weight / 16 * np.take(wide, np.arange(EXTENT) + at, axis=axis)
             for at, weight in enumerate((1.0, 4.0, 6.0, 4.0, 1.0))),
            np.zeros_like(image),
        )  # fmt: skip
    return image


def _tiles(folder: Path | str | None) -> Iterator[Pictures]:
    """Tiles of the photograph for training, validation and test."""
    place = found_folder(
        folder, variable=VARIABLE, places=FOLDERS, what="the photograph of nuclei", how=HOW
    )
    both = []
    for name, digest in DIGESTS.items():
        data = read_published(place / name, digest, most=MAX_BYTES, hint=HOW)
        pixels = np.frombuffer(data, "<u2", offset=HEADER)
        side = PHOTOGRAPH // EXTENT
        tiles = pixels.reshape(side, EXTENT, side, EXTENT).swapaxes(1, 2)
        both.append(tiles.astype(np.float64))
    images, classes = both[0], (both[1] > 0).astype(np.int64)
    for first, last in ((0, 4), (4, 6), (6, 8)):
        own = images[first:last].reshape(-1, EXTENT, EXTENT)
        of = classes[first:last].reshape(-1, EXTENT, EXTENT)
        yield (own, of) if first else (_turned(own), _turned(of))


def _turned(tiles: NDArray[Kind]) -> NDArray[Kind]:
    """All eight ways to turn and mirror a tile."""
    ways = [np.rot90(tiles, turn, axes=(1, 2)) for turn in range(4)]
    return np.concatenate([*ways, *(way[:, ::-1] for way in ways)])


def _card(train: Split, source: str, seed: int) -> Card:
    state = hashlib.sha256(train.inputs.tobytes() + train.targets.tobytes())
    real = "one fluorescence image of the 2018 Data Science Bowl (BBBC038, as StarDist ships it)"
    recipes = {
        "drawn": "Blurred ellipses on uneven light with noise.",
        "photograph": f"Tiles of {real}.",
        "both": f"Tiles of {real}; for training also blurred ellipses on uneven light with noise.",
    }
    return Card(
        title=f"Nuclei, {source}",
        recipe=recipes[source],
        synthetic=source == "drawn",
        sha256=state.hexdigest(),
        license="" if source == "drawn" else "CC0 (BBBC038); StarDist's files are BSD-3-Clause",
        remarks=("The digest is that of the rows for training.",),
        seeds={"rows": seed},
    )
