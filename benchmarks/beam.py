"""Machine steps of the beam environment a second, side by side against one by one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.timing import medians
from netwright.tasks.beam import CM1, AffinePlant, Machines, OrbitLoop

SIDE_BY_SIDE, STEPS, ALONE = 4096, 24, 1000
WANTED = 100_000


def run() -> list[dict[str, object]]:
    """One row: steps a second of 4096 machines in one call, beside those of one machine alone."""
    many, one = _work(SIDE_BY_SIDE, STEPS), _work(1, ALONE)
    seconds = medians({"many": many, "one": one}, rounds=5)
    rates = [SIDE_BY_SIDE * STEPS / seconds["many"], ALONE / seconds["one"]]
    return [
        {
            "what": "beam line, steps of decision process and plant a second",
            "ours": f"{rates[0]:,.0f} (4096 machines in a call)",
            "peer": f"{rates[1]:,.0f} (one machine in a call)",
            "ratio": rates[0] / rates[1],
            "wanted": f"ours >= {WANTED:,}",
        }
    ]


def _work(machines: int, steps: int) -> Callable[[], None]:
    loop = OrbitLoop(AffinePlant(Machines.draw(CM1, machines, np.random.default_rng(1))))
    actions = np.random.default_rng(2).uniform(-1, 1, loop.settings.shape)

    def work() -> None:
        for _ in range(steps):
            loop.step(actions)

    return work
