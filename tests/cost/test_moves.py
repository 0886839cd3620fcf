"""Costs of transfers: for many ways to use arrays the same as for each of them."""

from __future__ import annotations

import numpy as np
import pytest

from netwright import arch, cost
from netwright.cost.mapspace import Mapspace, Problem
from netwright.cost.moves import Moves
from netwright.cost.search import Solver
from netwright.cost.spreads import SpreadTable, spread_tables
from netwright.cost.tables import floors
from netwright.errors import Infeasible
from netwright.mapping import operation
from netwright.workload import cascade
from tests.cost.small import conv, linear, machine


def edp(joules, seconds):
    return joules * seconds


@pytest.mark.parametrize(
    ("op", "chip"),
    [
        (linear(5, 6, 7), machine(fanout=(3, 4)).with_changes("grid", {"ranks": ()})),
        (conv(6, 4, 8), arch.find("eyeriss")),
        (conv(6, 4, 8), arch.find("nvdla")),
        (conv(6, 4, 8), arch.find("scratchpad")),
    ],
)
def test_floors_of_a_table_are_those_of_its_rows(op, chip):
    problem, seen = Problem(op, chip), 0
    for table in spread_tables(op, chip):
        found = floors(Moves(problem, table), table.steps, 1e-9, edp)
        for number in range(0, len(table), 1 + len(table) // 20):
            way = table.row(number)
            one = Solver(Mapspace(op, chip, way), 1e-9, edp)
            assert found[number] == pytest.approx(one.floor(), rel=1e-12)
            assert table.steps[number] == way.num_steps(op)
            assert SpreadTable.of(way, op).steps[0] == table.steps[number]
            seen += 1
        if seen > 100:
            break
    assert seen > 3


def test_rows_of_a_table_are_all_different_and_taken_in_parts():
    op = linear(6, 6, 6)
    free = machine(fanout=(4, 4)).with_changes("grid", {"ranks": ()})
    tables = list(spread_tables(op, free))
    assert len(tables[0]) == 1
    copies = [
        np.stack([table.copies(rank) * np.ones(len(table)) for rank in op.extents], -1)
        for table in tables
    ]
    rows = np.concatenate(copies)
    assert len(np.unique(rows, axis=0)) == len(rows)


def test_the_best_of_a_product_that_memory_limits_is_proven():
    """All copies at work are no faster than some, so that more ways count than are searched."""
    heads = cascade.parse("""
        rank h = 12, p = 96, m = 96, e = 64
        input Q[h, p, e], K[h, m, e]
        S[h, p, m] = add(e: Q[h, p, e] * K[h, m, e])
    """)
    wanted = operation(heads, heads.einsums[0])
    found = cost.search(wanted, arch.find("fusemax"), compute="square_elements")
    assert found.is_optimal
    assert found.num_spreads[0] < 100 < 100_000 < found.num_spreads[1]


def test_a_search_without_room_ends_after_so_many_ways():
    """Words of 64 bits: where nothing fits, one way after the other is tried, but not all."""
    heads = cascade.parse("""
        bits 64
        rank p = 256, m = 1024, e = 64
        input Q[p, e], K[m, e]
        S[p, m] = add(e: Q[p, e] * K[m, e])
    """)
    chip = arch.find("fusemax").with_changes(
        "square_registers", {"capacity": {"value": 8, "unit": "B", "source": "test"}}
    )
    with pytest.raises(Infeasible, match="the smallest tiles of S need"):
        cost.search(
            operation(heads, heads.einsums[0]), chip, compute="square_elements", max_spreads=20
        )
