"""Random graphs in both architectures equal the interpreter, whatever the gaps and stalls."""

from pathlib import Path

import numpy as np
import pytest

from netwright.backends.rtl import RtlDesign, rtl
from netwright.backends.rtl.streams.stream_design import StreamDesign
from netwright.ir import Graph, interpret
from netwright.verify import corners
from tests.backends.hls.graphs import branches, stimuli
from tests.backends.rtl.graphs import needs_verilator
from tests.backends.rtl.random_graphs import random_backend, random_graph

pytestmark = [pytest.mark.tool("g++"), needs_verilator]


def assert_equal(design: RtlDesign, graph: Graph, inputs: dict[str, np.ndarray]) -> None:
    found, expected = design.run(inputs), interpret(graph, inputs)
    for name, codes in expected.items():
        differing = np.argwhere(found[name] != codes)
        assert len(differing) == 0, f"{name}{differing[0].tolist()} ({len(differing)} differ)"


def check(seed: int, folder: Path) -> None:
    graph = random_graph(seed)
    rows = stimuli(graph, 60, seed)
    for streams in (False, True):
        backend = random_backend(graph, seed, streams=streams)
        design = backend.generate(graph, folder / str(streams))
        assert_equal(design, graph, rows)
        assert_equal(design, graph, corners(graph).inputs)
        if isinstance(design, StreamDesign):
            assert_equal(design.with_stalls(seed=seed), graph, rows)
            assert_equal(design.with_stalls(seed=seed, gaps=0.0, stalls=0.8), graph, rows)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_few_random_graphs(tmp_path: Path, seed: int) -> None:
    check(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3, 63))
def test_many_random_graphs(tmp_path: Path, seed: int) -> None:
    check(seed, tmp_path)


@pytest.mark.parametrize("rank", [1, 2])
def test_branches_that_go_down_and_up_again(tmp_path: Path, rank: int) -> None:
    graph = branches(rank)
    rows = stimuli(graph, 40)
    design = rtl(reuse_factor=1, adders_per_stage=4).generate(graph, tmp_path)
    assert isinstance(design, StreamDesign)
    assert_equal(design, graph, rows)
    assert_equal(design.with_stalls(seed=3), graph, rows)
    assert all(proof.holds for proof in design.prove())
