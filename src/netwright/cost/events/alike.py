"""Channels that are asked for the same do the same: one of them is simulated for all.

Channels have nothing in common but the stages, which end when the last channel is done. So channels
with equal requests in every stage issue equal commands in equal cycles, and a program may be run
with one channel of each kind.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from netwright.arch import Dram
from netwright.cost.events.outcome import Outcome
from netwright.cost.events.program import Program
from netwright.cost.events.queue import run
from netwright.cost.events.table import Table
from netwright.progress import Progress, silent

CHANNEL = 1
"""Column of a request that says its channel."""


@dataclass(frozen=True, eq=False)
class Alike:
    """A program with one channel of each kind.

    Attributes:
        program: Channels are numbered anew.
        channels: For each of its channels, those that it stands for.
    """

    program: Program
    channels: tuple[tuple[int, ...], ...]

    def table(self, table: Table) -> Table:
        """The memory with as many channels."""
        return replace(table, channels=len(self.channels))

    def dram(self, dram: Dram) -> Dram:
        """The memory with as many channels, as its file says it."""
        return dram.model_copy(update={"channels": len(self.channels)})

    def alone(self, channel: int, cycles: tuple[int, ...]) -> Program:
        """The program of one of its channels, whose stages take as long as those of all."""
        own = _restricted(self.program, (channel,))
        return replace(own, busy=cycles)


def alike(program: Program, table: Table) -> Alike:
    """A program with one channel of each kind of `table`."""
    stage_of = np.searchsorted(np.array(program.stages), np.arange(len(program.requests)), "right")
    kinds: dict[bytes, list[int]] = {}
    for channel in range(table.channels):
        own = program.requests[:, CHANNEL] == channel
        asked = np.delete(program.requests[own], CHANNEL, axis=1)
        key = np.column_stack([stage_of[own], asked]).tobytes()
        kinds.setdefault(key, []).append(channel)
    channels = tuple(map(tuple, kinds.values()))
    return Alike(_restricted(program, tuple(own[0] for own in channels)), channels)


def run_alike(table: Table, program: Program, *, progress: Progress = silent) -> Outcome:
    """What :func:`netwright.cost.events.run` gives without a trace, from fewer channels.

    Args:
        table: The memory.
        program: What it shall do.
        progress: Told how many commands were issued.

    Raises:
        ConfigError: The program asks for what the memory does not have.
    """
    program.check(table)
    found = alike(program, table)
    together = run(found.table(table), found.program, trace=False, progress=progress)
    left, active = together.commands.copy(), np.array(together.active_cycles, np.int64)
    commands, cycles = np.zeros_like(left), np.zeros_like(active)
    for channel, own in enumerate(found.channels[:-1]):
        alone = run(replace(table, channels=1), found.alone(channel, together.stage_cycles),
                    trace=False, progress=progress)  # fmt: skip
        left -= alone.commands
        active -= np.array(alone.active_cycles, np.int64)
        commands += len(own) * alone.commands
        cycles += len(own) * np.array(alone.active_cycles, np.int64)
    last = len(found.channels[-1])
    commands, cycles = commands + last * left, cycles + last * active
    return replace(together, commands=commands, active_cycles=tuple(map(int, cycles)))


def _restricted(program: Program, channels: tuple[int, ...]) -> Program:
    """Some channels of a program, numbered anew."""
    number = np.full(int(program.requests[:, CHANNEL].max(initial=0)) + max(channels) + 1, -1)
    number[list(channels)] = np.arange(len(channels))
    kept = number[program.requests[:, CHANNEL]] >= 0
    requests = program.requests[kept]
    requests[:, CHANNEL] = number[requests[:, CHANNEL]]
    before = np.concatenate([[0], np.cumsum(kept)])
    return replace(program, requests=requests, stages=tuple(int(before[n]) for n in program.stages))
