"""Fair ratios: alternate the contestants, take medians, use one thread."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping


def medians(contestants: Mapping[str, Callable[[], object]], *, rounds: int) -> dict[str, float]:
    """Median CPU seconds of each contestant; one warm-up, then `rounds` turns in alternation.

    CPU time of this process, so that other programs on the machine disturb less.
    """
    for run in contestants.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            started = time.process_time()
            run()
            seconds[name].append(time.process_time() - started)
    return {name: statistics.median(values) for name, values in seconds.items()}
