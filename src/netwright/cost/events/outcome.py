"""What came of a program: when its stages ended, what was issued, and the trace of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

TRACE = ("cycle", "command", "channel", "bank", "row", "column", "request")
"""Columns of a trace. Row, column and request are -1 where a command has none."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """A program that ran on a memory.

    Attributes:
        names: Names of the commands.
        stage_ends: The cycle at which each stage was done.
        commands: ``[stage, command]``: how often each command was issued while a stage lasted.
        active_cycles: For each stage, cycles with an open row, over all channels.
        trace: One row for each command, in order of time, with the columns of :data:`TRACE`;
            ``None`` if it was not asked for.
    """

    names: tuple[str, ...]
    stage_ends: tuple[int, ...]
    commands: Integers = field(repr=False)
    active_cycles: tuple[int, ...] = field(repr=False)
    trace: Integers | None = field(default=None, repr=False)

    @property
    def cycles(self) -> int:
        """Cycles from the first to the last stage."""
        return self.stage_ends[-1] if self.stage_ends else 0

    @property
    def stage_cycles(self) -> tuple[int, ...]:
        """Cycles of each stage."""
        return tuple(
            end - start for start, end in zip((0, *self.stage_ends), self.stage_ends, strict=False)
        )

    def issued(self, name: str) -> int:
        """How often a command was issued."""
        return int(self.commands[:, self.names.index(name)].sum())

    def same_as(self, other: Outcome) -> bool:
        """Whether everything is equal, each command of the traces included."""
        if (self.trace is None) != (other.trace is None):
            return False
        traces = self.trace is None or np.array_equal(self.trace, np.asarray(other.trace))
        return (
            traces
            and (self.names, self.stage_ends) == (other.names, other.stage_ends)
            and self.active_cycles == other.active_cycles
            and np.array_equal(self.commands, other.commands)
        )
