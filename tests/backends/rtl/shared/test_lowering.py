import numpy as np
import pytest

from netwright.backends.rtl.shared.plan import planned
from netwright.backends.rtl.shared_options import SharedOptions
from netwright.ir import Graph
from tests.backends.hls.graphs import stimuli
from tests.backends.rtl.shared.graphs import every_kind, expected, model, random_graph, tiny

SIZES = ((8, 2, 2), (1, 1, 1), (3, 2, 1), (4, 1, 3), (5, 3, 4))


def assert_same(graph: Graph, size: tuple[int, int, int], rows: int = 4) -> None:
    """What a plan says is what the graph means."""
    plan = planned(graph, SharedOptions(*size))
    codes, results = expected(graph, stimuli(graph, rows))
    for row in range(rows):
        found = model(plan, graph, {name: value[row] for name, value in codes.items()})
        for name, value in results.items():
            assert np.array_equal(found[name], value[row]), (graph.name, size, name, row)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("graph", [tiny(), every_kind()], ids=lambda graph: graph.name)
def test_plans_mean_what_the_graph_means(graph: Graph, size: tuple[int, int, int]) -> None:
    assert_same(graph, size)


@pytest.mark.parametrize("seed", range(12))
def test_random_graphs(seed: int) -> None:
    random = np.random.default_rng(seed)
    size = tuple(int(value) for value in random.integers(1, 6, 3))
    assert_same(random_graph(seed), (size[0], size[1], size[2]), rows=3)
