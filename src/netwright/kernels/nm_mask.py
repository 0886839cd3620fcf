"""Which elements of a tensor an N:M pattern keeps, for tensors that change all the time."""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError
from netwright.formats import NM
from netwright.kernels.arguments import check_threads
from netwright.kernels.isa import check_isa, native, selected_isa

MAX_RANKED = 64
"""Places of a group up to which the compiled kernel compares all pairs of them."""


def nm_mask(
    values: NDArray[np.float32],
    pattern: NM,
    *,
    num_threads: int = 1,
    isa: str | None = None,
) -> NDArray[np.float32]:
    """1 where an element is one of the largest magnitudes of its group, else 0.

    Of equal magnitudes the lowest index stays. An extent that the group does not divide has a
    shorter last group, of which as many stay.

    Args:
        values: Finite, float32.
        pattern: Keeps at least one of a group.
        num_threads: Threads to share the groups, 1 to 256. The NumPy path ignores it.
        isa: The path to take; by default :func:`netwright.kernels.selected_isa`. Groups of more
            than ``MAX_RANKED`` places take the NumPy path.

    Returns:
        Like `values`, equal to :meth:`netwright.formats.NM.mask` on every path.

    Raises:
        DataError: The values have another format or no such axis, or the pattern keeps nothing.
        ConfigError: The path does not exist or cannot be executed here.

    >>> nm_mask(np.array([1, -3, 3, 3, 0, 5], np.float32), NM(2, 4)).tolist()
    [0.0, 1.0, 1.0, 0.0, 1.0, 1.0]
    """
    path = selected_isa() if isa is None else check_isa(isa)
    check_threads(num_threads)
    if not isinstance(values, np.ndarray) or values.dtype != np.float32:
        given = values.dtype if isinstance(values, np.ndarray) else type(values).__name__
        raise DataError(f"values must be a float32 array, not {given}")
    if not 0 <= pattern.axis < values.ndim:
        raise DataError(f"the axis of {pattern} must be below {values.ndim}, not {pattern.axis}")
    if pattern.kept < 1:
        raise DataError(f"a pattern must keep at least one of a group, not {pattern}")
    if native is None or path == "numpy" or pattern.group > MAX_RANKED:
        return _reference(values, pattern)
    shape = values.shape
    before, after = prod(shape[: pattern.axis]), prod(shape[pattern.axis + 1 :])
    cube = np.ascontiguousarray(values).reshape(before, shape[pattern.axis], after)
    mask = np.empty_like(cube)
    native.nm_mask(cube, mask, pattern.kept, pattern.group, num_threads, path)
    return mask.reshape(shape)


def _reference(values: NDArray[np.float32], pattern: NM) -> NDArray[np.float32]:
    extent = values.shape[pattern.axis]
    pads = [(0, 0)] * values.ndim
    pads[pattern.axis] = (0, -extent % pattern.group)
    # What does not exist has the highest index of its group: it stays only if all others do.
    mask = pattern.mask(np.pad(values, pads))
    return mask.take(range(extent), axis=pattern.axis).astype(np.float32)
