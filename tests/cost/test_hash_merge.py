"""Merging in a scratchpad: hand-computed times, what must be conserved, and bounds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from netwright import arch
from netwright.cost.hash_merge import (
    MERGE_VERSIONS,
    MergeMachine,
    MergeProgram,
    MergeVersion,
    merge_machine,
    merge_variations,
    simulate_merge,
)
from netwright.errors import ConfigError
from netwright.kernels import SparseRows, multiply_rows_reference
from netwright.kernels.graphs import rmat

ONE = MergeMachine(
    cores=1, threads=1, banks=1, scratchpad_bytes=64, scratchpad_cycles=20, dram_cycles=200,
    dram_bytes=16.0,
)  # fmt: skip


def program_of(left: SparseRows, right: SparseRows) -> MergeProgram:
    return MergeProgram(left.offsets, left.columns, right.offsets, right.columns, right.num_columns)


def test_one_product_takes_what_a_hand_adds_up() -> None:
    single = SparseRows(1, [0, 1], [0], np.ones(1))
    program = program_of(single, single)
    # The counter of rows answers at 10 + 1 + 10; the row takes 8, its 32 bytes 2 + 200, the product
    # 6, a probe 2 + 21, the sum 21. Then 4 slots are scanned in 16 cycles, and memory answers.
    made = simulate_merge(program, ONE, MERGE_VERSIONS["V2"])
    assert made.cycles == 21 + 8 + 202 + 6 + 23 + 21 + 16 + 200
    assert (made.products, made.entries, made.probes, made.windows) == (1, 1, 1, 1)
    assert made.write_back_cycles == 216
    assert made.dram_bytes == 32 + 16
    # Nobody counts rows if each thread has its own.
    assert simulate_merge(program, ONE, MERGE_VERSIONS["V1"]).cycles == made.cycles - 21
    # Nobody waits for the sum, and 16 bytes are copied beside what there is no more.
    assert simulate_merge(program, ONE, MERGE_VERSIONS["V3"]).cycles == 21 + 8 + 202 + 6 + 23 + 201


def test_two_threads_wait_for_one_bank_and_one_core() -> None:
    column = SparseRows(1, [0, 1, 2], [0, 0], np.ones(2))
    single = SparseRows(1, [0, 1], [0], np.ones(1))
    program = program_of(column, single)
    two = replace(ONE, threads=2)
    alone = simulate_merge(program, ONE, MERGE_VERSIONS["V1"])
    both = simulate_merge(program, two, MERGE_VERSIONS["V1"])
    assert alone.products == both.products == 2
    assert alone.cycles - alone.write_back_cycles == 2 * (8 + 202 + 6 + 23 + 21)
    # The second row begins 8 cycles later at the core, and its bytes 8 cycles later, too.
    assert both.cycles - both.write_back_cycles == 8 + 8 + 202 + 6 + 23 + 21


@pytest.mark.parametrize("name", MERGE_VERSIONS)
def test_the_table_ends_with_the_entries_of_the_product(name: str) -> None:
    graph = rmat(6, edge_factor=4)
    program = program_of(graph, graph)
    machine = replace(merge_machine(arch.find("piuma")), scratchpad_bytes=1 << 14)
    made = simulate_merge(program, machine, MERGE_VERSIONS[name])
    expected = multiply_rows_reference(graph, graph)
    assert made.entries == expected.num_entries
    assert made.products == program.products_of_rows().sum()
    assert made.probes >= made.products
    assert made.windows > 1
    assert 0 < made.dram_utilization <= 1
    assert 0 <= made.idle < 1
    instructions = made.products * (machine.product_instructions + machine.probe_instructions)
    assert made.cycles >= instructions / machine.cores
    assert made.cycles >= made.dram_bytes / machine.dram_bytes


def test_neighbors_collide_by_high_bits_and_not_by_low_ones() -> None:
    # Columns 0 to 15 of 1024 share the few slots that their upper bits name.
    row = SparseRows(1024, [0, 16], np.arange(16), np.ones(16))
    single = SparseRows(1, [0, 1], [0], np.ones(1))
    program = program_of(single, row)
    machine = replace(ONE, scratchpad_bytes=64 * 16)
    probes = {
        hashing: simulate_merge(program, machine, MergeVersion(hashing, "static", False)).probes
        for hashing in ("high", "low")
    }
    assert probes == {"high": 16 * 17 // 2, "low": 16}


def test_every_figure_of_the_machine_is_varied_and_matters_as_it_must() -> None:
    graph = rmat(6, edge_factor=4)
    program = program_of(graph, graph)
    machine = merge_machine(arch.find("piuma"))
    assert machine.banks == 32
    assert (machine.scratchpad_cycles, machine.dram_cycles, machine.dram_bytes) == (20, 200, 16.0)
    varied = merge_variations(machine)
    assert len(varied) == 2 * len(MergeMachine.__slots__)
    usual = simulate_merge(program, machine, MERGE_VERSIONS["V2"]).cycles
    slow, fast = (
        simulate_merge(program, varied[f"dram_cycles {by}"], MERGE_VERSIONS["V2"]).cycles
        for by in ("x2", "/2")
    )
    assert fast < usual < slow


def test_machines_without_threads_are_refused() -> None:
    with pytest.raises(ConfigError, match=r'flat.*an array "cores" is needed; an array "threads"'):
        merge_machine(arch.find("flat"))
