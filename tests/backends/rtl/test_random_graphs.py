"""Random graphs in both architectures equal the interpreter, whatever the gaps and stalls."""

from pathlib import Path

import numpy as np
import pytest

from netwright.backends.rtl import RtlDesign
from netwright.backends.rtl.streams.stream_design import StreamDesign
from netwright.ir import Graph, interpret
from netwright.verify import corners
from tests.backends.hls.graphs import stimuli
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
