"""When a register takes a new value, and which: the multiplexers in front of it, read as a tree.

A flip-flop with an enable is a multiplexer between its own output and a new value. Whoever gives
every copy of a register a voter of its own must know the two apart.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

from netwright.backends.rtl.radiation.elaboration import BitName, CellRecord

MAX_DEPTH = 8
"""Multiplexers one behind the other that are looked through; a reset and an enable are two."""

KEPT: BitName = "kept"
"""In place of a net: the value that the bit has."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A multiplexer in front of a register, on some way through which it keeps its value.

    Attributes:
        select: The net that chooses.
        low: What is taken where that is 0.
        high: What is taken where it is 1.
    """

    select: BitName
    low: Taken
    high: Taken


Taken: TypeAlias = "Choice | BitName"
"""What a bit takes in a clock: a choice, a net, or :data:`KEPT`."""


def _shape(taken: Taken) -> Hashable:
    """Equal for bits that are written and kept alike, whatever is written."""
    if isinstance(taken, Choice):
        return (taken.select, _shape(taken.low), _shape(taken.high))
    return taken == KEPT


class Writes:
    """The multiplexers of a netlist, and those that are made of them.

    Args:
        cells: The cells of the netlist.

    Attributes:
        made: New cells by name; their nets are not in the netlist.
    """

    def __init__(self, cells: Mapping[str, CellRecord]) -> None:
        self.made: dict[str, CellRecord] = {}
        self._drivers: dict[BitName, tuple[BitName, BitName, BitName]] = {}
        self._when: dict[tuple[BitName, BitName, BitName], BitName] = {}
        last = 0
        for cell in cells.values():
            pins = cell["connections"]
            last = max(last, *(b for bits in pins.values() for b in bits if isinstance(b, int)), 0)
            if cell["type"] == "$mux":
                for low, high, out in zip(pins["A"], pins["B"], pins["Y"], strict=True):
                    self._drivers[out] = pins["S"][0], low, high
        self._last = last

    def of(self, d: Sequence[BitName], q: Sequence[BitName]) -> tuple[list[BitName], list[BitName]]:
        """When each bit of a register is written, and what is.

        Args:
            d: The nets before its flip-flops.
            q: The nets behind them.
        """
        taken = [self._taken(*pair, MAX_DEPTH) for pair in zip(d, q, strict=True)]
        when: list[BitName] = []
        values: list[BitName] = []
        for _, group in groupby(taken, key=_shape):
            bits = list(group)
            when += [self._written(bits[0])] * len(bits)
            values += self._values(bits)
        return when, values

    def _taken(self, d: BitName, q: BitName, depth: int) -> Taken:
        """What a flip-flop takes; so many multiplexers are looked through."""
        if d == q:
            return KEPT
        if d not in self._drivers or not depth:
            return d
        select, *sides = self._drivers[d]
        low, high = (self._taken(side, q, depth - 1) for side in sides)
        keeps = any(isinstance(side, Choice) or side == KEPT for side in (low, high))
        return Choice(select, low, high) if keeps else d

    def _written(self, taken: Taken) -> BitName:
        if not isinstance(taken, Choice):
            return "0" if taken == KEPT else "1"
        key = (taken.select, self._written(taken.low), self._written(taken.high))
        if key not in self._when:
            select, low, high = key
            if (low, high) == ("0", "1") or low == high:
                self._when[key] = select if low != high else low
            else:
                self._when[key] = self._mux(select, [low], [high])[0]
        return self._when[key]

    def _values(self, bits: Sequence[Taken]) -> list[BitName]:
        """What is written where something is; where nothing is, whatever is least to do."""
        choices = [bit for bit in bits if isinstance(bit, Choice)]
        if not choices:
            return ["0" if bit == KEPT else bit for bit in bits if not isinstance(bit, Choice)]
        lows, highs = [bit.low for bit in choices], [bit.high for bit in choices]
        if lows[0] == KEPT:
            return self._values(highs)
        if highs[0] == KEPT:
            return self._values(lows)
        return self._mux(choices[0].select, self._values(lows), self._values(highs))

    def _mux(self, select: BitName, low: list[BitName], high: list[BitName]) -> list[BitName]:
        out: list[BitName] = list(range(self._last + 1, self._last + 1 + len(low)))
        self._last += len(low)
        self.made[f"written{len(self.made)}"] = {
            "type": "$mux",
            "parameters": {"WIDTH": f"{len(low):032b}"},
            "attributes": {},
            "port_directions": {"A": "input", "B": "input", "S": "input", "Y": "output"},
            "connections": {"A": low, "B": high, "S": [select], "Y": out},
        }
        return out
