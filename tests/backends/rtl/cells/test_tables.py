from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.backends import rtl
from netwright.backends.rtl.cells.builder import TableSums
from netwright.backends.rtl.cells.tables import packed
from netwright.formats import Int
from netwright.ir import Graph, Node, TensorType, check
from netwright.verify import bit_exact
from tests.backends.rtl.graphs import needs_verilator, needs_yosys


def sums_of_tables(tables: np.ndarray, *, signed: bool) -> Graph:
    """Tables of 3-bit codes, their sums, limited to 4 bits."""
    features, functions, entries = tables.shape
    first = -(entries // 2) if signed else 0
    ones = np.tile(np.eye(functions, dtype=np.int64), (features, 1))
    grid = {"scale": (1.0,), "rounding": "half-up", "low": first, "high": first + entries - 1}
    limits = {"multiplier": (1,), "offset": (0,), "shift": 1, "rounding": "half-up"}
    nodes = (
        Node("quantize", "Quantize", ("x",), "q", grid),
        Node("lookup", "Lookup", ("q", "tables"), "entries", {"first": first}),
        Node("sum", "MatMul", ("entries", "ones"), "sums"),
        Node("limit", "Requantize", ("sums",), "y", {**limits, "low": -8, "high": 7}),
    )
    types = {
        "x": TensorType((1, features)),
        "q": TensorType((1, features), Int(3, signed)),
        "tables": TensorType(tables.shape, Int(8)),
        "entries": TensorType((1, features * functions), Int(8)),
        "ones": TensorType(ones.shape, Int(1, signed=False)),
        "sums": TensorType((1, functions), Int(12)),
        "y": TensorType((1, functions), Int(4)),
    }
    return check(Graph("net", ("x",), ("y",), nodes, types, {"tables": tables, "ones": ones}))


def tables_with_every_special_case() -> np.ndarray:
    tables = np.random.default_rng(3).integers(-20, 20, (3, 3, 8))
    tables[0, 0] = 5  # constant
    tables[1, 1] *= 4  # low bits that are zero
    tables[2, 2] = 0
    return tables


@needs_verilator
@pytest.mark.tool("g++")
@pytest.mark.parametrize(
    ("signed", "adders_per_stage", "table_sums"),
    [(True, None, "tree"), (False, 1, "tree"), (False, None, "chain"), (True, 1, "chain")],
)
def test_verilog_equals_the_graph_on_every_code(
    tmp_path: Path, signed: bool, adders_per_stage: int | None, table_sums: TableSums
) -> None:
    graph = sums_of_tables(tables_with_every_special_case(), signed=signed)
    codes = np.stack(np.meshgrid(*[np.arange(8)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    rows = (codes - (4 if signed else 0)).astype(np.float64)
    backend = rtl(adders_per_stage=adders_per_stage, table_sums=table_sums)
    design = backend.generate(graph, tmp_path / "out")
    result = bit_exact(graph, design, rows)
    assert (result.identical, result.rows) == (512, 512)


@needs_yosys
def test_tables_are_proven_and_a_wrong_entry_is_found(tmp_path: Path) -> None:
    graph = sums_of_tables(tables_with_every_special_case(), signed=True)
    design = rtl().generate(graph, tmp_path / "out")
    assert all(proof.holds for proof in design.prove())
    assert {proof.verdict for proof in design.prove_elements()} == {"proven"}
    path = design.root / "net_lookup.v"
    lines = path.read_text().splitlines()
    place = next(i for i, line in enumerate(lines) if ".TABLE(" in line)
    digits = lines[place].split("'h", 1)[1].split(")", 1)[0]
    wrong = f"{int(digits, 16) ^ 1:x}"
    lines[place] = lines[place].replace(f"'h{digits}", f"'h{wrong}")
    path.write_text("\n".join(lines) + "\n")
    refuted = [proof for proof in design.prove_elements() if proof.verdict == "refuted"]
    assert [proof.node for proof in refuted] == ["lookup"]
    assert refuted[0].counter_example is not None


@given(st.dictionaries(st.integers(-4, 3), st.integers(0, 15), min_size=1))
def test_packed_entry_lies_where_its_code_points(entries: dict[int, int]) -> None:
    number = packed(entries, 3, 4)
    assert {code: number >> (code % 8 * 4) & 15 for code in entries} == entries
