from __future__ import annotations

import numpy as np
import pytest

from netwright.cost.events import Program, Table, run, step
from netwright.errors import ConfigError
from netwright.kernels import isa
from tests.cost.events.programs import (
    PRESETS,
    dram_of,
    random_dram,
    random_program,
    reads,
    with_timings,
)

COMPILED = hasattr(isa.native, "EventRun")
ENGINES = (False, True) if COMPILED else (False,)


def same_on(seed):
    """Whether all engines do the same, command by command, on a random program."""
    rng = np.random.default_rng(seed)
    dram = random_dram(rng, PRESETS[seed % len(PRESETS)])
    refresh = bool(rng.random() < 0.7)
    program = random_program(rng, dram)
    wanted = step(dram, program, refresh=refresh)
    assert wanted.trace is not None
    assert len(wanted.trace) >= program.num_commands
    table = Table.of(dram, refresh=refresh)
    return all(run(table, program, compiled=kind).same_as(wanted) for kind in ENGINES)


def test_engines_equal_stepping_on_random_programs():
    assert all(same_on(seed) for seed in range(50))


@pytest.mark.slow
def test_engines_equal_stepping_on_many_random_programs():
    assert all(same_on(seed) for seed in range(50, 1550))


@pytest.mark.parametrize("compiled", ENGINES)
def test_single_read_takes_what_its_rules_say(compiled):
    dram = dram_of("ddr4-3200")
    table = Table.of(dram, refresh=False)
    done = run(table, reads(table, [(0, 3, 7, 0, 1)]), compiled=compiled)
    assert done.trace[:, :2].tolist() == [[0, table.number["activate"]],
                                          [22, table.number["read"]]]  # fmt: skip
    assert done.cycles == 22 + 22 + 4  # tRCD, CL and the burst


@pytest.mark.parametrize("compiled", ENGINES)
def test_row_hits_follow_at_the_distance_of_columns(compiled):
    table = Table.of(dram_of("ddr4-3200"), refresh=False)
    done = run(table, reads(table, [(0, 0, 1, 0, 5)]), compiled=compiled)
    assert np.diff(done.trace[1:, 0]).tolist() == [8, 8, 8, 8]  # tCCD_L


@pytest.mark.parametrize("compiled", ENGINES)
def test_fifth_activate_waits_for_the_window_of_four(compiled):
    table = Table.of(with_timings(dram_of("ddr4-3200"), faw=40), refresh=False)
    program = reads(table, [(0, 4 * b % 16, 1, 0, 1) for b in range(4)] + [(0, 1, 1, 0, 1)],
                    lookahead=8)  # fmt: skip
    done = run(table, program, compiled=compiled)
    opened = done.trace[done.trace[:, 1] == table.number["activate"], 0]
    assert opened.tolist() == [0, 4, 8, 12, 40]


@pytest.mark.parametrize("compiled", ENGINES)
def test_hits_go_before_older_conflicts_within_the_lookahead(compiled):
    table = Table.of(dram_of("ddr4-3200"), refresh=False)
    addresses = [(0, 0, 1, 0, 1), (0, 0, 2, 0, 1), (0, 0, 1, 1, 1)]
    for lookahead, opened in ((1, 3), (3, 2)):
        program = reads(table, addresses, lookahead=lookahead)
        done = run(table, program, compiled=compiled)
        assert done.issued("activate") == opened


@pytest.mark.parametrize("compiled", ENGINES)
def test_refreshes_that_leave_no_time_are_refused(compiled):
    table = Table.of(with_timings(dram_of("ddr4-3200"), refi=20, rfc=30))
    with pytest.raises(ConfigError) as caught:
        run(table, reads(table, [(0, 0, 1, 0, 1)]), compiled=compiled)
    assert caught.value.message == "refreshes every 20 cycles leave no time for requests"


@pytest.mark.parametrize("compiled", ENGINES)
def test_progress_is_told_and_no_trace_is_kept(compiled, monkeypatch):
    monkeypatch.setattr("netwright.cost.events.queue.BATCH", 10)
    table, told = Table.of(dram_of("ddr4-3200")), []
    program = reads(table, [(0, 0, 1, 0, 64)])
    done = run(table, program, trace=False, compiled=compiled,
               progress=lambda *now: told.append(now))  # fmt: skip
    assert done.trace is None
    assert done.issued("read") == 64
    assert [now[:2] for now in told] == [(10 * n, 64) for n in range(1, 7)]


def test_empty_program_takes_no_time():
    table = Table.of(dram_of("ddr4-3200"))
    nothing = Program(np.zeros((0, 7), np.int64), ())
    for compiled in ENGINES:
        assert run(table, nothing, compiled=compiled).cycles == 0


@pytest.mark.skipif(not COMPILED, reason="no compiled kernels")
def test_compiled_engine_refuses_what_is_out_of_range():
    requests, distances = np.zeros((1, 7), np.int64), np.zeros((3, 1, 1), np.int64)
    requests[0, 5] = 1
    arguments = [[0], [4], [-1], [-1], [1], distances, [], [1, 1, 1, -1, 0], requests, [1], [0], 1,
                 True]  # fmt: skip
    isa.native.EventRun(*arguments).advance(1)
    for place, value in ((0, [3]), (1, [3]), (7, [1, 1, 1, 0, 0]), (7, [1, 1, 0, -1, 0]),
                         (8, np.ones_like(requests)), (9, [2]), (10, [-1]), (11, 0)):  # fmt: skip
        wrong = list(arguments)
        wrong[place] = value
        with pytest.raises(ValueError, match=r"must|out of range|wrong|too many"):
            isa.native.EventRun(*wrong)
