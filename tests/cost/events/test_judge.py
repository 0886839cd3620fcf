from __future__ import annotations

import numpy as np
import pytest

from netwright.cost.events import Table, run, violations
from tests.cost.events.programs import PRESETS, dram_of, random_dram, random_program, reads


def test_no_random_trace_breaks_a_rule():
    for seed in range(40):
        rng = np.random.default_rng(1000 + seed)
        dram = random_dram(rng, PRESETS[seed % 2])
        done = run(Table.of(dram), random_program(rng, dram))
        assert violations(done.trace, done.names, dram) == ()


def test_every_command_that_comes_earlier_breaks_a_rule():
    """Where a command waited for nothing but rules, a cycle less is a violation."""
    dram = dram_of("ddr4-3200")
    table = Table.of(dram, refresh=False)
    program = reads(table, [(0, 0, 1, 0, 3), (0, 1, 2, 0, 2), (0, 4, 3, 0, 2), (0, 0, 5, 0, 1)])
    done = run(table, program)
    assert violations(done.trace, done.names, dram) == ()
    for line in range(1, len(done.trace)):
        planted = done.trace.copy()
        planted[line:, 0] -= 1
        assert violations(planted, done.names, dram), done.trace[line]


@pytest.mark.parametrize(
    ("line", "column", "value", "message"),
    [
        (1, 0, 21, "line 1, cycle 21: read in channel 0, bank 3 comes 21 cycles after activate; "
         "rcd_read is 22"),
        (1, 4, 8, "line 1, cycle 22: read needs row 8 of bank 3, and row 7 is open"),
        (1, 3, 2, "line 1, cycle 22: read needs row 7 of bank 2, and no row is open"),
        (1, 1, 0, "line 1, cycle 22: activate, and row 7 of bank 3 is open"),
        (2, 0, 22, "line 2, cycle 22: channel 0 has two commands in this cycle"),
        (1, 2, 1, "line 1, cycle 22: read in channel 1, bank 3, which there is not"),
        (1, 1, 99, "line 1, cycle 22: there is no command 99"),
        (2, 0, 5, "line 2, cycle 5: read comes after cycle 22"),
    ],
)  # fmt: skip
def test_planted_violations_are_found(line, column, value, message):
    dram = dram_of("ddr4-3200")
    table = Table.of(dram, refresh=False)
    done = run(table, reads(table, [(0, 3, 7, 0, 2)]))
    planted = done.trace.copy()
    planted[line, column] = value
    assert message in violations(planted, done.names, dram)


def test_fifth_row_within_the_window_is_found():
    dram = dram_of("ddr4-3200")
    names = tuple(dram.commands)
    trace = [[8 * n, 0, 0, n * 4 % 15, 1, -1, -1] for n in range(5)]
    assert violations(trace, names, dram) == (
        "line 4, cycle 32: activate in channel 0, bank 1 comes 32 cycles after the last but 3 of "
        "activate; faw is 34",
    )


def test_late_and_early_refreshes_are_found():
    dram = dram_of("ddr4-3200")
    names = tuple(dram.commands)
    refresh = names.index("refresh")
    early, late = ([[cycle, refresh, 0, 0, -1, -1, -1]] for cycle in (12479, 3 * 12480 + 1))
    assert violations([[12480, refresh, 0, 0, -1, -1, -1]], names, dram) == ()
    for trace in (early, late):
        assert "refresh 1 of channel 0 is due at 12480" in violations(trace, names, dram)[0]
