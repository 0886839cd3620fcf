"""The Fashion-MNIST task: ten kinds of clothing on gray images of 28 × 28."""

from __future__ import annotations

import hashlib
import struct
import zlib
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError, DataError
from netwright.tasks.base import Scaling, Task
from netwright.tasks.card import Card
from netwright.tasks.folders import found_folder, read_published
from netwright.tasks.scores import accuracy
from netwright.tasks.split import INPUT, Split, check_seed, random_order

EXTENT = 28
_SHAPES = {"flat": (EXTENT * EXTENT,), "image": (1, EXTENT, EXTENT)}
_PIXELS = tuple(f"y{i // EXTENT}x{i % EXTENT}" for i in range(EXTENT * EXTENT))
CLASSES = (
    "t-shirt", "trouser", "pullover", "dress", "coat",
    "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip

FOLDERS = (Path("build/fashion-mnist"), Path("/usr/share/datasets/fashion-mnist"))
"""Where ``make fashion-mnist`` and the Debian package put the files."""

VARIABLE = "NETWRIGHT_FASHION_MNIST"

DIGESTS = {
    "train-images-idx3-ubyte.gz":
        "b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7",
    "train-labels-idx1-ubyte.gz":
        "0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056",
    "t10k-images-idx3-ubyte.gz":
        "cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa",
    "t10k-labels-idx1-ubyte.gz":
        "8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05",
}  # fmt: skip
"""SHA-256 of the files of the Debian package, which are the published ones."""

MAX_BYTES = 64 << 20
VALIDATION_PERCENT = 10


def fashion_mnist(
    *,
    folder: Path | str | None = None,
    seed: int = 7,
    layout: Literal["flat", "image"] = "flat",
) -> Task:
    """Return the Fashion-MNIST task.

    The published test split stays as it is; a tenth of the published train split, chosen by the
    seed, becomes the validation split. One mean and one deviation, those of all pixels of the train
    split, standardize them.

    Args:
        folder: Holds the four published files. If not given: the folder that the environment
            variable ``NETWRIGHT_FASHION_MNIST`` names, or the first of :data:`FOLDERS` that exists.
        seed: Seed of the validation split and of the order of rows, 0 to 2^63 - 1.
        layout: ``"flat"``, the pixels of an image row by row, (784,), or ``"image"``, (1, 28, 28).

    Raises:
        ConfigError: The seed is out of range, or there is no such layout.
        DataError: A file is missing, damaged, or not the published one.
    """
    check_seed(seed)
    if layout not in _SHAPES:
        raise ConfigError(f'layout must be "flat" or "image", not {layout!r}')
    place = _find(folder)
    images, labels = _read_pair(place, "train")
    order = random_order(len(labels), seed)
    held_out = len(order) * VALIDATION_PERCENT // 100
    pixels = images[order[held_out:]].astype(np.float64)
    mean, deviation = float(pixels.mean()), float(pixels.std())

    def split(rows: NDArray[np.uint8], of: NDArray[np.uint8]) -> Split:
        values = ((rows.astype(np.float32) - mean) / deviation).astype(np.float32)
        return Split({INPUT: values.reshape(-1, *_SHAPES[layout])}, of.astype(np.int64))

    return Task(
        name="fashion-mnist",
        train=split(images[order[held_out:]], labels[order[held_out:]]),
        validation=split(images[order[:held_out]], labels[order[:held_out]]),
        test=split(*_read_pair(place, "t10k")),
        loss="cross-entropy",
        score=accuracy,
        card=_card(labels, seed),
        classes=CLASSES,
        features={INPUT: _PIXELS} if layout == "flat" else {},
        scaling={INPUT: Scaling(np.array(mean), np.array(deviation))},
    )


def _find(folder: Path | str | None) -> Path:
    return found_folder(
        folder, variable=VARIABLE, places=FOLDERS, what="Fashion-MNIST",
        how="on Debian: apt install dataset-fashion-mnist (`make fashion-mnist` needs no root)",
    )  # fmt: skip


def _read_pair(folder: Path, part: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images, (rows, 784), and labels, (rows,)."""
    images = _read(folder / f"{part}-images-idx3-ubyte.gz", (EXTENT, EXTENT))
    path = folder / f"{part}-labels-idx1-ubyte.gz"
    labels = _read(path, ())
    if len(labels) != len(images):
        raise DataError(f"holds {len(labels)} labels for {len(images)} images", source=str(path))
    if labels.max(initial=0) >= len(CLASSES):
        raise DataError(
            f"labels must be 0 to {len(CLASSES) - 1}, not {labels.max()}", source=str(path)
        )
    return images.reshape(len(images), -1), labels


def _read(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The bytes of an IDX file, (rows, *shape), whose SHA-256 is the published one."""
    source, hint = str(path), "take the published file, for instance with `make fashion-mnist`"
    packed = read_published(path, DIGESTS[path.name], most=MAX_BYTES, hint=hint)
    try:
        data = zlib.decompressobj(wbits=31).decompress(packed, MAX_BYTES)
    except zlib.error as error:
        raise DataError(f"is not a gzip file ({error})", source=source, hint=hint) from None
    axes = 1 + len(shape)
    header = struct.unpack_from(f">{1 + axes}I", data) if len(data) >= 4 * (1 + axes) else ()
    expected = (0x800 + axes, *shape)
    if (header[:1] + header[2:]) != expected or len(data) != 4 * (1 + axes) + header[1] * int(
        np.prod(shape)
    ):
        raise DataError(
            f"is not a whole IDX file of bytes of shape {('rows', *shape)}",
            source=source,
            hint=hint,
        )
    return np.frombuffer(data, np.uint8, offset=4 * (1 + axes)).reshape(header[1], *shape)


def _card(labels: NDArray[np.uint8], seed: int) -> Card:
    state = hashlib.sha256("".join(DIGESTS.values()).encode())
    counts = np.bincount(labels, minlength=len(CLASSES)).tolist()
    return Card(
        title="Fashion-MNIST",
        recipe="Photographs of Zalando's articles, reduced to 28 × 28 gray pixels "
        "(Xiao, Rasul and Vollgraf 2017, arXiv 1708.07747); the files of Debian's package.",
        synthetic=False,
        sha256=state.hexdigest(),
        license="MIT (Zalando SE)",
        remarks=("The digest is that of the four files' digests.",),
        seeds={"split": seed},
        counts=dict(zip(CLASSES, counts, strict=True)),
    )
