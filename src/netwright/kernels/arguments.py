"""Checks of what callers hand to a kernel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from netwright.errors import DataError

MAX_THREADS = 256


def check_array(name: str, value: Any, dtype: DTypeLike, shape: tuple[int | str, ...]) -> None:
    """Refuse what is not an array of this format and shape.

    Args:
        name: What the caller knows it as.
        value: What was given.
        dtype: The format it must have.
        shape: Its lengths; a word stands for any length, at least 1.

    Raises:
        DataError: It is something else.

    >>> check_array("gain", np.zeros(3, np.float32), np.float32, ("features",))
    """
    if isinstance(value, np.ndarray) and value.dtype == dtype and value.ndim == len(shape):
        pairs = zip(value.shape, shape, strict=True)
        if all(have == want if isinstance(want, int) else have > 0 for have, want in pairs):
            return
    words = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
    wanted = f"{np.dtype(dtype)} of shape ({words})"
    if not isinstance(value, np.ndarray):
        raise DataError(f"{name} must be an array, {wanted}, not {type(value).__name__}")
    hint = "lengths must be at least 1" if 0 in value.shape else None
    raise DataError(f"{name} must be {wanted}, not {value.dtype} of {value.shape}", hint=hint)


def check_apart(written: Mapping[str, Any], read: Mapping[str, Any]) -> None:
    """Refuse arrays that are written and share memory with another one.

    Args:
        written: Arrays by the names that the caller knows; ``None`` where there is none.
        read: Those that are only read, which may share memory among themselves.

    Raises:
        DataError: The bytes from the first to the last of two of them overlap.

    >>> memory = np.zeros(8)
    >>> check_apart({"out": memory[:4]}, {"residual": memory[4:], "activation": memory[5:]})
    """
    rest = [(name, array) for name, array in (*written.items(), *read.items()) if array is not None]
    for first in written:
        if rest and rest[0][0] == first:
            _, array = rest.pop(0)
            for second, other in rest:
                if np.may_share_memory(array, other):
                    raise DataError(f"{first} must not share memory with {second}")


def check_threads(num_threads: int) -> None:
    """Refuse numbers of threads that are not from 1 to ``MAX_THREADS``.

    Raises:
        DataError: The number is another one, or no integer.
    """
    is_number = isinstance(num_threads, int | np.integer)
    if not is_number or not 1 <= num_threads <= MAX_THREADS:
        raise DataError(f"num_threads must be from 1 to {MAX_THREADS}, not {num_threads!r}")
