"""What every flipped weight bit does to a score, remembered piece by piece."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netwright.progress import Progress, silent
from netwright.records import append_record, read_records
from netwright.verify.weight_upsets import WeightBit, WeightUpsets

PIECE = 256
"""Bits between two lines of the log."""


def weight_harms(
    upsets: WeightUpsets,
    bits: Sequence[WeightBit],
    score: Callable[[NDArray[np.int64]], float],
    *,
    name: str,
    log: str | Path | None = None,
    progress: Progress = silent,
) -> dict[WeightBit, float]:
    """The score of the outputs while each of some weight bits is flipped.

    A finished piece is a line of the log; the same call with the same graph, rows, bits and name
    goes on from there.

    Args:
        upsets: The graph and its rows.
        bits: The bits.
        score: From codes of the output, (rows, *shape), to a number.
        name: What the score is called; another name is another score for the log.
        log: JSON-lines file of finished pieces.
        progress: Told of every piece.

    Raises:
        ConfigError: There is no such bit.
        RunError: The log cannot be read or written.
    """
    path = None if log is None else Path(log)
    done = read_records(path)
    base = hashlib.sha256(f"{upsets.graph.digest}{name}".encode() + upsets.golden.tobytes())
    found: dict[WeightBit, float] = {}
    for start in range(0, len(bits), PIECE):
        piece = bits[start : start + PIECE]
        key = hashlib.sha256(base.digest() + repr(piece).encode()).hexdigest()
        if key not in done:
            values = [float(score(upsets.output(bit))) for bit in piece]
            done[key] = {"scores": " ".join(map(repr, values))}
            append_record(path, key, done[key])
        scores = map(float, str(done[key]["scores"]).split())
        found |= zip(piece, scores, strict=True)
        progress(len(found), len(bits), name)
    return found
