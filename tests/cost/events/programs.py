"""Memories with random timings and programs for them."""

from __future__ import annotations

import numpy as np

from netwright import arch
from netwright.cost.events import Program, Table

PRESETS = ("gddr6-aim", "ddr4-3200")


def dram_of(name):
    return next(memory.dram for memory in arch.find(name).memories if memory.dram is not None)


def with_timings(dram, **cycles):
    """A memory with other timings, in cycles."""
    timings = dict(dram.timings)
    for name, value in cycles.items():
        figure = {"value": float(value), "unit": "cycle", "source": "a test"}
        timings[name] = arch.Figure(**figure)
    return changed(dram, timings=timings)


def changed(dram, **settings):
    return arch.Dram.model_validate({**dict(dram), **settings})


def random_dram(rng, name):
    """Small, with short timings, so that every rule holds something up."""
    dram = dram_of(name)
    times = {timing: rng.integers(0, 12) for timing in dram.timings}
    times |= {"refi": rng.integers(200, 500), "rfc": rng.integers(1, 30)}
    dram = with_timings(dram, **times)
    staggered = dram.protocol == "near_bank" and rng.random() < 0.5
    return changed(
        dram, channels=int(rng.integers(1, 4)), bank_groups=int(rng.integers(1, 3)),
        banks_per_group=int(rng.integers(1, 4)),
        protocol="near_bank_staggered" if staggered else dram.protocol,
    )  # fmt: skip


def random_program(rng, dram, *, most=24):
    """Requests of all kinds over few rows, in some stages, some of which arrive late."""
    table = Table.of(dram)
    names = [number for number, role in enumerate(table.roles) if role >= 3]
    size = int(rng.integers(1, most + 1))
    requests = np.zeros((size, 7), np.int64)
    requests[:, 0] = rng.choice(names, size)
    requests[:, 1] = rng.integers(0, table.channels, size)
    of_bank = np.array(table.levels)[requests[:, 0]] == 2
    requests[:, 2] = rng.integers(0, table.banks, size) * of_bank
    requests[:, 3] = rng.integers(0, 3, size)
    requests[:, 4] = rng.integers(0, 4, size)
    requests[:, 5] = rng.integers(1, 4, size)
    stages = [*sorted(int(end) for end in rng.integers(0, size + 1, 2)), size]
    start = 0
    for end in stages:
        if rng.random() < 0.3:
            requests[start:end, 6] = np.sort(rng.integers(0, 200, end - start))
        start = end
    busy = tuple(int(cycles) for cycles in rng.integers(0, 60, len(stages)))
    return Program(requests, tuple(stages), busy, lookahead=int(rng.integers(1, 9)))


def reads(table, addresses, *, lookahead=1, command="read"):
    """A program of one stage: (channel, bank, row, column, count) each."""
    rows = [[table.number[command], *address, 0] for address in addresses]
    return Program(np.array(rows, np.int64), (len(rows),), lookahead=lookahead)
