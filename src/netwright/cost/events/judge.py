"""Whether a trace obeys the rules of a memory: a reader that knows nothing of the engine.

It takes the rules as the machine's file says them, works out their distances itself, and looks at
every pair of commands that a rule is about, bank by bank.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice

from netwright.arch import Dram, Rule

MOST = 20
"""Violations that are told."""


def violations(
    trace: Sequence[Sequence[int]], names: Sequence[str], dram: Dram, *, most: int = MOST
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
    return tuple(islice(_violations(trace, names, dram), most))


def _violations(trace: Sequence[Sequence[int]], names: Sequence[str], dram: Dram) -> Iterator[str]:
    rules = [(rule, _cycles(rule, dram)) for rule in dram.all_rules]
    past: dict[tuple[int, int, int], deque[int]] = {}
    rows: dict[tuple[int, int], int] = {}
    last: dict[int, int] = {}
    refreshed: dict[int, int] = {}
    before = 0
    for number, line in enumerate(trace):
        cycle, command, channel, bank, row = (int(value) for value in line[:5])
        place = f"line {number}, cycle {cycle}"
        if not 0 <= command < len(names) or names[command] not in dram.commands:
            yield f"{place}: there is no command {command}"
            continue
        name = names[command]
        if not (0 <= channel < dram.channels and 0 <= bank < _size(dram)):
            yield f"{place}: {name} in channel {channel}, bank {bank}, which there is not"
            continue
        if cycle < before:
            yield f"{place}: {name} comes after cycle {before}"
        before = max(before, cycle)
        if last.get(channel, -1) >= cycle:
            yield f"{place}: channel {channel} has two commands in this cycle"
        last[channel] = cycle
        banks = _banks(dram, dram.commands[name].level, bank)
        for index, (rule, distance) in enumerate(rules):
            for part in _parts(dram, rule, banks):
                times = past.get((index, channel, part), deque())
                full = name in rule.following and len(times) == rule.window
                if full and cycle < times[0] + distance:
                    yield (
                        f"{place}: {name} in channel {channel}, bank {bank} comes "
                        f"{cycle - times[0]} cycles after {_which(rule)}; "
                        f"{rule.distance} is {distance}"
                    )
                    break
            if name in rule.preceding:
                for part in _parts(dram, rule, banks):
                    key = index, channel, part
                    past.setdefault(key, deque(maxlen=rule.window)).append(cycle)
        yield from _rows(place, name, dram, rows, channel, banks, row)
        if dram.commands[name].does == "refresh":
            refreshed[channel] = refreshed.get(channel, 0) + 1
            yield from _refreshes(place, dram, channel, cycle, refreshed[channel])


def _rows(
    place: str, name: str, dram: Dram, rows: dict[tuple[int, int], int], channel: int,
    banks: range, row: int,
) -> Iterator[str]:  # fmt: skip
    does = dram.commands[name].does
    for bank in banks:
        known = rows.get((channel, bank), -1)
        if does in ("open", "refresh") and known >= 0:
            yield f"{place}: {name}, and row {known} of bank {bank} is open"
        if does in ("read", "write", "compute") and known != row:
            state = f"row {known} is open" if known >= 0 else "no row is open"
            yield f"{place}: {name} needs row {row} of bank {bank}, and {state}"
        if does == "open":
            rows[channel, bank] = row
        if does == "close":
            rows[channel, bank] = -1


def _refreshes(place: str, dram: Dram, channel: int, cycle: int, count: int) -> Iterator[str]:
    interval = _value(dram, dram.refresh_interval) if dram.refresh_interval else 0
    if interval and not count * interval <= cycle <= (count + 2) * interval:
        yield f"{place}: refresh {count} of channel {channel} is due at {count * interval}"


def _size(dram: Dram) -> int:
    return dram.bank_groups * dram.banks_per_group


def _banks(dram: Dram, level: str, bank: int) -> range:
    if level == "channel":
        return range(_size(dram))
    if level == "bank":
        return range(bank, bank + 1)
    first = bank - bank % dram.banks_per_group
    return range(first, first + dram.banks_per_group)


def _parts(dram: Dram, rule: Rule, banks: range) -> set[int]:
    """Numbers of the channel, the groups or the banks that a command touches."""
    if rule.level == "channel":
        return {0}
    if rule.level == "bank":
        return set(banks)
    return {bank // dram.banks_per_group for bank in banks}


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
