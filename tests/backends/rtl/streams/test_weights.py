import numpy as np

from netwright.backends.rtl.loading import other_weights
from netwright.backends.rtl.streams.dataflow import lower_to_streams
from netwright.backends.rtl.streams.network import Network
from netwright.backends.rtl.streams.weights import (
    address_bits,
    data_bits,
    load_words,
    memories,
)
from netwright.ir import Graph, bounds
from tests.backends.rtl.graphs import two_layers


def loadable(graph: Graph) -> Network:
    return lower_to_streams(
        graph, {"matmul_1": 6}, loadable=True, adders_per_stage=None, max_operations=10_000
    )


def test_memories_do_not_overlap() -> None:
    network = loadable(two_layers())
    taken: set[int] = set()
    for memory in memories(network):
        assert memory.base % memory.size == 0
        addresses = set(range(memory.base, memory.base + memory.size))
        assert not taken & addresses
        taken |= addresses
    assert max(taken) < 1 << address_bits(network)
    assert data_bits(network) == 10


def test_every_weight_and_bias_is_written_once() -> None:
    graph = two_layers()
    words = load_words(loadable(graph), graph)
    assert len(np.unique(words[:, 0])) == len(words) == 6 * 5 + 5 + 5 * 3 + 3
    values = np.concatenate([graph.constants[name].ravel() for name in ("c0", "c1", "c2", "c3")])
    assert sorted(words[:, 1].tolist()) == sorted(values.tolist())


def test_fixed_weights_have_no_addresses() -> None:
    graph = two_layers()
    network = lower_to_streams(
        graph, 1, loadable=False, adders_per_stage=None, max_operations=10_000
    )
    assert memories(network) == ()
    assert load_words(network, graph).shape == (0, 2)


def test_other_weights_reach_as_far_as_the_accumulators() -> None:
    graph = two_layers()
    (product, *_) = loadable(graph).products.values()
    graphs = other_weights(graph, count=10, seed=3)
    sums = [bounds(made)[graph.node(product.node).output] for made in graphs]
    low, high = product.accumulator
    assert min(limit.low for limit in sums) == low
    assert max(limit.high for limit in sums) == high
