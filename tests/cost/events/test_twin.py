from __future__ import annotations

import numpy as np
import pytest

from netwright import arch
from netwright.cost.events import Program, Table, execute, run
from netwright.mapping import place
from netwright.workload.builder import Builder
from tests.cost.events.programs import PRESETS, random_dram, random_program

pytest.importorskip("simpy")

from tests.cost.events.simpy_twin import Twin


def same(dram, program, done):
    trace, ends = Twin(dram, program).run()
    rows = done.trace[:, [0, 2, 1, 3, 4]]
    return np.array_equal(trace, rows[np.lexsort(rows.T[::-1])]) and ends == done.stage_ends


@pytest.mark.parametrize("seed", range(20))
def test_processes_of_simpy_give_the_same_trace(seed):
    rng = np.random.default_rng(2000 + seed)
    dram = random_dram(rng, PRESETS[seed % 2])
    made = random_program(rng, dram)
    requests = np.where(np.arange(7) == 6, 0, made.requests)
    program = Program(requests, made.stages, made.busy)
    assert same(dram, program, run(Table.of(dram, refresh=False), program))


def test_processes_of_simpy_run_a_network():
    b = Builder("small", bits=16)
    workload = b.finish(b.linear(b.activate(b.linear(b.input((1, 1, 64)), 256), "gelu"), 64))
    machine = arch.find("gddr6-aim")
    done = execute(workload, machine, place(workload, machine), refresh=False, trace=True)
    assert same(machine.memories[0].dram, done.program, done.outcome)
