"""What an encoder does between its products, with the tokens side by side as in :func:`spmm`.

Attention takes and returns bytes. Its scores are exact integers; the shares of a query are the
rounded codes 0 to 255 of 2 to the power of the scaled distance from the largest score, and their
sum divides the result, so that rounding a share cannot shift the mean. All else is float32 in a
fixed order without fused operations: every path equals the reference bit by bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError
from netwright.kernels.arguments import check_apart, check_array, check_threads
from netwright.kernels.isa import check_isa, native, selected_isa
from netwright.kernels.memory import aligned_empty

MAX_TOKENS = 65_535
"""Most tokens of a sentence: its sums must fit int32."""

MAX_FEATURES = 32_768
"""Most rows of a head: its scores must fit 30 bits."""

MAX_STEP = 1e15
"""Steps are less, so that their squares fit float32."""

_POWER = (0.0013333558, 0.0096181291, 0.055504109, 0.24022651, 0.69314718, 1.0)
"""2^x for x from -1/2 to 1/2, highest degree first; relative error 3e-6."""


def embed(
    ids: NDArray[np.int32],
    positions: NDArray[np.int32],
    words: NDArray[np.float32],
    places: NDArray[np.float32],
    *,
    num_threads: int = 1,
    isa: str | None = None,
) -> NDArray[np.float32]:
    """The sum of a row of each table for each token, transposed.

    Args:
        ids: Rows of `words`, ``(tokens,)``.
        positions: Rows of `places`, ``(tokens,)``.
        words: ``(vocabulary, hidden)``.
        places: ``(positions, hidden)``.
        num_threads: Threads to share the tokens.
        isa: The path to take; by default :func:`netwright.kernels.selected_isa`.

    Returns:
        ``(hidden, tokens)``.

    Raises:
        DataError: There is no token, one is not in its table, or the shapes do not fit.
        ConfigError: The path does not exist or cannot be executed here.
    """
    check_threads(num_threads)
    check_array("ids", ids, np.int32, ("tokens",))
    check_array("positions", positions, np.int32, (len(ids),))
    check_array("words", words, np.float32, ("vocabulary", "hidden"))
    check_array("places", places, np.float32, ("positions", words.shape[1]))
    for name, rows, table in (("ids", ids, words), ("positions", positions, places)):
        if int(rows.min()) < 0 or int(rows.max()) >= len(table):
            raise DataError(
                f"{name} must be from 0 to {len(table) - 1}, not {int(rows.min())} to "
                f"{int(rows.max())}"
            )
    path = selected_isa() if isa is None else check_isa(isa)
    if path == "numpy" or native is None:
        return np.ascontiguousarray((words[ids] + places[positions]).T)
    out = aligned_empty((words.shape[1], len(ids)), np.float32)
    arrays = (np.ascontiguousarray(array) for array in (ids, positions, words, places))
    native.embed(*arrays, out, num_threads, path)
    return out


def normalize(
    values: NDArray[np.float32],
    gain: NDArray[np.float32],
    offset: NDArray[np.float32],
    *,
    epsilon: float,
    step: float,
    zero_point: int,
    num_threads: int = 1,
    isa: str | None = None,
) -> NDArray[np.uint8]:
    """Normalize every token over its features, in place, and return its codes.

    Args:
        values: ``(features, tokens)`` in C order; they become (x - mean) / deviation * gain +
            offset.
        gain: ``(features,)``.
        offset: ``(features,)``.
        epsilon: Added to the variance.
        step: Real value of one step of the codes.
        zero_point: Code of the real value zero.
        num_threads: Threads to share the tokens.
        isa: The path to take; by default :func:`netwright.kernels.selected_isa`.

    Returns:
        ``(features, tokens)``.

    Raises:
        DataError: There is no token, the shapes do not fit, `step` is not above zero, or `values`
            shares memory with `gain` or `offset`.
        ConfigError: The path does not exist or cannot be executed here.
    """
    check_threads(num_threads)
    check_array("values", values, np.float32, ("features", "tokens"))
    if not (values.flags.c_contiguous and values.flags.writeable):
        raise DataError("values must be writeable and in C order: they are normalized in place")
    for name, vector in (("gain", gain), ("offset", offset)):
        check_array(name, vector, np.float32, values.shape[:1])
    check_apart({"values": values}, {"gain": gain, "offset": offset})
    _check_steps(step)
    path = selected_isa() if isa is None else check_isa(isa)
    multiplier = np.float32(1.0 / step)
    if path != "numpy" and native is not None:
        codes = aligned_empty(values.shape, np.uint8)
        native.normalize(
            values,
            np.ascontiguousarray(gain),
            np.ascontiguousarray(offset),
            epsilon,
            float(multiplier),
            zero_point,
            codes,
            num_threads,
            path,
        )
        return codes
    count = np.float32(len(values))
    mean = _rows_sum(values) / count
    centered = values - mean
    scale = np.float32(1) / np.sqrt(_rows_sum(centered * centered) / count + np.float32(epsilon))
    values[...] = centered * scale * gain[:, None] + offset[:, None]
    return _bytes(values * multiplier, zero_point)


def attend(
    codes: NDArray[np.int8],
    lengths: Sequence[int],
    *,
    heads: int,
    steps: tuple[float, float],
    zero_point: int,
    num_threads: int = 1,
    isa: str | None = None,
) -> NDArray[np.uint8]:
    """Attention within every sentence; sentences lie side by side without padding.

    Args:
        codes: Queries, keys and values under each other, ``(3 hidden, tokens)`` in C order.
        lengths: Tokens of each sentence.
        heads: Heads; ``hidden / heads`` must be a multiple of 4.
        steps: Real value of one step of `codes`, and of the result.
        zero_point: Code of the real value zero in the result.
        num_threads: Threads to share sentences and heads.
        isa: The path to take; by default :func:`netwright.kernels.selected_isa`.

    Returns:
        ``(hidden, tokens)``.

    Raises:
        DataError: A sentence has no token or too many, the shapes do not fit, or a step is not
            above zero.
        ConfigError: The path does not exist or cannot be executed here.
    """
    check_threads(num_threads)
    check_array("codes", codes, np.int8, ("rows", "tokens"))
    _check_steps(*steps)
    rows, tokens = codes.shape
    if heads < 1:
        raise DataError(f"heads must be at least 1, not {heads}")
    if rows % (12 * heads) or rows > 3 * heads * MAX_FEATURES:
        raise DataError(
            f"codes must have 3 x {heads} x 4 n rows with 4 n at most {MAX_FEATURES}, not {rows}"
        )
    if min(lengths, default=0) < 1 or max(lengths) > MAX_TOKENS or sum(lengths) != tokens:
        raise DataError(
            f"lengths must be from 1 to {MAX_TOKENS} with the sum {tokens}, not {list(lengths)[:8]}"
        )
    hidden = rows // 3
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    slope = np.float32(steps[0] ** 2 * math.log2(math.e) / math.sqrt(hidden // heads))
    ratio = np.float32(steps[0] / steps[1])
    out = aligned_empty((hidden, tokens), np.uint8)
    path = selected_isa() if isa is None else check_isa(isa)
    if path != "numpy" and native is not None:
        native.attend(
            np.ascontiguousarray(codes),
            offsets,
            heads,
            float(slope),
            float(ratio),
            zero_point,
            out,
            num_threads,
            path,
        )
        return out
    split = codes.reshape(3, heads, hidden // heads, tokens).astype(np.int64)
    result = out.reshape(heads, hidden // heads, tokens)
    for begin, end in pairwise(offsets.tolist()):
        query, key, value = split[..., begin:end]
        scores = key.transpose(0, 2, 1) @ query
        distance = (scores - scores.max(axis=1, keepdims=True)).astype(np.float32)
        shares = _power_codes(distance * slope)
        factor = ratio / shares.sum(axis=1, keepdims=True).astype(np.float32)
        sums = (value @ shares).astype(np.float32)
        result[..., begin:end] = _bytes(sums * factor, zero_point)
    return out


def _check_steps(*steps: float) -> None:
    for step in steps:
        if not 0 < step < MAX_STEP:
            raise DataError(f"a step must be above zero and below {MAX_STEP:g}, not {step}")


def _power_codes(x: NDArray[np.float32]) -> NDArray[np.int64]:
    """Rounded codes, 0 to 255, of 2^x for x <= 0."""
    bounded = np.maximum(x, np.float32(-12))
    whole = np.rint(bounded)
    fraction = bounded - whole
    power = np.full_like(x, _POWER[0])
    for term in _POWER[1:]:
        power = power * fraction + np.float32(term)
    return np.rint(np.ldexp(power, whole.astype(np.int32)) * np.float32(255)).astype(np.int64)


def _rows_sum(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sum over the rows in order, float32."""
    total = np.zeros(values.shape[1], np.float32)
    for row in values:
        total += row
    return total


def _bytes(scaled: NDArray[np.float32], zero_point: int) -> NDArray[Any]:
    bounded = np.where(scaled > -1024, np.minimum(scaled, np.float32(1024)), np.float32(-1024))
    return np.clip(np.rint(bounded).astype(np.int32) + zero_point, 0, 255).astype(np.uint8)
