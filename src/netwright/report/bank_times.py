"""The picture of a memory at work: banks against time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netwright.arch import Dram
from netwright.cost.events import Outcome
from netwright.errors import ConfigError
from netwright.report.style import BAD, INK, MUTED, SERIES, WIDE_INCHES
from netwright.report.svg import draw

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_COMMANDS = 600
"""Commands that are drawn; the picture ends where there are more."""


def bank_times(
    outcome: Outcome, dram: Dram, *, channel: int = 0, first: int = 0, last: int | None = None
) -> str:
    """Open rows and commands of every bank of a channel over time, as SVG.

    A bar is a row that is open, a tick a column that is moved, a red band a refresh.

    Args:
        outcome: With a trace.
        dram: The memory.
        channel: Number of the channel.
        first: First cycle of the picture.
        last: The first cycle after it; that of the whole trace if not given.

    Raises:
        ConfigError: There is no trace, or nothing happens in these cycles.
        MissingExtra: Matplotlib is not installed.
    """
    if outcome.trace is None:
        raise ConfigError("there is no trace to draw", hint="run the program with trace=True")
    last = outcome.cycles if last is None else last
    own = outcome.trace[outcome.trace[:, 2] == channel]
    seen = own[(own[:, 0] >= first) & (own[:, 0] < last)]
    if not len(seen):
        raise ConfigError(f"channel {channel} has no commands from cycle {first} to {last}")
    if len(seen) > MOST_COMMANDS:
        last = int(seen[MOST_COMMANDS, 0])
    spans, ticks, refreshes = _events(own[own[:, 0] < last], outcome.names, dram, first, last)

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for bank, start, end, row in spans:
            axes.barh(bank, end - start, left=start, height=0.8,
                      color=SERIES[row % (len(SERIES) - 1)] + "66")  # fmt: skip
        if len(ticks):
            axes.vlines(ticks[:, 0], ticks[:, 1] - 0.4, ticks[:, 1] + 0.4, color=INK, linewidth=0.5)
        for start, length in refreshes:
            axes.axvspan(start, start + length, color=BAD, alpha=0.2)
        axes.set(xlim=(first, last), ylim=(dram.banks - 0.5, -0.5), xlabel="cycle", ylabel="bank")
        axes.tick_params(colors=MUTED)
        axes.set_title(f"channel {channel}: open rows, columns, refreshes", loc="left")

    title = f"Banks of channel {channel} from cycle {first} to {last}"
    return draw(paint, width=WIDE_INCHES, height=3.8, name="bank-times", title=title)


def _events(
    trace: np.ndarray[tuple[int, int], np.dtype[np.int64]], names: tuple[str, ...], dram: Dram,
    first: int, last: int,
) -> tuple[list[tuple[int, int, int, int]], np.ndarray[tuple[int, int], np.dtype[np.int64]],
           list[tuple[int, int]]]:  # fmt: skip
    """Bars of open rows (bank, start, end, row), ticks (cycle, bank) and refreshes."""
    opened: dict[int, tuple[int, int]] = {}
    spans, ticks, refreshes = [], [], []
    for cycle, command, _, bank, row, *_ in trace.tolist():
        kind = dram.commands[names[command]]
        whole = kind.level == "channel"
        banks = range(dram.banks) if whole else range(bank, bank + 1)
        if kind.does == "open":
            opened.update(dict.fromkeys(banks, (cycle, row)))
        elif kind.does == "close":
            for own in banks:
                if own in opened:
                    start, known = opened.pop(own)
                    spans.append((own, max(start, first), cycle, known))
        elif kind.does == "refresh":
            refreshes.append((cycle, dram.cycles(kind.latency)))
        elif kind.opens_with and cycle >= first:
            ticks += [(cycle, own) for own in banks]
    spans += [(bank, max(start, first), last, row) for bank, (start, row) in opened.items()]
    found = [span for span in spans if span[2] > first]
    return found, np.array(ticks, np.int64).reshape(-1, 2), refreshes
