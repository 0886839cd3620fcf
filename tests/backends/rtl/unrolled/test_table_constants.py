from dataclasses import replace

import numpy as np
import pytest

from netwright.backends.rtl.cells.circuit import Circuit
from netwright.backends.rtl.unrolled.layers import lower
from netwright.backends.rtl.unrolled.table_constants import chain_bases, table_lifts
from netwright.ir import Graph
from tests.backends.rtl.cells.test_tables import sums_of_tables

CODES = [(-4, 3)] * 3


def adders_of_constants(circuit: Circuit) -> int:
    cells = [cell for layer in circuit.layers for cell in layer.cells]
    return sum(
        cell.parameters["Y_BITS"] - cell.parameters["SHIFT"] - cell.parameters["SKIP"] > 1
        for cell in cells
        if cell.module == "offset_adder"
    )


def graph_of(tables: np.ndarray) -> Graph:
    return sums_of_tables(tables, signed=True)


def lifts_of(graph: Graph) -> np.ndarray:
    return table_lifts(graph.nodes[1], graph, CODES)


def test_a_sum_of_tables_needs_no_adder_for_its_constant() -> None:
    tables = np.random.default_rng(3).integers(-20, 20, (3, 3, 8))
    graph = graph_of(tables)
    assert adders_of_constants(lower(graph, None)) == 0
    lifts = lifts_of(graph)
    ranges = np.ptp(tables, axis=2)
    assert lifts.any()
    assert np.all(lifts >= 0)
    widest = [(1 << int(r).bit_length()) - 1 for r in ranges.flat]
    assert np.all((ranges + lifts).reshape(-1) <= widest)  # no table has a bit more
    rounding = 1
    wholes = tables.min(axis=2).sum(axis=0) + rounding - lifts.sum(axis=0)
    assert all(whole == 0 or (whole < 0 and (-whole & (-whole - 1)) == 0) for whole in wholes)


def test_tables_without_room_keep_an_adder() -> None:
    full = np.tile(np.array([0, 1, 2, 3, 4, 5, 6, 7]), (3, 3, 1)) - 3
    graph = graph_of(full)
    assert not lifts_of(graph).any()
    assert adders_of_constants(lower(graph, None)) == 3


def test_a_table_keeps_its_low_bits_of_zero() -> None:
    tables = np.random.default_rng(5).integers(-5, 5, (3, 3, 8)) * 4
    assert np.all(lifts_of(graph_of(tables)) % 4 == 0)


@pytest.mark.parametrize("weight", [2, -1])
def test_only_plain_sums_lift_their_tables(weight: int) -> None:
    graph = graph_of(np.random.default_rng(3).integers(-20, 20, (3, 3, 8)))
    ones = graph.constants["ones"] * weight
    other = replace(graph, constants={**graph.constants, "ones": ones})
    assert not lifts_of(other).any()


@pytest.mark.parametrize("room", [0, 8])
def test_tables_of_a_chain_take_in_all_constants(room: int) -> None:
    """Their bits stay those of the ranges, in the first table above constant bits."""
    random = np.random.default_rng(room)
    tables = random.integers(0, 32 - room, (4, 32)) - random.integers(0, 90, (4, 1))
    tables[:, :2] = np.array([0, 31 - room]) + tables.min(axis=1, keepdims=True)
    constant = 77
    bases = np.array(chain_bases(tables.tolist(), 1, constant))
    made = tables - bases[:, None]
    assert bases.sum() == -constant
    assert (made[[0, 2, 3]] >= 0).all()
    assert (made[[0, 2, 3]] < 32).all()
    assert len(set(made[1] >> 5)) == (1 if room else 2)  # without room it holds the rest, too
