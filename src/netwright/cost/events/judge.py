"""Whether a trace obeys the rules of a memory: a reader that knows nothing of the engine.

It takes the rules as the machine's file says them, works out their distances itself, and looks for
each command at the one before that a rule is about, bank by bank: whole columns of the trace at a
time, so that traces of millions of commands take seconds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netwright.arch import Dram, Rule

MOST = 20
"""Violations that are told."""

Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

Told = tuple[int, int, str]
"""Line, place within what is told of a line, sentence."""

TIME, ROWS = -1, 1 << 20
"""Places of sentences about time and rows; those between are about rules, by their number."""


def violations(
    trace: Sequence[Sequence[int]] | Integers, names: Sequence[str], dram: Dram, *, most: int = MOST
) -> tuple[str, ...]:
    """What no rule allows, as sentences; empty for a legal trace.

    Besides the rules: one command a cycle of each channel, in order of time; rows are open when
    they are used, closed when they are opened or refreshed; and the k-th refresh of a channel, if
    there are any, comes after k and before k + 2 times the time between refreshes.

    Args:
        trace: Rows of cycle, command, channel, bank, row, column and request, see
            :data:`netwright.cost.events.TRACE`.
        names: Names of the commands.
        dram: The memory.
        most: Violations that are told.
    """
    lines = np.asarray(trace, np.int64).reshape(len(trace), -1)
    if not len(lines):
        return ()
    is_command, found = _strangers(lines, names, dram, most)
    own = _Lines.of(lines[is_command], np.flatnonzero(is_command), names)
    found += _disorder(own, most)
    for channel in range(dram.channels):
        part = own.where(own.channel == channel)
        if len(part.number):
            found += _double(part, channel, most)
            found += _broken_rules(part, channel, dram, most)
            found += _wrong_rows(part, dram, most)
            found += _refreshes(part, channel, dram, most)
    return tuple(text for _, _, text in sorted(found)[:most])


@dataclass(frozen=True, eq=False)
class _Lines:
    """Columns of a trace, and the number of each line in the whole of it."""

    names: Sequence[str]
    number: Integers
    cycle: Integers
    command: Integers
    channel: Integers
    bank: Integers
    row: Integers

    @classmethod
    def of(cls, lines: Integers, number: Integers, names: Sequence[str]) -> _Lines:
        return cls(names, number, *(np.ascontiguousarray(lines[:, place]) for place in range(5)))

    def where(self, chosen: Booleans) -> _Lines:
        return _Lines(
            self.names, self.number[chosen], self.cycle[chosen], self.command[chosen],
            self.channel[chosen], self.bank[chosen], self.row[chosen],
        )  # fmt: skip

    def those(self, wanted: Iterable[str]) -> Booleans:
        """Lines with one of some commands."""
        kinds = set(wanted)
        return np.array([name in kinds for name in self.names], bool)[self.command]

    def name(self, index: int) -> str:
        return self.names[int(self.command[index])]

    def place(self, index: int) -> str:
        return f"line {self.number[index]}, cycle {self.cycle[index]}"


def _strangers(
    lines: Integers, names: Sequence[str], dram: Dram, most: int
) -> tuple[Booleans, list[Told]]:
    """Which lines are commands of the memory, and what is said of the others."""
    command, channel, bank = lines[:, 1], lines[:, 2], lines[:, 3]
    known = np.array([name in dram.commands for name in names], bool)
    is_known = (command >= 0) & (command < len(names))
    is_known &= known[np.where(is_known, command, 0)]
    is_here = (channel >= 0) & (channel < dram.channels) & (bank >= 0) & (bank < _size(dram))
    found = []
    for line in np.flatnonzero(~(is_known & is_here))[:most].tolist():
        place = f"line {line}, cycle {lines[line, 0]}"
        text = f"there is no command {command[line]}"
        if is_known[line]:
            name = names[int(command[line])]
            text = f"{name} in channel {channel[line]}, bank {bank[line]}, which there is not"
        found.append((line, TIME, f"{place}: {text}"))
    return is_known & is_here, found


def _disorder(own: _Lines, most: int) -> list[Told]:
    before = np.maximum.accumulate(np.concatenate([[0], own.cycle]))[:-1]
    late = np.flatnonzero(own.cycle < before)[:most].tolist()
    return [
        (int(own.number[n]), TIME, f"{own.place(n)}: {own.name(n)} comes after cycle {before[n]}")
        for n in late
    ]


def _double(own: _Lines, channel: int, most: int) -> list[Told]:
    twice = 1 + np.flatnonzero(np.diff(own.cycle) <= 0)[:most]
    return [
        (
            int(own.number[n]),
            TIME,
            f"{own.place(n)}: channel {channel} has two commands in this cycle",
        )
        for n in twice.tolist()
    ]


def _broken_rules(own: _Lines, channel: int, dram: Dram, most: int) -> list[Told]:
    levels = {name: command.level for name, command in dram.commands.items()}
    whole = own.those(name for name in levels if levels[name] == "channel")
    found: list[Told] = []
    for index, rule in enumerate(dram.all_rules):
        before, after = own.those(rule.preceding), own.those(rule.following)
        found += _early(own, channel, dram, rule, index, _pairs(own, dram, rule, levels, whole,
                                                               before, after), most)  # fmt: skip
    return found


def _pairs(
    own: _Lines, dram: Dram, rule: Rule, levels: Mapping[str, str], whole: Booleans,
    before: Booleans, after: Booleans,
) -> Iterator[tuple[Booleans, Booleans]]:  # fmt: skip
    """Lines that others follow within a part, and those that follow."""
    if rule.level == "channel":
        yield before, after
        return
    rest = after
    if rule.window == 1:  # to what concerns every part, the last one in any of them matters
        yield before, after & whole
        rest = after & ~whole
    if rest.any():
        for touches in _parts(own, dram, rule, levels):
            yield before & touches, rest & touches


def _early(
    own: _Lines, channel: int, dram: Dram, rule: Rule, index: int,
    pairs: Iterator[tuple[Booleans, Booleans]], most: int,
) -> list[Told]:  # fmt: skip
    found: list[Told] = []
    distance, told = _cycles(rule, dram), set()
    for before, after in pairs:
        first, second = np.flatnonzero(before), np.flatnonzero(after)
        which = np.searchsorted(first, second, "left") - rule.window
        second, which = second[which >= 0], which[which >= 0]
        gap = own.cycle[second] - own.cycle[first[which]]
        for n in np.flatnonzero(gap < distance)[:most].tolist():
            line = int(second[n])
            if line in told:
                continue
            told.add(line)
            text = (
                f"{own.place(line)}: {own.name(line)} in channel {channel}, bank {own.bank[line]} "
                f"comes {gap[n]} cycles after {_which(rule)}; {rule.distance} is {distance}"
            )
            found.append((int(own.number[line]), index, text))
    return found


def _parts(own: _Lines, dram: Dram, rule: Rule, levels: Mapping[str, str]) -> Iterator[Booleans]:
    """For each part of a channel at the level of a rule, the lines that touch it."""
    width = dram.banks_per_group
    whole = own.those(name for name in levels if levels[name] == "channel")
    grouped = own.those(name for name in levels if levels[name] == "bank_group")
    for part in range(_size(dram) if rule.level == "bank" else dram.bank_groups):
        if rule.level == "bank":
            here = (own.bank == part) | (grouped & (own.bank // width == part // width))
        else:
            here = own.bank // width == part
        yield whole | here


def _wrong_rows(own: _Lines, dram: Dram, most: int) -> list[Told]:
    does = {name: command.does for name, command in dram.commands.items()}

    def that(*what: str) -> Booleans:
        return own.those(name for name in does if does[name] in what)

    opens, changes = that("open"), that("open", "close")
    closed, used = that("open", "refresh"), that("read", "write", "compute")
    levels = {name: command.level for name, command in dram.commands.items()}
    rule = Rule(level="bank", preceding=("any",), following=("any",), distance="0")
    found = []
    for bank, touches in enumerate(_parts(own, dram, rule, levels)):
        set_at = np.flatnonzero(changes & touches)
        rows = np.concatenate([[-1], np.where(opens[set_at], own.row[set_at], -1)])
        asked = np.flatnonzero((closed | used) & touches)
        known = rows[np.searchsorted(set_at, asked, "left")]
        stays = closed[asked] & (known >= 0)
        wrong = used[asked] & (known != own.row[asked])
        for n in np.flatnonzero(stays | wrong)[:most].tolist():
            line = int(asked[n])
            text = f"{own.name(line)}, and row {known[n]} of bank {bank} is open"
            if wrong[n]:
                state = f"row {known[n]} is open" if known[n] >= 0 else "no row is open"
                text = f"{own.name(line)} needs row {own.row[line]} of bank {bank}, and {state}"
            found.append((int(own.number[line]), ROWS + bank, f"{own.place(line)}: {text}"))
    return found


def _refreshes(own: _Lines, channel: int, dram: Dram, most: int) -> list[Told]:
    refreshing = [name for name, command in dram.commands.items() if command.does == "refresh"]
    interval = _value(dram, dram.refresh_interval) if dram.refresh_interval else 0
    at = np.flatnonzero(own.those(refreshing))
    due = interval * np.arange(1, len(at) + 1)
    wrong = np.flatnonzero((own.cycle[at] < due) | (own.cycle[at] > due + 2 * interval))[:most]
    return [
        (int(own.number[at[n]]), ROWS << 1,
         f"{own.place(int(at[n]))}: refresh {n + 1} of channel {channel} is due at {due[n]}")
        for n in (wrong if interval else wrong[:0]).tolist()
    ]  # fmt: skip


def _size(dram: Dram) -> int:
    return dram.bank_groups * dram.banks_per_group


def _which(rule: Rule) -> str:
    names = " or ".join(rule.preceding)
    return names if rule.window == 1 else f"the last but {rule.window - 1} of {names}"


def _cycles(rule: Rule, dram: Dram) -> int:
    total, sign = 0, 1
    for word in re.findall(r"[+-]|\w+", rule.distance):
        if word in "+-":
            sign = 1 if word == "+" else -1
        else:
            total += sign * (int(word) if word.isdigit() else _value(dram, word))
            sign = 1
    return total


def _value(dram: Dram, timing: str) -> int:
    figure = dram.timings[timing]
    if figure.unit == "cycle":
        return int(figure.value)
    return math.ceil(round(figure.value / dram.clock.value, 6))
