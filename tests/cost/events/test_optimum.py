"""The engine beside the best order that a solver finds, on programs of few commands."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.cost.events import Table, run
from tests.cost.events.programs import dram_of, random_dram, random_program, reads, with_timings

cp_model = pytest.importorskip("ortools.sat.python.cp_model")


def best(table, done, *, fixed_order, seconds=10.0):
    """The earliest last command of a trace's commands under all rules, and whether that is proven.

    Commands of a bank keep their order, which decides which row is open. Others may change places,
    unless the order of a channel is fixed.
    """
    model = cp_model.CpModel()
    most = int(done.trace[-1, 0])
    commands = done.trace[:, 1:4].tolist()
    times = [model.new_int_var(0, most, f"t{n}") for n in range(len(commands))]
    windows = [level == 0 and size for level, _, size, _, _ in table.windows]
    assert all(windows), "windows of channels alone are told to the solver"
    for later, (second, channel, bank) in enumerate(commands):
        for earlier in range(later):
            first, other, own = commands[earlier]
            if other != channel:
                continue
            ordered = fixed_order or own == bank or 0 in (table.levels[first], table.levels[second])
            forward = distance(table, first, own, second, bank)
            backward = distance(table, second, bank, first, own)
            if ordered:
                model.add(times[later] >= times[earlier] + max(forward, 1))
                continue
            before = model.new_bool_var(f"b{earlier},{later}")
            model.add(times[later] >= times[earlier] + max(forward, 1)).only_enforce_if(before)
            model.add(times[earlier] >= times[later] + max(backward, 1)).only_enforce_if(~before)
    for _, cycles, size, counted, _ in table.windows:
        for channel in range(table.channels):
            own = [
                n for n, (c, other, _) in enumerate(commands) if c in counted and other == channel
            ]
            # Of any size + 1 of them the last comes so long after the first: the span of the set.
            for start in range(len(own) - size if fixed_order else 0):
                model.add(times[own[start + size]] >= times[own[start]] + cycles)
    last = model.new_int_var(0, most, "last")
    model.add_max_equality(last, times)
    model.minimize(last)
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.num_workers = 1
    status = solver.solve(model)
    assert status in (cp_model.OPTIMAL, cp_model.FEASIBLE)
    return int(solver.objective_value), status == cp_model.OPTIMAL


def distance(table, first, own, second, bank):
    """Cycles that one command of a channel must lie behind another."""
    width = table.banks_per_group
    shared = 2 if own == bank else 1 if own // width == bank // width else 0
    shared = max(shared, 2) if 0 in (table.levels[first], table.levels[second]) else shared
    return max(int(cycles) for cycles in table.distances[: shared + 1, first, second])


@pytest.mark.parametrize("seed", range(8))
def test_order_of_the_engine_is_issued_as_early_as_possible(seed):
    rng = np.random.default_rng(seed)
    dram = with_timings(random_dram(rng, ("ddr4-3200", "gddr6-aim")[seed % 2]), faw=0)
    program = random_program(rng, dram, most=10)
    program = type(program)(
        np.where(np.arange(7) == 6, 0, program.requests), (len(program.requests),)
    )
    table = Table.of(dram, refresh=False)
    done = run(table, program)
    assert 1 <= len(done.trace) <= 80
    value, proven = best(table, done, fixed_order=True)
    assert proven
    assert value == done.trace[-1, 0]


def test_window_of_four_is_kept_in_the_best_schedule_too():
    dram = with_timings(dram_of("ddr4-3200"), faw=60)
    table = Table.of(dram, refresh=False)
    done = run(table, reads(table, [(0, bank, 1, 0, 1) for bank in range(8)]))
    value, proven = best(table, done, fixed_order=True)
    assert (value, proven) == (done.trace[-1, 0], True)


@pytest.mark.parametrize("seed", range(4))
def test_free_order_gains_less_than_a_fifth(seed):
    """With a lookahead the engine is near the best of all orders, which no controller knows."""
    rng = np.random.default_rng(seed)
    table = Table.of(with_timings(dram_of("ddr4-3200"), faw=0), refresh=False)
    addresses = [(0, int(rng.integers(16)), 1, n, 1) for n in range(8)]
    done = run(table, reads(table, addresses, lookahead=8))
    assert len(done.trace) <= 40
    value, _ = best(table, done, fixed_order=False)
    assert value <= done.trace[-1, 0] <= 1.2 * value
