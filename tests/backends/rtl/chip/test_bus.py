"""The levels that a controller makes, read by a device of a few lines."""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import pytest

from netwright.backends.rtl.chip import Controller
from netwright.backends.rtl.chip.bus import Bits
from netwright.errors import ConfigError


@dataclass
class Recorder:
    """Nobody: notes the lines."""

    scl: list[int] = field(default_factory=list)
    sda: list[int] = field(default_factory=list)

    def drive(self, scl: Bits, sda: Bits) -> Bits:
        self.scl += scl.tolist()
        self.sda += sda.tolist()
        return sda


def events(recorder: Recorder) -> str:
    """What the lines say: S and P for starts and stops, 0 and 1 for bits."""
    found = ""
    pairs = list(zip([1, *recorder.scl], [1, *recorder.sda], strict=True))
    for (scl, sda), (scl_now, sda_now) in pairwise(pairs):
        if scl and scl_now and sda != sda_now:
            found = found.removesuffix("0" if sda_now else "1") + ("P" if sda_now else "S")
        elif not scl and scl_now:
            found += str(sda_now)
    return found


def test_a_write_that_nobody_answers() -> None:
    lines = Recorder()
    assert Controller(lines).write(0x2A, b"\x12") == [False]
    assert events(lines) == "S" + "01010100" + "1" + "P"


@pytest.mark.parametrize("period", [16, 20, 100])
def test_the_clock_is_low_for_half_a_period(period: int) -> None:
    lines = Recorder()
    Controller(lines, period).send(0xA5)
    assert events(lines) == "101001011"
    assert np.mean(lines.scl) == 0.5


def test_a_byte_is_received_bit_by_bit() -> None:
    lines = Recorder()
    assert Controller(lines).receive(last=True) == 0xFF


def test_a_period_that_no_chip_follows_is_refused() -> None:
    for period in (12, 18):
        with pytest.raises(ConfigError, match=f"multiple of 4, 16 or more, not {period}"):
            Controller(Recorder(), period)
