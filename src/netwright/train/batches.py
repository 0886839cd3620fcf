"""Rows of a split as tensors, and the order in which a training sees them.

Batches of padded rows (:data:`netwright.tasks.split.MASK`) are cut behind their longest one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netwright.errors import ConfigError
from netwright.tasks.split import MASK, Split
from netwright.train.recipe import Recipe

POOL_BATCHES = 16
"""Batches whose rows are sorted by length together."""

_RESIDENT_BYTES = 1 << 31
"""Splits up to this size are kept on the device as a whole."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The rows of one step.

    Attributes:
        arrays: Every input by name, in the order in which the model takes them, (rows, ...).
        targets: What the model shall say, (rows, ...).
        rows: Their positions in the training split; ``None`` where rows were changed since.
    """

    arrays: Mapping[str, Tensor]
    targets: Tensor
    rows: Tensor | None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.targets)


class Rows:
    """The rows of a split, ready for a device.

    Args:
        split: The rows.
        device: Where batches shall be.
        own: Whether they are the rows of the training split itself, in its order.
    """

    def __init__(self, split: Split, device: torch.device, *, own: bool = True) -> None:
        arrays = {**split.arrays, "": split.targets}
        size = sum(array.nbytes for array in arrays.values())
        place = device if size <= _RESIDENT_BYTES else torch.device("cpu")
        tensors = {name: torch.from_numpy(array).to(place) for name, array in arrays.items()}
        self._targets = tensors.pop("")
        self._arrays = tensors
        self._device = device
        self._own = own

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._targets)

    def batch(self, rows: Tensor) -> Batch:
        """The batch of these rows."""
        at = rows.to(self._targets.device)
        arrays = {name: array[at].to(self._device) for name, array in self._arrays.items()}
        targets = self._targets[at].to(self._device)
        return Batch(trimmed(arrays), targets, rows if self._own else None)


def trimmed(arrays: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Padded arrays without what is padding in every row; others as they are."""
    mask = arrays.get(MASK)
    if mask is None or mask.ndim != 2 or not len(mask):
        return arrays
    longest = int(mask.bool().any(dim=0).nonzero().max()) + 1 if bool(mask.any()) else 1
    width = mask.shape[1]
    return {
        name: array[:, :longest] if array.ndim >= 2 and array.shape[1] == width else array
        for name, array in arrays.items()
    }


def lengths(arrays: Mapping[str, NDArray[np.generic]]) -> NDArray[np.int64] | None:
    """How much every padded row has, (rows,); ``None`` where rows are not padded."""
    mask = arrays.get(MASK)
    return None if mask is None or mask.ndim != 2 else mask.astype(bool).sum(axis=1)


def epoch_order(split: Split, recipe: Recipe, epoch: int, shuffle: torch.Generator) -> list[Tensor]:
    """Rows of every batch of an epoch.

    Args:
        split: The rows.
        recipe: How they are put together.
        epoch: 0 for the first.
        shuffle: Drawn from unless rows go by their length.

    Raises:
        ConfigError: They are to go by length and have none.
    """
    if recipe.batches == "shuffled":
        return list(torch.randperm(len(split), generator=shuffle).split(recipe.batch_size))
    known = lengths(split.arrays)
    if known is None:
        raise ConfigError(
            f'batches "by-length" needs padded rows with an input "{MASK}" of shape '
            f"(rows, longest), and there is {', '.join(split.arrays)}",
            hint='use batches="shuffled"',
        )
    found = by_length(known, recipe.batch_size, recipe.seed * 1000 + epoch)
    return [torch.from_numpy(rows) for rows in found]


def by_length(known: NDArray[np.int64], batch_size: int, seed: int) -> list[NDArray[np.int64]]:
    """Rows of every batch: random, but of about equal length within a batch."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(known))
    pool = batch_size * POOL_BATCHES
    found: list[NDArray[np.int64]] = []
    for first in range(0, len(order), pool):
        rows = order[first : first + pool]
        rows = rows[np.argsort(known[rows], kind="stable")]
        found += [rows[at : at + batch_size] for at in range(0, len(rows), batch_size)]
    return [found[at] for at in random.permutation(len(found))]
