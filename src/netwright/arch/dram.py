"""DRAM as data: organization, timings, currents and the protocol of a memory."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from netwright.arch.figure import Figure, Part, figure_in, in_unit
from netwright.arch.protocol import Command, Name, Rule, protocol, rule_faults, terms
from netwright.errors import ConfigError

MOST_CYCLES = 1 << 24
"""Most cycles of one timing; sums of many stay far from the limits of 64-bit integers."""


def _time(figure: Figure) -> Figure:
    """Seconds, or a whole number of cycles."""
    if figure.unit != "cycle":
        return in_unit(figure, "s")
    if figure.value != int(figure.value) or figure.value > MOST_CYCLES:
        raise ValueError(f"must be a whole number of cycles up to {MOST_CYCLES}, "
                         f"not {figure.value:g}")  # fmt: skip
    return figure


Timing = Annotated[Figure, AfterValidator(_time)]
Period = Annotated[Figure, figure_in("s", above_zero=True)]
Current = Annotated[Figure, figure_in("A")]
Voltage = Annotated[Figure, figure_in("V")]
Power = Annotated[Figure, figure_in("W")]
Energy = Annotated[Figure, figure_in("J/op")]
Count = Annotated[int, Field(ge=1, le=1 << 24)]
Few = Annotated[int, Field(ge=1, le=1024)]


class Dram(Part):
    """What a memory is made of and how long its commands take.

    Attributes:
        protocol: Name of its commands and rules, see :func:`netwright.arch.protocols`.
        clock: Period of the clock that counts cycles.
        channels: Channels that work at the same time.
        bank_groups: Bank groups of a channel.
        banks_per_group: Banks of a bank group.
        rows: Rows of a bank.
        columns: Columns of a row; one is what an access moves.
        access_bytes: Bytes of a column.
        devices: Chips that make a channel together; currents are those of one.
        timings: By name; in cycles, or in seconds, which are rounded up to cycles.
        rules: Rules beside those of the protocol.
        refresh_interval: Name of the timing between refreshes; empty for a memory without.
        voltage: Of all currents.
        currents: By name, as data sheets have them (``idd0``, ``idd2n``, ...).
        powers: ``active`` and ``precharged``: watts of a channel that does nothing, with and
            without open rows; from the currents if not given.
        energies: Joules of a command, by name; from the currents if not given.
        mac_over_read: How often the energy of a read a column takes that goes to all units of a
            channel.
        lookahead: How many requests may be done before the oldest one that waits.
        unit: Name of the compute node that is beside each bank; empty if there is none.
        pins: Name of the link between the memory and its host.
        buffer: Name of the memory in each channel that holds a vector for its units.
    """

    protocol: str
    clock: Period
    channels: Few
    bank_groups: Few
    banks_per_group: Few
    rows: Count
    columns: Count
    access_bytes: Few
    devices: Few = 1
    timings: Mapping[Name, Timing]
    rules: tuple[Rule, ...] = Field(default=(), max_length=1000)
    refresh_interval: str = "refi"
    voltage: Voltage | None = None
    currents: Mapping[Name, Current] = Field(default_factory=dict)
    powers: Mapping[Name, Power] = Field(default_factory=dict)
    energies: Mapping[Name, Energy] = Field(default_factory=dict)
    mac_over_read: Figure | None = None
    lookahead: int = Field(default=1, ge=1, le=256)
    unit: str = ""
    pins: str = ""
    buffer: str = ""

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        try:
            commands = self.commands
        except ConfigError as error:
            raise ValueError(f"protocol: {error.message} ({error.hint})") from None
        timings = frozenset(self.timings)
        found = list(rule_faults(commands, self.all_rules, timings))
        if self.refresh_interval and self.refresh_interval not in timings:
            found.append(f'refresh_interval names "{self.refresh_interval}", which is no timing')
        elif self.refresh_interval and self.cycles(self.refresh_interval) < 1:
            found.append(f'the timing "{self.refresh_interval}" between refreshes must be above 0')
        found += [f'energies: "{name}" is no command' for name in self.energies
                  if name not in commands]  # fmt: skip
        if found:
            raise ValueError("; ".join(found))
        return self

    @property
    def commands(self) -> Mapping[str, Command]:
        """All commands, by name, in the order of the protocol."""
        return protocol(self.protocol).commands

    @property
    def all_rules(self) -> tuple[Rule, ...]:
        """The rules of the protocol and its own."""
        return (*protocol(self.protocol).rules, *self.rules)

    @property
    def banks(self) -> int:
        """Banks of a channel."""
        return self.bank_groups * self.banks_per_group

    @property
    def row_bytes(self) -> int:
        """Bytes of a row of one bank."""
        return self.columns * self.access_bytes

    @property
    def capacity_bytes(self) -> int:
        """Bytes of all channels."""
        return self.channels * self.banks * self.rows * self.row_bytes

    @property
    def refresh_cycles(self) -> int:
        """Cycles between refreshes; 0 without."""
        return self.cycles(self.refresh_interval) if self.refresh_interval else 0

    def cycles(self, distance: str) -> int:
        """A distance in cycles: a sum of timings.

        Example:
            ``dram.cycles("cl + bl")``
        """
        return sum(sign * self._one(term) for sign, term in terms(distance))

    def _one(self, term: str) -> int:
        if term.isdecimal():
            return int(term)
        figure = self.timings[term]
        if figure.unit == "cycle":
            return int(figure.value)
        return ceil(figure.value / self.clock.value - 1e-6)  # 14 ns of 0.5 ns are 28, not 29

    @property
    def figures(self) -> Mapping[str, Figure]:
        """Every figure by its place, as ``timings.cl``."""
        found = {
            name: figure
            for name in ("clock", "voltage", "mac_over_read")
            if isinstance(figure := getattr(self, name), Figure)
        }
        for table in ("timings", "currents", "powers", "energies"):
            found |= {f"{table}.{name}": figure for name, figure in getattr(self, table).items()}
        return found
