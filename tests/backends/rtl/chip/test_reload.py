"""The last commit, found in the lines of a bus and the words of a chip."""

import numpy as np
import pytest

from netwright.backends.rtl.chip import Controller, Recorder, Reload
from netwright.backends.rtl.chip.bus import Bits
from netwright.backends.rtl.chip.simulation import Taken
from netwright.errors import ConfigError


class Agreeable:
    """Lines with a device that acknowledges every byte."""

    def __init__(self) -> None:
        self.before, self.falls = (1, 1), 0

    def drive(self, scl: Bits, sda: Bits) -> Bits:
        seen = sda.copy()
        for place, now in enumerate(zip(scl.tolist(), sda.tolist(), strict=True)):
            if now == (1, 0) and self.before == (1, 1):
                self.falls = 0
            self.falls += now[0] == 0 and self.before[0] == 1
            if self.falls > 8 and self.falls % 9 == 0:  # the first fall ends the start
                seen[place] = 0
            self.before = now
        return seen


def taken(clocks: int, *commits: int) -> Taken:
    """Words whose header counts the commits."""
    generation = np.searchsorted(np.array(commits), np.arange(clocks), side="right")
    crossing = np.arange(clocks) % 16
    words = (generation << 2 | crossing << 6).astype(np.uint32)[:, None]
    return Taken(np.zeros((clocks, 1), dtype=np.int64), words, crossing)


def clocks_of(recorder: Recorder) -> int:
    return sum(len(part) for part in recorder.clock)


def test_the_command_before_the_last_commit_is_found() -> None:
    recorder = Recorder(Agreeable())
    controller = Controller(recorder)
    controller.write(0x2A, b"\x10\x00\x07\x08")  # the bank
    begin = clocks_of(recorder)
    controller.write(0x2A, b"\x00\x10\x01")  # the command
    end = clocks_of(recorder)
    controller.read(0x2A, b"\x00\x11", 1)  # the status, while the bank is checked
    commit = clocks_of(recorder) - 20
    controller.read(0x2A, b"\x00\x11", 1)
    found = Reload.of(recorder, taken(clocks_of(recorder), 5, commit))
    assert found.commit == commit
    assert begin <= found.begin < found.end <= end
    assert found.generation[[0, commit - 1, commit]].tolist() == [0, 1, 2]
    assert found.crossing[:18].tolist() == [*range(16), 0, 1]
    levels = found.sda[found.begin - 1 : found.begin + 1].tolist()
    assert (levels, found.scl[found.begin]) == ([1, 0], 1)


def test_without_a_commit_there_is_nothing_to_see() -> None:
    recorder = Recorder(Agreeable())
    Controller(recorder).write(0x2A, b"\x00")
    with pytest.raises(ConfigError, match="nothing was committed"):
        Reload.of(recorder, taken(clocks_of(recorder)))
    with pytest.raises(ConfigError, match="nothing was committed"):
        Reload.of(recorder, taken(clocks_of(recorder) + 1, 3))
    recorder.clear()
    assert recorder.clock == recorder.data == []
