"""What every flipped weight bit does to a score, remembered piece by piece."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError
from netwright.progress import Progress, silent
from netwright.records import append_record, read_records
from netwright.verify.weight_upsets import WeightBit, WeightUpsets

PIECE = 256
"""Bits between two lines of the log."""


Score = Callable[[NDArray[np.int64]], NDArray[np.floating]]
"""From codes of the output under several upsets, (upsets, rows, *shape), to one number each."""


def weight_harms(
    upsets: WeightUpsets,
    bits: Sequence[WeightBit],
    score: Score,
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
        score: Called with the outputs of a whole piece.
        name: What the score is called; another name is another score for the log.
        log: JSON-lines file of finished pieces.
        progress: Told of every piece.

    Raises:
        ConfigError: There is no such bit, or the score does not give a number for each upset.
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
            values = np.asarray(score(np.stack([upsets.output(bit) for bit in piece])))
            if values.shape != (len(piece),):
                raise ConfigError(
                    f'the score "{name}" must give {len(piece)} numbers for as many upsets, '
                    f"not an array of shape {values.shape}"
                )
            done[key] = {"scores": " ".join(map(repr, values.tolist()))}
            append_record(path, key, done[key])
        scores = map(float, str(done[key]["scores"]).split())
        found |= zip(piece, scores, strict=True)
        progress(len(found), len(bits), name)
    return found
