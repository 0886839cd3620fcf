from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from netwright import arch
from netwright.cost.events import Table, execute, run
from netwright.cost.events.alike import alike, run_alike
from netwright.mapping import Banks, place
from netwright.workload.networks import decoder
from tests.cost.events.programs import PRESETS, random_dram, random_program


def repeated(program, channels, copies):
    """The same requests for some channels more, in other orders."""
    parts, ends, start = [], [], 0
    for end in program.stages:
        own = program.requests[start:end]
        for copy in range(copies):
            shifted = own.copy()
            shifted[:, 1] += copy * channels
            parts.append(shifted)
        ends.append((ends[-1] if ends else 0) + copies * len(own))
        start = end
    return replace(program, requests=np.concatenate(parts), stages=tuple(ends))


@pytest.mark.parametrize("seed", range(20))
def test_channels_that_are_asked_for_the_same_are_run_once(seed):
    rng = np.random.default_rng(seed)
    dram = random_dram(rng, PRESETS[seed % 2])
    table = Table.of(dram)
    program = repeated(random_program(rng, dram), table.channels, 3)
    wide = replace(table, channels=3 * table.channels)
    found = run_alike(wide, program)
    assert found.same_as(run(wide, program, trace=False))
    assert len(alike(program, wide).channels) <= table.channels


def test_token_of_a_decoder_is_the_same_from_few_channels():
    machine = arch.find("gddr6-aim")
    workload = decoder("gpt2_small", tokens=70)
    part = replace(workload, einsums=workload.einsums[:40], outputs=())
    mapping = place(part, machine, Banks(tokens=100))
    fewer = execute(part, machine, mapping)
    every = execute(part, machine, mapping, trace=True)
    assert 1 < len(alike(fewer.program, fewer.table).channels) < 8
    assert fewer.outcome.same_as(replace(every.outcome, trace=None))
    assert fewer.counts == every.counts
