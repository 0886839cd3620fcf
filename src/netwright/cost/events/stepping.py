"""The same memory, looked at in every cycle: slow, and simple enough to be believed.

It shares no code with the event engine. Rules are taken as they are written: each part of the
memory remembers when the commands before came, and a command goes out in the first cycle in which
no rule forbids it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from netwright.arch import Dram
from netwright.cost.events.outcome import TRACE, Outcome
from netwright.cost.events.program import Program


@dataclass
class _Request:
    number: int
    place: int
    values: tuple[int, ...]
    column: int
    left: int


@dataclass
class _Channel:
    rows: list[int]
    history: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    requests: list[_Request] = field(default_factory=list)
    free_from: int = 0
    refreshed: int = 0


def step(dram: Dram, program: Program, *, refresh: bool = True) -> Outcome:
    """Run a program cycle by cycle.

    Args:
        dram: The memory.
        program: What it shall do.
        refresh: Whether cells are refreshed.
    """
    return _Clock(dram, program, refresh).run()


class _Clock:
    def __init__(self, dram: Dram, program: Program, refresh: bool) -> None:
        self.dram, self.program = dram, program
        self.names = tuple(dram.commands)
        self.kinds = tuple(dram.commands.values())
        self.interval = dram.refresh_cycles if refresh else 0
        self.rules = [(rule, dram.cycles(rule.distance)) for rule in dram.all_rules]
        self.latency = [max(dram.cycles(kind.latency), 1) for kind in self.kinds]
        self.refresh = next((n for n, k in enumerate(self.kinds) if k.does == "refresh"), -1)
        self.channels = [_Channel([-1] * dram.banks) for _ in range(dram.channels)]
        self.trace: list[list[int]] = []
        self.counts = np.zeros((len(program.stages), len(self.names)), np.int64)
        self.active = [0] * len(program.stages)
        self.done = 0

    def run(self) -> Outcome:
        ends: list[int] = []
        clock = 0
        for stage in range(len(self.program.stages)):
            self._take(stage)
            self.done = clock + self.program.busy_cycles[stage]
            while clock < self.done or any(channel.requests for channel in self.channels):
                for number, channel in enumerate(self.channels):
                    self._cycle(stage, clock, number, channel)
                clock += 1
            ends.append(clock)
        rows = np.array(self.trace, np.int64).reshape(-1, len(TRACE))
        return Outcome(self.names, tuple(ends), self.counts, tuple(self.active), rows)

    def _take(self, stage: int) -> None:
        first = self.program.stages[stage - 1] if stage else 0
        for number in range(first, self.program.stages[stage]):
            values = tuple(map(int, self.program.requests[number]))
            requests = self.channels[values[1]].requests
            requests.append(_Request(number, len(requests), values, values[4], values[5]))

    def _cycle(self, stage: int, clock: int, number: int, channel: _Channel) -> None:
        if clock >= channel.free_from:
            self._act(stage, clock, number, channel)
        self.active[stage] += any(row >= 0 for row in channel.rows)

    def _act(self, stage: int, clock: int, number: int, channel: _Channel) -> None:
        if self.interval and self.refresh >= 0 and clock >= channel.refreshed + self.interval:
            open_banks = [bank for bank, row in enumerate(channel.rows) if row >= 0]
            if open_banks:
                closer = self.names.index(self.kinds[self.refresh].closes_with)
                self._try(stage, clock, number, channel, closer, open_banks[0], -1)
            elif self._try(stage, clock, number, channel, self.refresh, 0, -1):
                channel.refreshed += self.interval
            return
        seen = self._candidates(clock, channel)
        for request in seen:
            command, _, bank, row, *_ = request.values
            if self._needs(channel, request)[0] == command and self._try(
                stage, clock, number, channel, command, bank, row, request
            ):
                return
        taken: set[int] = set()
        for request in seen:
            command, _, bank, row, *_ = request.values
            banks = self._banks(command, bank)
            other, where = self._needs(channel, request)
            if other != command and not taken.intersection(banks):
                opened = row if self.kinds[other].does == "open" else -1
                if self._try(stage, clock, number, channel, other, where, opened):
                    return
            taken.update(banks)

    def _candidates(self, clock: int, channel: _Channel) -> list[_Request]:
        """Requests that came and may go before others."""
        found: list[_Request] = []
        for request in channel.requests:
            far = request.place - channel.requests[0].place >= self.program.lookahead
            if far or request.values[6] > clock:
                break
            is_wide = self.kinds[request.values[0]].level != "bank"
            if is_wide and found:
                break
            found.append(request)
            if is_wide:
                break
        return found

    def _needs(self, channel: _Channel, request: _Request) -> tuple[int, int]:
        """The next command of a request and its bank."""
        command, _, bank, row, *_ = request.values
        kind = self.kinds[command]
        if not kind.opens_with:
            return command, bank
        opener, closer = self.names.index(kind.opens_with), self.names.index(kind.closes_with)
        for own in self._banks(command, bank):
            together = self._banks(opener, own)
            rows = {channel.rows[other] for other in together}
            if rows == {row}:
                continue
            for other in together:
                if channel.rows[other] >= 0:
                    return closer, other
            return opener, together[0]
        return command, bank

    def _banks(self, command: int, bank: int) -> list[int]:
        return [b for b in range(self.dram.banks) if self._part(command, b, bank)]

    def _part(self, command: int, bank: int, own: int) -> bool:
        width = self.dram.banks_per_group
        level = self.kinds[command].level
        return level == "channel" or bank == own or (
            level == "bank_group" and bank // width == own // width)  # fmt: skip

    def _touched(self, level: str, command: int, bank: int) -> Iterator[int]:
        """Numbers of the parts at a level that a command concerns."""
        width = {"channel": self.dram.banks, "bank_group": self.dram.banks_per_group, "bank": 1}
        yield from sorted({other // width[level] for other in self._banks(command, bank)})

    def _try(
        self, stage: int, clock: int, number: int, channel: _Channel, command: int, bank: int,
        row: int, request: _Request | None = None,
    ) -> bool:  # fmt: skip
        """Issue a command if no rule forbids it now."""
        name, history = self.names[command], channel.history
        for index, (rule, cycles) in enumerate(self.rules):
            if name in rule.following:
                for part in self._touched(rule.level, command, bank):
                    times = history.get((index, part), [])
                    if len(times) >= rule.window and clock < times[-rule.window] + cycles:
                        return False
        for index, (rule, _) in enumerate(self.rules):
            if name in rule.preceding:
                for part in self._touched(rule.level, command, bank):
                    history.setdefault((index, part), []).append(clock)
        does = self.kinds[command].does
        if does in ("open", "close"):
            for other in self._banks(command, bank):
                channel.rows[other] = row
        column, order = -1, -1
        if request is not None:
            column, order = request.column, request.number
            request.column, request.left = request.column + 1, request.left - 1
            if not request.left:
                channel.requests.remove(request)
            self.done = max(self.done, clock + self.latency[command])
        self.counts[stage, command] += 1
        shown = 0 if self.kinds[command].level == "channel" else bank
        self.trace.append([clock, command, number, shown, row, column, order])
        channel.free_from = clock + 1
        return True
