"""Resize with positions by the text of ONNX, which its reference leaves at two places.

There the length of a resized axis is the integer that it has; the reference takes the product of
extent and scale, which may be no integer. And the one value of an axis that ``pytorch_half_pixel``
resizes to one lies at position 0; there the reference takes -0.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Tensor = NDArray[Any]


def by_lengths(
    mode: str, data: Tensor, axes: Sequence[int], scales: Tensor | None, sizes: Tensor | None
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """What the reference has to be given, so that it takes the positions that ONNX says.

    Args:
        mode: ``coordinate_transformation_mode``.
        data: What is resized.
        axes: The axes that are.
        scales: A factor for each of them, or ``None``.
        sizes: An extent for each of them, or ``None``.

    Returns:
        Data, scales and sizes in their place.
    """
    if scales is None and sizes is None:
        return data, scales, sizes
    extents = np.array([data.shape[axis] for axis in axes])
    lengths = np.asarray(sizes) if scales is None else (scales * extents).astype(np.int64)
    if mode == "align_corners" and scales is not None:
        return data, None, lengths
    if mode == "pytorch_half_pixel":
        for place, axis in enumerate(axes):
            if lengths[place] == 1 < extents[place]:
                data = np.take(data, [0], axis)
                scales, sizes = _one_at(scales, place), _one_at(sizes, place)
    return data, scales, sizes


def _one_at(values: Tensor | None, place: int) -> Tensor | None:
    if values is None:
        return None
    changed = values.copy()
    changed[place] = 1
    return changed
