"""What the lines of a bus and the words of a chip did around a commit, clock by clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.chip.bus import Bits, Lines
from netwright.backends.rtl.chip.simulation import Taken
from netwright.errors import ConfigError

POINTER_BYTES = 2
BYTE_CLOCKS = 9
"""Clocks of a byte with its answer."""


@dataclass
class Recorder:
    """Lines that note what they were in every clock."""

    lines: Lines
    clock: list[Bits] = field(default_factory=list)
    data: list[Bits] = field(default_factory=list)

    def drive(self, scl: Bits, sda: Bits) -> Bits:
        """Hold the lines at these levels; see :class:`~netwright.backends.rtl.chip.bus.Lines`."""
        seen = self.lines.drive(scl, sda)
        self.clock.append(scl.copy())
        self.data.append(seen.copy())
        return seen

    def clear(self) -> None:
        """Forget what was noted."""
        self.clock.clear()
        self.data.clear()


@dataclass(frozen=True)
class Reload:
    """Some clocks in which weights were replaced while charges entered.

    Attributes:
        scl: Level of the clock line (clocks).
        sda: Level of the data line (clocks).
        words: Words that left the chip (clocks, links).
        begin: Clock in which the transfer with the command to commit begins.
        end: Clock in which it ends.
        commit: First clock whose word was made by the new weights.
    """

    scl: Bits
    sda: Bits
    words: NDArray[np.uint32]
    begin: int
    end: int
    commit: int

    @property
    def generation(self) -> NDArray[np.int64]:
        """The weights that made each word, as its header says."""
        return self.words[:, 0].astype(np.int64) >> 2 & 15

    @property
    def crossing(self) -> NDArray[np.int64]:
        """The crossing that each word says it is of, modulo 16."""
        return self.words[:, 0].astype(np.int64) >> 6 & 15

    @classmethod
    def of(cls, recorder: Recorder, taken: Taken) -> Self:
        """The last commit in what was recorded.

        Args:
            recorder: The lines, from the first clock of `taken` on.
            taken: What left the chip.

        Raises:
            ConfigError: Nothing was committed, or the clocks are not the same.
        """
        scl, sda = (np.concatenate(lines) for lines in (recorder.clock, recorder.data))
        found = cls(scl, sda, taken.words, 0, 0, 0)
        changes = np.flatnonzero(np.diff(found.generation)) + 1
        if len(scl) != len(taken.words) or not len(changes):
            raise ConfigError("nothing was committed in the clocks that were recorded")
        commit = int(changes[-1])
        stops = _edges(scl, sda, rising=True)
        starts = _edges(scl, sda, rising=False)
        ends = np.union1d(starts, stops)
        pairs = [(s, int(ends[ends > s][0])) for s in starts.tolist() if (ends > s).any()]
        # The status is read while the check runs: its transfers carry a pointer, no command.
        begin, end = next(
            (start, stop)
            for start, stop in reversed(pairs)
            if start < commit and _written(scl, sda, start, stop) > POINTER_BYTES
        )
        return cls(scl, sda, taken.words, begin, end, commit)


def _edges(scl: Bits, sda: Bits, *, rising: bool) -> NDArray[np.int64]:
    """Clocks in which the data line changes while the clock line is high: stops or starts."""
    change = np.diff(sda.astype(np.int8)) == (1 if rising else -1)
    return np.flatnonzero(change & (scl[1:] == 1) & (scl[:-1] == 1)) + 1


def _written(scl: Bits, sda: Bits, start: int, stop: int) -> int:
    """Bytes behind the address of a transfer; 0 if it reads."""
    rises = np.flatnonzero(np.diff(scl[start:stop].astype(np.int8)) == 1) + 1 + start
    return len(rises) // BYTE_CLOCKS - 1 if len(rises) > 7 and sda[rises[7]] == 0 else 0
