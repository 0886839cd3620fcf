"""Rules of a memory as integers, ready to be asked at which cycle a command may be issued.

What two commands have in common is decided once: a rule at a level holds between two commands that
concern the same part at the coarsest of its level and theirs, for the last command of a kind within
a part is the latest of those within its parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from netwright.arch import LEVELS, Dram

Integers = NDArray[np.int64]

ROLES = ("open", "close", "refresh", "row", "free")
"""What a command is to rows: opens, closes or refreshes them, needs one or needs none."""

OPEN, CLOSE, REFRESH, ROW, FREE = range(5)

BANK, GROUP, CHANNEL = LEVELS.index("bank"), LEVELS.index("bank_group"), LEVELS.index("channel")


@dataclass(frozen=True, eq=False)
class Table:
    """A memory as the engines know it; commands are numbers, times are cycles.

    Attributes:
        names: Names of the commands.
        levels: For each command, the level of the part that it concerns.
        roles: For each command, what it is to rows.
        openers: For each command, the one that opens its rows; -1 if it needs none.
        closers: For each command, the one that closes rows before it; -1 if none does.
        latencies: Cycles until each command is done.
        distances: ``[level, preceding, following]``: cycles from the last command before, within
            the part at this level; -1 where no rule says so.
        windows: Rules about the last but so many: level, distance, window, preceding, following.
        channels: Number of channels.
        groups: Bank groups of a channel.
        banks_per_group: Banks of a bank group.
        refresh: The command that refreshes; -1 without.
        refresh_cycles: Cycles between refreshes; 0 without.
    """

    names: tuple[str, ...]
    levels: tuple[int, ...]
    roles: tuple[int, ...]
    openers: tuple[int, ...]
    closers: tuple[int, ...]
    latencies: tuple[int, ...]
    distances: Integers = field(repr=False)
    windows: tuple[tuple[int, int, int, frozenset[int], frozenset[int]], ...]
    channels: int
    groups: int
    banks_per_group: int
    refresh: int
    refresh_cycles: int

    @classmethod
    def of(cls, dram: Dram, *, refresh: bool = True) -> Table:
        """The table of a memory.

        Args:
            dram: The memory.
            refresh: Whether cells are refreshed; closed forms leave it out.
        """
        commands = dram.commands
        number = {name: index for index, name in enumerate(commands)}
        levels = tuple(LEVELS.index(command.level) for command in commands.values())
        distances = np.full((len(LEVELS), len(number), len(number)), -1, np.int64)
        windows = []
        for rule in dram.all_rules:
            cycles, level = dram.cycles(rule.distance), LEVELS.index(rule.level)
            before = [number[name] for name in rule.preceding]
            after = [number[name] for name in rule.following]
            if rule.window > 1:
                windows.append((level, cycles, rule.window, frozenset(before), frozenset(after)))
                continue
            for first in before:
                for second in after:
                    place = min(level, levels[first], levels[second]), first, second
                    distances[place] = max(distances[place], cycles)
        refreshing = [index for index, c in enumerate(commands.values()) if c.does == "refresh"]
        wanted = refresh and bool(refreshing) and dram.refresh_cycles > 0
        roles = {"open": OPEN, "close": CLOSE, "refresh": REFRESH}
        return cls(
            tuple(commands), levels,
            tuple(roles.get(c.does, ROW if c.opens_with else FREE) for c in commands.values()),
            tuple(number.get(c.opens_with, -1) for c in commands.values()),
            tuple(number.get(c.closes_with, -1) for c in commands.values()),
            tuple(dram.cycles(c.latency) for c in commands.values()),
            distances, tuple(windows), dram.channels, dram.bank_groups, dram.banks_per_group,
            refreshing[0] if wanted else -1, dram.refresh_cycles if wanted else 0,
        )  # fmt: skip

    @property
    def banks(self) -> int:
        """Banks of a channel."""
        return self.groups * self.banks_per_group

    @cached_property
    def number(self) -> Mapping[str, int]:
        """Numbers of the commands, by name."""
        return {name: index for index, name in enumerate(self.names)}

    @cached_property
    def before(self) -> tuple[tuple[tuple[int, int, int], ...], ...]:
        """For each command, what it waits for: level, preceding command, cycles."""
        found = []
        for second in range(len(self.names)):
            places = np.argwhere(self.distances[:, :, second] > 0)
            found.append(
                tuple(
                    (int(level), int(first), int(self.distances[level, first, second]))
                    for level, first in places
                )
            )
        return tuple(found)
