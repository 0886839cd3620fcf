"""Registers at the places where all stages of a pipeline take about the same time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from netwright.backends.rtl.cells.circuit import Circuit
from netwright.backends.rtl.cells.delays import CellDelays

STEPS = 12
"""Halvings of the interval in which the shortest stage is looked for."""


@dataclass(frozen=True, slots=True)
class Balance:
    """Clocks that a pipeline may take, and what its cells take of one.

    Attributes:
        latency_cycles: Clocks from an input to its outputs.
        delays: Delays of the cells on the part that the design is for.
    """

    latency_cycles: int
    delays: CellDelays


def balanced(
    lowered: Callable[[float | None], tuple[Circuit, float]], latency_cycles: int
) -> Circuit:
    """The circuit whose slowest stage is the fastest that so many clocks allow.

    Cells are put into the first stage that has room, which needs the fewest stages of a given
    length; so the shortest length is found by halving.

    Args:
        lowered: Makes the circuit with stages of so many nanoseconds, ``None`` for no registers,
            and says how long its longest stage is.
        latency_cycles: Clocks that it may take; fewer where no stage gets shorter by more.
    """
    best, longest = lowered(None)
    if latency_cycles == 0:
        return best
    low, high = longest / (latency_cycles + 1), longest
    for _ in range(STEPS):
        middle = (low + high) / 2
        circuit, longest = lowered(middle)
        if circuit.latency_cycles <= latency_cycles and longest <= middle:
            best, high = circuit, longest
        else:
            low = middle
    return best
