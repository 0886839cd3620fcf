"""What a chip is told and what it says: frames on SPI, lines on the UART."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netwright.backends.soc.program import digits
from netwright.backends.soc.structure import Structure
from netwright.errors import BackendError
from netwright.escape import visible

NETWORK, SOFTWARE = 1, 2
"""First byte of a frame: the event is for the network, or for the software."""

RESTARTED = "B 1"
"""The line that says that the watchdog reset the core."""

PARTS = {"R": ("wait", "relay", "network"), "S": ("software",)}
"""What the clocks in a line are for: from the interrupt until the network took the first word,
until it had its last element, until its last result; or all of them."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A line of results.

    Attributes:
        number: Number of the event: frames before it since the reset.
        cycles: Clocks from the interrupt to the last result.
        parts: These clocks by what they were for, in order; all are one for the software.
        codes: Results by tensor, in row-major order.
    """

    number: int
    cycles: int
    parts: Mapping[str, int]
    codes: Mapping[str, NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Fault:
    """A line that says what went wrong.

    Attributes:
        what: A word.
        value: A number that belongs to it.
    """

    what: str
    value: int


def event_frames(
    chip: Structure, codes: Mapping[str, NDArray[np.int64]], *, command: int = NETWORK
) -> list[bytes]:
    """Frames for events.

    Args:
        chip: The chip.
        codes: Codes by tensor, each (rows, elements).
        command: What shall be done with them.
    """
    parts = []
    for source in chip.inputs:
        found = codes[source.terminal.tensor][:, source.terminal.order.ravel()]
        octets = np.ascontiguousarray(found.astype(f"<i{source.sample_bits // 8}")).view(np.uint8)
        octets = octets.reshape(len(found), -1)
        parts.append(np.pad(octets, ((0, 0), (0, 4 * source.words - octets.shape[1]))))
    return [bytes([command]) + row.tobytes() for row in np.concatenate(parts, axis=1)]


def parse_line(chip: Structure, line: str) -> Answer | Fault | None:
    """What a line says; ``None`` for one that says that the chip is ready.

    Raises:
        BackendError: It says nothing that the firmware says.
    """
    words = line.split()
    try:
        if words[0] == "E" and len(words) == 3:
            return Fault(words[1], int(words[2], 16))
        if words[0] == "B" and len(words) == 2:
            return Fault("watchdog", 0) if int(words[1], 16) else None
        count = 1 + len(PARTS[words[0]])
        numbers = [int(word, 16) for word in words[1 : 1 + count]]
        codes = _codes(chip, words[1 + count :])
        parts = dict(zip(PARTS[words[0]], numbers[1:], strict=True))
        return Answer(numbers[0], sum(parts.values()), parts, codes)
    except (ValueError, KeyError, IndexError):
        raise BackendError(f'the chip says "{visible(line)}", which is no answer') from None


def _codes(chip: Structure, words: Sequence[str]) -> dict[str, NDArray[np.int64]]:
    found, start = {}, 0
    for output in chip.outputs:
        taken = words[start : start + output.elements]
        start += output.elements
        stream, bits = output.terminal.stream, 4 * digits(output)
        if len(taken) != output.elements or any(len(word) != digits(output) for word in taken):
            raise ValueError(words)
        values = np.zeros(output.elements, dtype=np.int64)
        for place, word in zip(output.terminal.order.ravel(), taken, strict=True):
            number = int(word, 16)
            negative = stream.is_signed and number >> (bits - 1)
            values[place] = number - (1 << bits) if negative else number
        found[stream.tensor] = values
    if start != len(words):
        raise ValueError(words)
    return found
