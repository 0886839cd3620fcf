from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.backends import rtl
from netwright.backends.rtl.cells.verilog import layer_text
from netwright.backends.rtl.proof.adder_proof import prove
from netwright.backends.rtl.unrolled.layers import lower
from netwright.backends.rtl.unrolled.packed_inputs import Packing, pack
from netwright.formats import Int
from netwright.ir import Graph, Node, TensorType, check
from netwright.verify import bit_exact
from tests.backends.rtl.graphs import needs_verilator

ONE_BIT, TWO_BITS, THREE_BITS = (0, 1), (0, 3), (0, 7)


def computed(packing: Packing, rows: np.ndarray, intervals: list[tuple[int, int]]) -> np.ndarray:
    """What a packing makes of rows: its groups from their entries, then its matrix."""
    made = [rows]
    for group in packing.groups:
        entries = group.entries(intervals)
        widths = [intervals[m][1].bit_length() for m in group.members]
        places = np.cumsum([0, *widths[:-1]])
        codes = sum(rows[:, m] << p for m, p in zip(group.members, places, strict=True))
        made.append(np.array([[entries[int(code)]] for code in codes]))
    return np.concatenate(made, axis=1) @ packing.matrix + packing.constants


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([4, 6]))
def test_groups_and_what_is_left_make_the_same_sums(seed: int, table_inputs: int) -> None:
    generator = np.random.default_rng(seed)
    ends = generator.choice([1, 3, 7], size=9)
    intervals = [(0, int(end)) for end in ends]
    matrix = generator.integers(-9, 10, size=(9, 4))
    packing = pack(matrix, intervals, table_inputs)
    if packing is None:
        assert (ends < 7).sum() < 2 or not np.any(matrix[ends < 7])
        return
    rows = generator.integers(0, ends + 1, size=(200, 9))
    assert np.array_equal(computed(packing, rows, intervals), rows @ matrix)
    for group in packing.groups:
        assert sum(intervals[m][1].bit_length() for m in group.members) <= table_inputs
        assert min(group.entries(intervals).values()) == 0
        assert max(group.entries(intervals).values()) == group.largest


def test_equal_groups_are_made_once() -> None:
    column = np.array([1, 2, 3, 4, 5, 6])
    packing = pack(np.stack([column, -2 * column, column], axis=1), [ONE_BIT] * 6, 6)
    assert packing is not None
    assert len(packing.groups) == 1
    assert packing.matrix[6].tolist() == [1, -2, 1]


def test_wide_inputs_are_left_alone() -> None:
    assert pack(np.ones((4, 2), dtype=np.int64), [THREE_BITS] * 4, 6) is None
    assert pack(np.ones((1, 2), dtype=np.int64), [TWO_BITS], 6) is None


def sum_of_bits(*, inputs: int, sums: int) -> Graph:
    weights = np.random.default_rng(4).integers(-7, 8, size=(inputs, sums))
    grid = {"scale": (1.0,), "rounding": "half-up", "low": 0, "high": 1}
    nodes = (
        Node("quantize", "Quantize", ("x",), "q", grid),
        Node("sum", "MatMul", ("q", "w"), "y"),
    )
    types = {
        "x": TensorType((1, inputs)),
        "q": TensorType((1, inputs), Int(1, signed=False)),
        "w": TensorType(weights.shape, Int(4)),
        "y": TensorType((1, sums), Int(8)),
    }
    return check(Graph("bits", ("x",), ("y",), nodes, types, {"w": weights}))


def test_products_of_packed_inputs_are_proven_and_a_wrong_entry_is_found() -> None:
    (layer,) = lower(sum_of_bits(inputs=12, sums=3), None, table_inputs=6).layers
    assert any(cell.module == "lookup" for cell in layer.cells)
    text = layer_text(layer)
    assert prove(layer, text).products == 3
    assert prove(layer, text).holds
    digits = text.split("'h", 1)[1].split(")", 1)[0]
    for bit in (0, 4 * len(digits) - 5):
        wrong = f"{int(digits, 16) ^ 1 << bit:x}"
        proof = prove(layer, text.replace(f"'h{digits}", f"'h{wrong}", 1))
        assert not proof.holds
        assert proof.counter_examples


def test_adders_alone_where_they_are_asked_for() -> None:
    (layer,) = lower(sum_of_bits(inputs=12, sums=3), None).layers
    assert all(cell.module != "lookup" for cell in layer.cells)


@needs_verilator
@pytest.mark.tool("g++")
def test_verilog_of_packed_inputs_equals_the_graph_on_every_row(tmp_path: Path) -> None:
    graph = sum_of_bits(inputs=8, sums=3)
    rows = (np.arange(256)[:, None] >> np.arange(8) & 1).astype(np.float64)
    design = rtl(part="xcup", adders_per_stage=1).generate(graph, tmp_path / "out")
    assert "lookup" in {cell.module for cell in design.circuit.layers[0].cells}
    result = bit_exact(graph, design, rows)
    assert (result.identical, result.rows) == (256, 256)
