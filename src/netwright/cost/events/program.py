"""What a memory shall do: requests in order, cut into stages."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from netwright.cost.events.table import BANK, FREE, ROW, Table
from netwright.errors import ConfigError

Integers = NDArray[np.int64]

COLUMNS = ("command", "channel", "bank", "row", "column", "count", "arrival")
"""What a request says; ``count`` columns that follow each other are one request."""

MOST_COMMANDS = 1 << 31
"""A program has fewer commands, and everything in it starts before so many cycles."""

MOST_CYCLES = 1 << 36


@dataclass(frozen=True, eq=False)
class Program:
    """Requests to a memory; those of a stage wait until the stage before is done.

    Attributes:
        requests: One row each, with the columns of :data:`COLUMNS`: number of the command, channel,
            bank within the channel (0 for commands that concern all of it), row, first column,
            number of columns, and the first cycle at which it may start.
        stages: For each stage, the first request that is not part of it.
        busy: For each stage, the cycles that something beside the memory is busy meanwhile.
        names: Names of the stages.
        lookahead: How many requests of a channel may be done before the oldest one that waits;
            with 1 all are done in order.
    """

    requests: Integers = field(repr=False)
    stages: tuple[int, ...]
    busy: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    lookahead: int = 1

    def __post_init__(self) -> None:
        if self.requests.ndim != 2 or self.requests.shape[1] != len(COLUMNS):
            raise ConfigError(f"requests must have the columns {', '.join(COLUMNS)}, "
                              f"not the shape {self.requests.shape}")  # fmt: skip
        wanted = sorted(self.stages)
        if list(self.stages) != wanted or (wanted and wanted[0] < 0):
            raise ConfigError("the stages of a program must end one after the other")
        if (self.stages[-1] if self.stages else 0) != len(self.requests):
            raise ConfigError(f"the last stage must end at request {len(self.requests)}")
        if not 1 <= self.lookahead <= 256:
            raise ConfigError(f"lookahead must be from 1 to 256, not {self.lookahead}")

    @property
    def num_commands(self) -> int:
        """Columns of all requests together."""
        return int(self.requests[:, 5].sum())

    @property
    def busy_cycles(self) -> tuple[int, ...]:
        """For each stage, cycles of what works beside the memory."""
        return self.busy or (0,) * len(self.stages)

    def check(self, table: Table) -> None:
        """Refuse what the memory cannot do.

        Raises:
            ConfigError: The first request that is out of range, with the value and the limit.
        """
        most = {
            "command": len(table.names), "channel": table.channels, "bank": table.banks,
            "row": 1 << 31, "column": 1 << 31, "count": 1 << 31, "arrival": MOST_CYCLES,
        }  # fmt: skip
        for index, name in enumerate(COLUMNS):
            values = self.requests[:, index]
            least = 1 if name == "count" else 0
            wrong = np.flatnonzero((values < least) | (values >= most[name]))
            if wrong.size:
                raise ConfigError(
                    f"request {wrong[0]}: {name} must be from {least} to {most[name] - 1}, "
                    f"not {values[wrong[0]]}"
                )
        roles, levels = np.array(table.roles), np.array(table.levels)
        commands = self.requests[:, 0]
        wrong = np.flatnonzero((roles[commands] != ROW) & (roles[commands] != FREE))
        if wrong.size:
            name = table.names[int(commands[wrong[0]])]
            raise ConfigError(f'request {wrong[0]}: "{name}" is no request; rows are opened, '
                              "closed and refreshed where that is needed")  # fmt: skip
        wrong = np.flatnonzero((levels[commands] != BANK) & (self.requests[:, 2] != 0))
        if wrong.size:
            raise ConfigError(f"request {wrong[0]}: its command concerns more than a bank, so the "
                              f"bank must be 0, not {self.requests[wrong[0], 2]}")  # fmt: skip
        start = 0
        for end in self.stages:
            for channel in range(table.channels) if self.requests[start:end, 6].any() else ():
                own = self.requests[start:end][self.requests[start:end, 1] == channel, 6]
                if (np.diff(own) < 0).any():
                    raise ConfigError("requests of a stage and a channel must be in the order in "
                                      "which they arrive")  # fmt: skip
            start = end
        if len(self.busy) not in (0, len(self.stages)):
            raise ConfigError(f"busy must have one value for each of the {len(self.stages)} stages")
        if self.busy and not 0 <= min(self.busy) <= max(self.busy) < MOST_CYCLES:
            raise ConfigError(f"busy must be from 0 to {MOST_CYCLES - 1} cycles")
        if self.num_commands >= MOST_COMMANDS:
            raise ConfigError(f"a program has at most {MOST_COMMANDS - 1} commands, "
                              f"not {self.num_commands}")  # fmt: skip
