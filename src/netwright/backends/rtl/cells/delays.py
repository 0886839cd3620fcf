"""What the cells of the library take of a clock, estimated before anything is placed.

A function of more inputs than a lookup table has takes one more table in a row for each of them:
that is what synthesis makes of tables that are not on the longest way.

Wires take most of a path in an FPGA, so every lookup table and every carry chain counts with the
wire that leads to it. The figures of a part are fitted to designs that were placed and routed; an
estimate ranks ways to place registers and says nothing about the frequency.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_TABLES = ("clamp", "half_even", "lookup", "maximum", "wrap")
"""Modules that are lookup tables, or end in some."""


@dataclass(frozen=True, slots=True)
class CellDelays:
    """Delays of a part, in nanoseconds.

    Attributes:
        table: A lookup table, and the wire to it.
        chain: Into a carry chain and out of it, and the wire to it.
        carry: From one bit of a chain to the next.
        table_inputs: Inputs of a lookup table.
        source: Where the figures come from.
    """

    table: float
    chain: float
    carry: float
    table_inputs: int
    source: str

    def of(self, module: str, parameters: Mapping[str, int], adders: int) -> float:
        """Nanoseconds that a cell takes.

        Args:
            module: Its module of the library.
            parameters: Its parameters.
            adders: Its adders in series; without any it is wires, or a part of the next table.
        """
        if not adders:
            return 0.0
        if module == "lookup":
            return self.table * (1 + max(parameters["X_BITS"] - self.table_inputs, 0))
        if module == "half_even":
            return self._tree(parameters["SHIFT"] + 1)
        bits = _chain_bits(module, parameters)
        if module == "clamp":
            compared = self._sum(bits) if bits else 0.0
            upper = parameters["X_BITS"] - parameters["Y_BITS"] + 1
            return compared + self._tree(upper + 1)
        selected = self.table if module in _TABLES else 0.0
        return adders * self._sum(bits) + selected

    def _sum(self, bits: int) -> float:
        return self.chain + self.carry * bits

    def _tree(self, inputs: int) -> float:
        """A tree of tables that reads so many inputs."""
        levels = 1
        while inputs > self.table_inputs:
            inputs, levels = -(-inputs // self.table_inputs), levels + 1
        return levels * self.table


def _chain_bits(module: str, parameters: Mapping[str, int]) -> int:
    """Bits of the carry chain of a cell."""
    if module == "shift_adder":
        return parameters["SUM_BITS"] - parameters["SHIFT"]
    if module == "offset_adder":
        return parameters["Y_BITS"] - parameters["SHIFT"] - parameters["SKIP"]
    if module == "clamp":
        low = parameters["CHECK_LOW"] and parameters["LOW"] and parameters["LOW_POWER"] < 0
        high = parameters["CHECK_HIGH"] and parameters["HIGH_POWER"] < 0
        return parameters["X_BITS"] if low or high else 0
    return parameters.get("Y_BITS", 1)
