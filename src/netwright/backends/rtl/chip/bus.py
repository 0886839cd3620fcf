"""The two lines of an I2C bus: what a controller does to them, clock by clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError

Bits = NDArray[np.uint8]


class Lines(Protocol):
    """Something with the chip at the end of the lines."""

    def drive(self, scl: Bits, sda: Bits) -> Bits:
        """Hold the lines at these levels, one clock each; what the data line was meanwhile."""


@dataclass
class Controller:
    """The controller of a bus: starts, bytes and stops as levels of two lines.

    The data line changes a quarter period after the clock line falls, and starts and stops lie in
    the middle of a high clock, as the standard has it.

    Attributes:
        lines: The lines.
        period: Clocks of the chip in a period of the bus, 16 or more, a multiple of 4.

    Raises:
        ConfigError: The period is too short for the chip.
    """

    lines: Lines
    period: int = 16
    _sda: int = field(default=1, init=False)

    def __post_init__(self) -> None:
        if self.period < 16 or self.period % 4:
            raise ConfigError(f"period must be a multiple of 4, 16 or more, not {self.period}")

    @property
    def quarter(self) -> int:
        """Clocks in a quarter of a period."""
        return self.period // 4

    def hold(self, scl: int, sda: int, clocks: int) -> int:
        """Hold the lines; the level of the data line in the last clock."""
        levels = np.ones(clocks, dtype=np.uint8)
        self._sda = sda
        return int(self.lines.drive(levels * scl, levels * sda)[-1])

    def start(self) -> None:
        """A start, or a repeated start."""
        quarter = self.quarter
        if self._sda == 0:
            self.hold(0, 1, 2 * quarter)
        self.hold(1, 1, 2 * quarter)
        self.hold(1, 0, 2 * quarter)
        self.hold(0, 0, quarter)

    def stop(self) -> None:
        """A stop; the bus is free afterwards."""
        quarter = self.quarter
        self.hold(0, 0, quarter)
        self.hold(1, 0, 2 * quarter)
        self.hold(1, 1, 4 * quarter)

    def bit(self, level: int) -> int:
        """One clock of the bus with the data line let go (1) or pulled (0); what it was."""
        return int(self.bits([level])[0])

    def bits(self, levels: Sequence[int]) -> Bits:
        """Several clocks of the bus; what the data line was in each."""
        quarter = self.quarter
        made = np.repeat(np.asarray(levels, dtype=np.uint8), self.period)
        one = np.repeat(np.array([0, 1, 1, 0], dtype=np.uint8), quarter)
        seen = self.lines.drive(np.tile(one, len(levels)), made)
        self._sda = int(levels[-1])
        # Read in the middle of the high clock.
        return seen[2 * quarter :: self.period]

    def send(self, octet: int) -> bool:
        """Send a byte; whether it was acknowledged."""
        return bool(self.bits([*_bits(octet), 1])[8] == 0)

    def receive(self, *, last: bool) -> int:
        """Take a byte, and ask for another one unless it is the last."""
        seen = self.bits([1] * 8 + [int(last)])[:8]
        return int(np.packbits(seen)[0])

    def write(self, address: int, data: bytes) -> list[bool]:
        """One transfer to a device; which of its bytes were acknowledged, the address first."""
        self.start()
        answers = [self.send(address << 1)]
        if answers[0]:
            answers += [self.send(octet) for octet in data]
        self.stop()
        return answers

    def read(self, address: int, pointer: bytes, count: int) -> bytes | None:
        """Write a pointer, start again and read; ``None`` if nobody answers."""
        self.start()
        if not self.send(address << 1) or not all([self.send(octet) for octet in pointer]):
            self.stop()
            return None
        self.start()
        if not self.send(address << 1 | 1):
            self.stop()
            return None
        taken = [self.receive(last=number == count - 1) for number in range(count)]
        self.stop()
        return bytes(taken)


def _bits(octet: int) -> list[int]:
    return [octet >> place & 1 for place in range(7, -1, -1)]
