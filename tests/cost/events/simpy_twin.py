"""The machine of memory and host as processes of SimPy: idle, then busy until its time is over."""

from __future__ import annotations

import numpy as np
import simpy


class Twin:
    """A memory whose requests are done in order, and a host, one stage after the other."""

    def __init__(self, dram, program):
        self.dram, self.program = dram, program
        self.names = list(dram.commands)
        self.env = simpy.Environment()
        self.rules = [(rule, dram.cycles(rule.distance)) for rule in dram.all_rules]
        self.rows = [[-1] * dram.banks for _ in range(dram.channels)]
        self.past = [[] for _ in range(dram.channels)]
        self.trace = []
        self.ends = []
        self.next_free = [0] * dram.channels

    def run(self):
        self.env.process(self._stages())
        self.env.run()
        return np.array(sorted(self.trace), np.int64), tuple(self.ends)

    def _stages(self):
        first = 0
        for end, busy in zip(self.program.stages, self.program.busy_cycles, strict=True):
            requests = self.program.requests[first:end].tolist()
            waits = [self.env.timeout(busy)]
            waits += [
                self.env.process(self._channel(n, [r for r in requests if r[1] == n]))
                for n in range(self.dram.channels)
            ]
            yield self.env.all_of(waits)
            self.ends.append(self.env.now)
            first = end

    def _channel(self, number, requests):
        done = self.env.now
        for command, _, bank, row, _, count, _ in requests:
            kind = self.dram.commands[self.names[command]]
            for _ in range(count):
                while kind.opens_with and (needed := self._needed(number, kind, bank, row)):
                    yield from self._issue(number, *needed)
                at = yield from self._issue(number, self.names[command], bank, row)
                done = max(done, at + max(self.dram.cycles(kind.latency), 1))
        yield self.env.timeout(done - self.env.now)

    def _banks(self, kind, bank):
        if kind.level == "channel":
            return range(self.dram.banks)
        return range(bank, bank + 1)

    def _needed(self, number, kind, bank, row):
        rows = self.rows[number]
        opener = self.dram.commands[kind.opens_with]
        for own in self._banks(kind, bank):
            together = self._banks(opener, own)
            if all(rows[other] == row for other in together):
                continue
            for other in together:
                if rows[other] >= 0:
                    return kind.closes_with, other, -1
            return kind.opens_with, together[0], row
        return None

    def _issue(self, number, name, bank, row):
        kind = self.dram.commands[name]
        ready = max(self.env.now, self.next_free[number])
        for rule, cycles in self.rules:
            if name not in rule.following:
                continue
            for part in self._parts(rule, kind, bank):
                times = [
                    at for at, before, own in self.past[number]
                    if before in rule.preceding
                    and part in self._parts(rule, self.dram.commands[before], own)
                ]  # fmt: skip
                if len(times) >= rule.window:
                    ready = max(ready, times[-rule.window] + cycles)
        yield self.env.timeout(ready - self.env.now)
        now = self.env.now
        self.next_free[number] = now + 1
        self.past[number] = [*self.past[number][-200:], (now, name, bank)]
        if kind.does in ("open", "close"):
            for other in self._banks(kind, bank):
                self.rows[number][other] = row
        shown = 0 if kind.level == "channel" else bank
        self.trace.append([now, number, self.names.index(name), shown, row])
        return now

    def _parts(self, rule, kind, bank):
        width = {"channel": self.dram.banks, "bank_group": self.dram.banks_per_group, "bank": 1}
        return {other // width[rule.level] for other in self._banks(kind, bank)}
