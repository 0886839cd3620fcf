from __future__ import annotations

import numpy as np
import pytest

from netwright import backends
from netwright.backends.cpu import CpuBackend, cpu
from netwright.errors import GraphError, RunError
from netwright.flows.conversion import Source, compare_candidates, make_certificate
from netwright.ir import Graph, Node, TensorType
from netwright.registry import resolve
from netwright.report import FirstStage, certificate_table
from netwright.testing import BackendSuite
from netwright.verify import Stimulus, agree
from tests.backends.cpu.transformers import block, rows_of


class TestCpu(BackendSuite):
    backends = (cpu(), cpu(threads=2, isa="numpy"))
    takes_real = True


def test_the_name_stands_for_it() -> None:
    assert resolve("backends", "cpu") is backends.cpu
    assert backends.cpu(threads=3) == CpuBackend(threads=3)


@pytest.mark.parametrize("causal", [0, 1])
def test_a_transformer_block_agrees_within_its_tolerance(tmp_path, causal) -> None:
    graph = block(causal=causal)
    design = cpu().generate(graph, tmp_path / "d")
    found = agree(graph, design, rows_of(graph, 20)).require()
    assert found.real_nodes == len(graph.nodes)
    assert found.worst > 0.001  # it is another arithmetic, and the comparison sees it
    assert backends.open_design(tmp_path / "d").graph == graph


def test_a_mixed_graph_has_equal_codes_in_its_regions_of_codes(tmp_path) -> None:
    graph = block(codes=True)
    assert graph.is_mixed
    design = cpu().generate(graph, tmp_path / "d")
    found = agree(graph, design, rows_of(graph, 20)).require()
    assert found.exact_nodes == sum(graph.types[n.output].is_integer for n in graph.nodes) > 0
    assert found.real_nodes + found.exact_nodes == len(graph.nodes)
    assert "int8" in design.kernels.values()


def test_hardware_refuses_real_regions_by_name(tmp_path) -> None:
    for backend in (backends.hls(), backends.rtl()):
        with pytest.raises(GraphError, match=r'"embed" .Gather. makes real values'):
            backend.generate(block(codes=True), tmp_path / "d")
        assert not (tmp_path / "d").exists()


def test_a_graph_that_breaks_a_rule_leaves_nothing(tmp_path) -> None:
    graph = Graph("g", ("x",), ("y",), (Node("n", "Relu", ("z",), "y"),), {}, {})
    with pytest.raises(GraphError):
        cpu().generate(graph, tmp_path / "d")
    assert not (tmp_path / "d").exists()


def test_designs_of_other_kinds_are_not_replaced(tmp_path) -> None:
    types = {"x": TensorType((1, 2)), "y": TensorType((1, 2))}
    graph = Graph("g", ("x",), ("y",), (Node("n", "Relu", ("x",), "y"),), types, {})
    cpu().generate(graph, tmp_path / "d")
    with pytest.raises(RunError, match='holds a design of kind "cpu", not "hls"'):
        backends.hls().open(tmp_path / "d")
    design = cpu(threads=2).generate(graph, tmp_path / "d")
    assert design.run(np.ones((1, 2)))["y"].tolist() == [[1.0, 1.0]]


def test_the_certificate_says_what_was_equal_and_what_within_tolerance(tmp_path) -> None:
    graph = block(codes=True)
    design = cpu().generate(graph, tmp_path / "d")
    (row,) = compare_candidates(
        graph, {design.executed_as: design}, [Stimulus("mine", rows_of(graph, 5))]
    )
    assert (row.holds, row.num_within, row.num_identical) == (True, 5, 0)
    assert "12 operators on codes equal; 32 real operators within their tolerance" in row.compared
    source = Source(graph, FirstStage(file="f", sha256="0", missing="no file"))
    told = make_certificate(source, [row]).verdict
    assert "CPU engine within tolerance of graph on 5 of 5 rows: 12 operators on codes" in told
    assert "CPU engine = " not in told
    assert "= CPU engine" not in told
    assert "within the stated tolerance" in certificate_table([row])


def test_a_certificate_of_another_graph_fails(tmp_path) -> None:
    graph = block(codes=True)
    design = cpu().generate(graph, tmp_path / "d")
    (row,) = compare_candidates(
        graph.with_constant("norm1_gain", graph.constants["norm1_gain"] + 1e-4),
        {design.executed_as: design}, [Stimulus("mine", rows_of(graph, 5))],
    )  # fmt: skip
    assert not row.holds
    assert '"norm1" (LayerNormalization)' in str(row.difference)
