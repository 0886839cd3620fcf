"""What stands at the ports of a design clock by clock, as words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from netwright.errors import DataError

WORD_BITS = 32

Words = NDArray[np.uint32]
"""(clocks, words): every port begins a new word, lowest word first."""


def num_words(ports: Mapping[str, int]) -> int:
    """Words of all ports in one clock."""
    return sum(-(-bits // WORD_BITS) for bits in ports.values())


def pack_ports(ports: Mapping[str, int], values: Mapping[str, Sequence[int]]) -> Words:
    """Values of ports, one number a clock, as words; a port that is left out is 0.

    Args:
        ports: Width of every port.
        values: Numbers by port, all of one length; negative ones are two's complement.

    Raises:
        DataError: There is no such port, or a number does not fit it.
    """
    lengths = {len(numbers) for numbers in values.values()}
    if len(lengths) != 1 or not values.keys() <= ports.keys():
        unknown = ", ".join(sorted(values.keys() - ports.keys()))
        raise DataError(
            f"there is no input {unknown}" if unknown else "ports have values for unlike clocks",
            hint=f"inputs: {', '.join(ports)}",
        )
    clocks = lengths.pop()
    words = np.zeros((clocks, num_words(ports)), dtype=np.uint32)
    start = 0
    for name, bits in ports.items():
        size = -(-bits // WORD_BITS)
        numbers = values.get(name, ())
        wrong = [n for n in numbers if not -(1 << bits - 1) <= int(n) < 1 << bits]
        if wrong:
            raise DataError(f"{name}: {wrong[0]} does not fit {bits} bits")
        if size == 1 and len(numbers):
            words[:, start] = np.asarray(numbers, dtype=np.int64) & ((1 << bits) - 1)
        else:
            for clock, number in enumerate(numbers):
                raw = (int(number) & ((1 << bits) - 1)).to_bytes(4 * size, "little")
                words[clock, start : start + size] = np.frombuffer(raw, dtype="<u4")
        start += size
    return words


def unpack_ports(ports: Mapping[str, int], words: Words) -> dict[str, list[int]]:
    """The unsigned number of every port in every clock; the inverse of :func:`pack_ports`."""
    found, start = {}, 0
    for name, bits in ports.items():
        size = -(-bits // WORD_BITS)
        part = np.ascontiguousarray(words[:, start : start + size], dtype="<u4")
        found[name] = [int.from_bytes(row.tobytes(), "little") for row in part]
        start += size
    return found
