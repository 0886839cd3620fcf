"""The event engine: from one command to the next, without a look at the cycles between them.

Every channel plans its next command and the cycle of it; a queue hands out the earliest plan of
all. :func:`run` does that in compiled code where there is some, else here; both give the same,
command by command, and so does :func:`netwright.cost.events.step`, which looks at every cycle.

The order of things: where a refresh is due, rows are closed and it is issued first. Of the
requests that came, up to `lookahead` from the oldest one, those whose row is open come first, the
oldest first; then rows are closed and opened, each by the oldest request of its bank. Commands that
concern more than a bank are neither overtaken nor overtake others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush

import numpy as np

from netwright.cost.events.outcome import TRACE, Outcome
from netwright.cost.events.program import Program
from netwright.cost.events.table import BANK, CHANNEL, CLOSE, FREE, OPEN, REFRESH, ROW, Table
from netwright.errors import ConfigError
from netwright.kernels import isa
from netwright.progress import Progress, silent

NEVER = 1 << 62
MOST_REFRESHES = 64
"""Refreshes of a channel in which something waits, one after the other; more never end."""

BATCH = 1 << 18
"""Commands between two words of progress."""


def run(
    table: Table,
    program: Program,
    *,
    trace: bool = True,
    compiled: bool | None = None,
    progress: Progress = silent,
) -> Outcome:
    """Run a program.

    Args:
        table: The memory.
        program: What it shall do.
        trace: Whether every command is kept.
        compiled: Whether compiled code runs it; where there is some, if not given.
        progress: Told how many commands were issued; rows that are opened and closed count too.

    Raises:
        ConfigError: The program asks for what the memory does not have.
    """
    program.check(table)
    native = getattr(isa.native, "EventRun", None)
    if compiled is None:
        compiled = native is not None
    engine = native(*_numbers(table, program), trace) if compiled and native else _Run(
        table, program, trace)  # fmt: skip
    total = float(program.num_commands)
    try:
        while not engine.advance(BATCH):
            progress(min(float(engine.issued), total), total, "commands")
    except RuntimeError:
        raise ConfigError(
            f"refreshes every {table.refresh_cycles} cycles leave no time for requests",
            hint="a refresh and opening a row must take less than the time between refreshes",
        ) from None
    commands = np.array(engine.counts(), np.int64).reshape(-1, len(table.names))
    return Outcome(
        table.names, tuple(engine.stage_ends()), commands, tuple(engine.active_cycles()),
        np.asarray(engine.trace(), np.int64).reshape(-1, len(TRACE)) if trace else None,
    )  # fmt: skip


def _numbers(table: Table, program: Program) -> tuple[object, ...]:
    """Table and program as the compiled engine takes them."""
    every = range(len(table.names))
    windows = [
        [level, cycles, size, *(int(c in before) for c in every), *(int(c in after) for c in every)]
        for level, cycles, size, before, after in table.windows
    ]
    sizes = [table.channels, table.groups, table.banks_per_group, table.refresh,
             table.refresh_cycles]  # fmt: skip
    return (
        list(table.levels), list(table.roles), list(table.openers), list(table.closers),
        list(table.latencies), np.ascontiguousarray(table.distances), windows, sizes,
        np.ascontiguousarray(program.requests, np.int64), list(program.stages),
        list(program.busy_cycles), program.lookahead,
    )  # fmt: skip


@dataclass
class _Request:
    number: int
    position: int
    command: int
    bank: int
    row: int
    column: int
    left: int
    arrival: int


@dataclass
class _Plan:
    """A command and its cycle; without a command, the cycle at which to look again."""

    time: int
    command: int = -1
    bank: int = 0
    row: int = -1
    request: _Request | None = None


@dataclass
class _Channel:
    rows: list[int]
    due: int
    ready: dict[tuple[int, int, int], int] = field(default_factory=dict)
    rings: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)
    head: int = 0
    waiting: list[_Request] = field(default_factory=list)
    now: int = 0
    active_since: int = 0
    starved: int = 0
    plan: _Plan = field(default_factory=lambda: _Plan(NEVER))
    stamp: int = 0


class _Run:
    """The engine in Python; see ``native/events.cpp``, which does the same."""

    def __init__(self, table: Table, program: Program, traced: bool) -> None:
        self._table, self._program, self._traced = table, program, traced
        self._channels = [
            _Channel([-1] * table.banks, table.refresh_cycles if table.refresh >= 0 else NEVER)
            for _ in range(table.channels)
        ]
        self._waits: list[list[tuple[int, int, int]]] = [[] for _ in table.names]
        for following, waits in enumerate(table.before):
            for level, preceding, cycles in waits:
                self._waits[preceding].append((level, following, cycles))
        self._events: list[tuple[int, int, int]] = []
        self._stage, self._left, self._done, self.issued = 0, 0, 0, 0
        self._ends: list[int] = []
        self._rows: list[list[int]] = []
        size = len(program.stages)
        self._counts = [[0] * len(table.names) for _ in range(size)]
        self._active = [0] * size
        if size:
            self._start(0)

    def advance(self, num_commands: int) -> bool:
        """Issue about so many commands more; whether the program is done."""
        until = self.issued + num_commands
        size = len(self._program.stages)
        while self._stage < size and self.issued < until:
            time, number, stamp = heappop(self._events)
            if number < 0:
                self._finish(time)
                continue
            channel = self._channels[number]
            if stamp != channel.stamp:
                continue  # planned anew since
            if channel.plan.command < 0:
                channel.now = time
            else:
                self._issue(number, channel)
            self._plan(number, channel)
        return self._stage == size

    def trace(self) -> list[list[int]]:
        return self._rows

    def stage_ends(self) -> list[int]:
        return self._ends

    def counts(self) -> list[list[int]]:
        return self._counts

    def active_cycles(self) -> list[int]:
        return self._active

    def _start(self, time: int) -> None:
        program = self._program
        first = program.stages[self._stage - 1] if self._stage else 0
        last = program.stages[self._stage]
        for channel in self._channels:
            channel.order, channel.head = [], 0
        for number in range(first, last):
            self._channels[int(program.requests[number, 1])].order.append(number)
        self._left = int(program.requests[first:last, 5].sum())
        self._done = time
        if self._left == 0:
            heappush(self._events, (time + program.busy_cycles[self._stage], -1, 0))
        for number, channel in enumerate(self._channels):
            channel.now = max(channel.now, time)
            self._plan(number, channel)

    def _finish(self, time: int) -> None:
        for channel in self._channels:
            if max(channel.rows) >= 0:
                self._active[self._stage] += time - channel.active_since
                channel.active_since = time
        self._ends.append(time)
        self._stage += 1
        if self._stage < len(self._program.stages):
            self._start(time)

    def _parts(self, command: int, bank: int) -> Iterator[tuple[int, int]]:
        """The parts that a command concerns as one of several, at every level down to its own."""
        places = (0, bank // self._table.banks_per_group, bank)
        yield from enumerate(places[: self._table.levels[command] + 1])

    def _banks(self, command: int, bank: int) -> range:
        level, width = self._table.levels[command], self._table.banks_per_group
        if level == BANK:
            return range(bank, bank + 1)
        if level == CHANNEL:
            return range(self._table.banks)
        return range(bank // width * width, bank // width * width + width)

    def _ready(self, channel: _Channel, command: int, bank: int) -> int:
        known = channel.ready
        return max(known.get((*part, command), -NEVER) for part in self._parts(command, bank))

    def _plan(self, number: int, channel: _Channel) -> None:
        channel.plan = self._choice(channel)
        channel.stamp += 1
        if channel.plan.time < NEVER:
            heappush(self._events, (channel.plan.time, number, channel.stamp))

    def _choice(self, channel: _Channel) -> _Plan:
        table, now = self._table, channel.now
        if channel.due <= now:
            open_banks = [bank for bank, row in enumerate(channel.rows) if row >= 0]
            command = table.closers[table.refresh] if open_banks else table.refresh
            bank = open_banks[0] if open_banks else 0
            return _Plan(max(now, self._ready(channel, command, bank)), command, bank)
        self._fill(channel)
        best, best_hits, wake = _Plan(NEVER), False, channel.due
        touched: set[int] = set()
        for index, request in enumerate(channel.waiting):
            if request.arrival > now:
                wake = min(wake, request.arrival)
                break
            alone = table.levels[request.command] != BANK
            if alone and index:
                break
            plan = self._wanted(channel, request)
            hits = plan.request is not None
            if hits or not touched.intersection(self._banks(request.command, request.bank)):
                plan.time = max(now, self._ready(channel, plan.command, plan.bank))
                if (plan.time, not hits) < (best.time, not best_hits):
                    best, best_hits = plan, hits
            touched.update(self._banks(request.command, request.bank))
            if alone:
                break
        return _Plan(wake) if wake <= best.time else best

    def _fill(self, channel: _Channel) -> None:
        waiting = channel.waiting
        while channel.head < len(channel.order) and (
            not waiting or channel.head < waiting[0].position + self._program.lookahead
        ):
            number = channel.order[channel.head]
            command, _, bank, row, column, count, arrival = map(int, self._program.requests[number])
            waiting.append(
                _Request(number, channel.head, command, bank, row, column, count, arrival)
            )
            channel.head += 1

    def _wanted(self, channel: _Channel, request: _Request) -> _Plan:
        """What a request needs next: its own command, or one that closes or opens rows."""
        table, command = self._table, request.command
        own = _Plan(0, command, request.bank, request.row, request)
        if table.roles[command] == FREE:
            return own
        opener, seen = table.openers[command], set()
        for bank in self._banks(command, request.bank):
            part = self._banks(opener, bank)
            if part in seen:
                continue
            seen.add(part)
            rows = [channel.rows[bank] for bank in part]
            if all(row == request.row for row in rows):
                continue
            open_banks = [bank for bank in part if channel.rows[bank] >= 0]
            if open_banks:
                return _Plan(0, table.closers[command], open_banks[0])
            return _Plan(0, opener, part.start, request.row)
        return own

    def _issue(self, number: int, channel: _Channel) -> None:
        table, plan = self._table, channel.plan
        time, command = plan.time, plan.command
        places = (0, plan.bank // table.banks_per_group, plan.bank)
        for level, following, cycles in self._waits[command]:
            key = level, places[level], following
            channel.ready[key] = max(channel.ready.get(key, -NEVER), time + cycles)
        for index, (level, cycles, size, before, after) in enumerate(table.windows):
            if command not in before:
                continue
            ring = channel.rings.setdefault((index, places[level]), [])
            ring.append(time)
            if len(ring) < size:
                continue
            oldest = ring[-size]
            del ring[:-size]
            for following in after:
                key = level, places[level], following
                channel.ready[key] = max(channel.ready.get(key, -NEVER), oldest + cycles)
        role, column, request = table.roles[command], -1, -1
        if role in (OPEN, CLOSE):
            was_open = max(channel.rows) >= 0
            for bank in self._banks(command, plan.bank):
                channel.rows[bank] = plan.row if role == OPEN else -1
            is_open = max(channel.rows) >= 0
            if is_open and not was_open:
                channel.active_since = time
            if was_open and not is_open:
                self._active[self._stage] += time - channel.active_since
        elif role == REFRESH:
            channel.due += table.refresh_cycles
            if channel.waiting and channel.waiting[0].arrival <= time:
                channel.starved += 1
            if channel.starved > MOST_REFRESHES:
                raise RuntimeError
        elif plan.request is not None:
            channel.starved = 0
            column, request = plan.request.column, plan.request.number
            plan.request.column += 1
            plan.request.left -= 1
            if plan.request.left == 0:
                channel.waiting.remove(plan.request)
            self._left -= 1
            self._done = max(self._done, time + max(table.latencies[command], 1))
        self._counts[self._stage][command] += 1
        self.issued += 1
        if self._traced:
            bank = 0 if table.levels[command] == CHANNEL else plan.bank
            self._rows.append([time, command, number, bank, plan.row, column, request])
        channel.now = time + 1
        if self._left == 0 and role in (ROW, FREE):
            start = self._ends[-1] if self._ends else 0
            busy = start + self._program.busy_cycles[self._stage]
            heappush(self._events, (max(self._done, busy), -1, 0))
