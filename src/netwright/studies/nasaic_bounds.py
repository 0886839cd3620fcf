"""What a network takes at least on chips of two halves, of study nasaic."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from netwright import cost

Floats = NDArray[np.float64]


def bounds(
    layers: cost.Layers, units: Sequence[cost.Unit], pairs: NDArray[np.int64]
) -> tuple[Floats, Floats, Floats]:
    """Seconds of the longest way and of all steps, and joules, at least, on every pair of units.

    Args:
        layers: A network as chips see it.
        units: The halves that there may be.
        pairs: Numbers of two of them, ``(2, chips)``.

    Returns:
        Three arrays of ``(chips,)``: every step is taken to run on its better half.
    """
    ends: list[Floats] = []
    work, joules = np.zeros(pairs.shape[1]), np.zeros(pairs.shape[1])
    for group, shape, moved in zip(layers.groups, layers.shapes, layers.moved, strict=True):
        known = [
            (np.inf, np.inf)
            if (own := unit.of_shape(shape)) is None
            else ((found := own.plus(unit.of_moves(*moved))).seconds, found.joules)
            for unit in units
        ]
        seconds, energy = np.array(known).T[:, pairs].min(axis=1)
        before = [ends[need] for need in group.needs]
        ends.append(seconds + (np.max(before, axis=0) if before else 0.0))
        work, joules = work + seconds, joules + energy
    return np.max(ends, axis=0), work, joules
