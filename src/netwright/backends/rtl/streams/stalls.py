"""Simulation of streams: rows in, rows out, whatever the gaps and stalls."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.simulate.verilator import entry, pack, unpack
from netwright.backends.rtl.streams.network import Network, Terminal
from netwright.backends.rtl.streams.stream_driver import BROKEN, STUCK, num_words
from netwright.backends.rtl.streams.timing import Schedule
from netwright.backends.rtl.streams.weights import data_bits
from netwright.errors import BackendError, ConfigError

_WORDS = ctypes.POINTER(ctypes.c_uint32)


@dataclass(frozen=True, slots=True)
class Stalls:
    """Gaps before input beats and stalls of outputs, drawn at random.

    Attributes:
        seed: Of the draws.
        gaps: Chance that an input that could offer a beat does not, in every clock.
        stalls: Chance that an output does not take a beat, in every clock.

    Raises:
        ConfigError: A chance is not from 0 to 0.9.
    """

    seed: int = 0
    gaps: float = 0.0
    stalls: float = 0.0

    def __post_init__(self) -> None:
        for name, chance in (("gaps", self.gaps), ("stalls", self.stalls)):
            if not 0 <= chance <= 0.9:
                raise ConfigError(f"{name} must be a chance from 0 to 0.9, not {chance}")

    @property
    def any(self) -> bool:
        """Whether there are any."""
        return self.gaps > 0 or self.stalls > 0


def simulate(
    library: Path,
    network: Network,
    inputs: Mapping[str, NDArray[np.int64]],
    *,
    loads: NDArray[np.int64],
    stalls: Stalls,
    expected: Schedule,
) -> dict[str, NDArray[np.int64]]:
    """Run a batch of codes through the design.

    Args:
        library: The compiled simulation.
        network: The design.
        inputs: Codes by tensor, each (rows, elements).
        loads: Addresses and values to write first: (words, 2).
        stalls: Gaps and stalls; without any, the clocks must be the predicted ones.
        expected: The prediction.

    Returns:
        Codes of the outputs by tensor, each (rows, elements).

    Raises:
        BackendError: The library cannot be loaded, the design is stuck, an output takes a beat
            back, or a row comes out in another clock than predicted.
    """
    function = entry(library)
    function.restype = ctypes.c_int64
    rows = len(next(iter(inputs.values())))
    fed = [_beats(inputs[terminal.tensor], terminal) for terminal in network.inputs]
    taken = [
        np.zeros((rows * terminal.stream.beats, num_words(terminal)), dtype=np.uint32)
        for terminal in network.outputs
    ]
    words = np.ascontiguousarray(loads & [-1, (1 << data_bits(network)) - 1])
    checked = 0 if stalls.any else min(rows, len(expected.finished))
    finished = np.zeros(max(checked, 1), dtype=np.int64)
    if rows:
        slowest = 1 / (1 - max(stalls.gaps, stalls.stalls))
        clocks = function(
            (_WORDS * len(fed))(*(array.ctypes.data_as(_WORDS) for array in fed)),
            (_WORDS * len(taken))(*(array.ctypes.data_as(_WORDS) for array in taken)),
            ctypes.c_size_t(rows),
            words.ctypes.data_as(ctypes.c_void_p),
            ctypes.c_size_t(len(words)),
            ctypes.c_uint64(stalls.seed),
            ctypes.c_uint32(round(256 * stalls.gaps)),
            ctypes.c_uint32(round(256 * stalls.stalls)),
            finished.ctypes.data_as(ctypes.c_void_p),
            ctypes.c_size_t(checked),
            ctypes.c_int64(round(8 * slowest * expected.finished[-1]) + 1000),
        )
        _check(clocks, network, tuple(finished[:checked].tolist()), expected)
    return {
        terminal.tensor: _rows(words_out, terminal, rows)
        for terminal, words_out in zip(network.outputs, taken, strict=True)
    }


def _check(clocks: int, network: Network, finished: tuple[int, ...], expected: Schedule) -> None:
    if clocks == STUCK:
        raise BackendError(f"{network.name} was stuck: no beat moved for too long")
    if clocks == BROKEN:
        raise BackendError(f"{network.name} took back a beat that it had offered")
    predicted = expected.finished[: len(finished)]
    if finished != predicted:
        raise BackendError(
            f"the first rows of {network.name} were complete in clocks {_list(finished)}, not in "
            f"the predicted {_list(predicted)}"
        )


def _list(clocks: tuple[int, ...]) -> str:
    return ", ".join(map(str, clocks))


def _beats(codes: NDArray[np.int64], terminal: Terminal) -> NDArray[np.uint32]:
    """Rows of a tensor as the words of its beats: (rows * beats, words)."""
    beats = codes[:, terminal.order].reshape(-1, terminal.stream.lanes)
    return np.ascontiguousarray(pack(beats, terminal.port))


def _rows(words: NDArray[np.uint32], terminal: Terminal, rows: int) -> NDArray[np.int64]:
    """The inverse of :func:`_beats`."""
    codes = unpack(words, terminal.port).reshape(rows, terminal.order.size)
    result = np.empty_like(codes)
    result[:, terminal.order.reshape(-1)] = codes
    return result
