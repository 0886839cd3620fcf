from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from netwright.backends import rtl
from netwright.backends.rtl.unrolled.layers import lower
from netwright.backends.rtl.unrolled.table_sums import is_sum_of_tables
from netwright.errors import ConfigError
from netwright.formats import Int
from netwright.ir import Graph, Node, TensorType, check
from tests.backends.rtl.graphs import needs_yosys


def graph_of(tables: np.ndarray, *, code_bits: int, ones: np.ndarray | None = None) -> Graph:
    """Tables of codes, and the sum of each of their functions over the features."""
    features, functions, _ = tables.shape
    if ones is None:
        ones = np.tile(np.eye(functions, dtype=np.int64), (features, 1))
    half = 1 << (code_bits - 1)
    grid = {"scale": (1.0,), "rounding": "half-up", "low": -half, "high": half - 1}
    nodes = (
        Node("quantize", "Quantize", ("x",), "q", grid),
        Node("lookup", "Lookup", ("q", "tables"), "entries", {"first": -half}),
        Node("sum", "MatMul", ("entries", "ones"), "sums"),
    )
    types = {
        "x": TensorType((1, features)),
        "q": TensorType((1, features), Int(code_bits)),
        "tables": TensorType(tables.shape, Int(9)),
        "entries": TensorType((1, features * functions), Int(9)),
        "ones": TensorType(ones.shape, Int(3)),
        "sums": TensorType((1, ones.shape[1]), Int(14)),
    }
    constants = {"tables": tables, "ones": ones}
    return check(Graph("net", ("x",), ("sums",), nodes, types, constants))


def positive(code_bits: int, features: int = 4) -> np.ndarray:
    """Tables of entries of 3 bits, of which each occurs."""
    random = np.random.default_rng(1)
    rows = [random.permutation(np.arange(1 << code_bits) % 8) for _ in range(features)]
    return np.array(rows)[:, None, :]


@needs_yosys
def test_chain_takes_a_lut_for_every_bit_of_an_entry(tmp_path: Path) -> None:
    """Four tables of 3 bits: the carry chains take the sum, and the tables are in their LUTs.

    They begin anywhere: only the one that begins the sum holds more than what it has room for.
    """
    tables = np.minimum(positive(5), 6) - np.array([5, 9, 3, 4])[:, None, None]
    graph = graph_of(tables, code_bits=5)
    design = rtl(part="xcup", adders_per_stage=1, table_sums="chain").generate(graph, tmp_path)
    assert any(place.base for place in design.circuit.layers[0].settled)
    assert design.measure().lut.value == 4 * 3
    assert all(proof.holds for proof in design.prove())
    assert {proof.verdict for proof in design.prove_elements()} == {"proven"}


@pytest.mark.parametrize(("part", "sums"), [("xcup", "chain"), ("ecp5-85k", "tree")])
def test_tables_are_summed_as_fits_the_part(tmp_path: Path, part: str, sums: str) -> None:
    graph, made = graph_of(positive(5), code_bits=5), []
    for given in ("auto", sums):
        backend = rtl(part=part, adders_per_stage=1, table_sums=given)
        made.append(backend.generate(graph, tmp_path / given).circuit)
    assert made[0] == made[1]


def test_codes_pass_the_stages_and_not_entries() -> None:
    circuit = lower(graph_of(positive(5, 8), code_bits=5), 1, chain=True)
    registers = {c.output.name for c in circuit.layers[0].cells if c.module == "register"}
    assert (circuit.layers[0].num_adders, circuit.latency_cycles) == (7, 6)
    assert all(name.startswith(("q_", "sum_0_sum")) for name in registers)
    assert any(name.startswith("q_") for name in registers)


def test_the_first_table_is_not_in_the_stage_that_makes_its_code() -> None:
    """Together they were a function of more inputs than the code has bits."""
    plain = graph_of(positive(4, 3), code_bits=4)
    recoded = np.arange(16).reshape(1, 1, 16).repeat(3, axis=0)[:, :, ::-1] - 8
    nodes = (
        plain.nodes[0],
        Node("recode", "Lookup", ("q", "recoded"), "codes", {"first": -8}),
        replace(plain.nodes[1], inputs=("codes", "tables")),
        plain.nodes[2],
    )
    kinds = {"recoded": TensorType(recoded.shape, Int(4)), "codes": plain.types["q"]}
    constants = {**plain.constants, "recoded": recoded}
    graph = replace(plain, nodes=nodes, types={**plain.types, **kinds}, constants=constants)
    circuit = lower(check(graph), 1, chain=True)
    cells = [cell for layer in circuit.layers[1:] for cell in layer.cells]
    registered = {cell.output for cell in cells if cell.module == "register"}
    tables = [cell for cell in cells if cell.module == "lookup"]
    assert len(tables) == 3
    assert all(cell.inputs["x"] in registered for cell in tables)
    assert circuit.latency_cycles == 2


@pytest.mark.parametrize(
    "ones", [np.array([[2], [1]]), np.array([[1, 1], [1, 0]]), np.array([[-1], [1]])]
)
def test_other_products_of_entries_are_no_sums_of_tables(ones: np.ndarray) -> None:
    graph = graph_of(positive(3, 2), code_bits=3, ones=ones)
    assert not is_sum_of_tables(graph, graph.nodes[2])


def test_entries_that_are_wrapped_are_no_sums_of_tables() -> None:
    graph = graph_of(positive(3, 2), code_bits=3)
    assert is_sum_of_tables(graph, graph.nodes[2])
    narrow = {**graph.types, "entries": TensorType((1, 2), Int(3))}
    assert not is_sum_of_tables(replace(graph, types=narrow), graph.nodes[2])


def test_other_ways_to_sum_are_refused() -> None:
    with pytest.raises(ConfigError, match='table_sums must be "tree", "chain" or "auto", not'):
        rtl(table_sums="star")  # type: ignore[arg-type]
