import numpy as np

from netwright.backends.rtl.shared.orders import channels_last, chosen, fixed, moved, row_major
from tests.backends.hls.graphs import Build


def test_a_convolution_stores_channels_side_by_side() -> None:
    build = Build()
    source = build.quantize((2, 4))
    conv = build.conv(source, 3, (2,))
    graph = build.graph(build.dense(build.flatten(conv), 2))
    order = fixed(conv, graph)
    assert order is not None
    assert order.tolist() == [0, 3, 6, 1, 4, 7, 2, 5, 8]
    assert chosen(source, graph).tolist() == channels_last((2, 4)).tolist()


def test_a_dense_layer_makes_the_order_that_is_read() -> None:
    """Through a reshape, and through a transposition as well."""
    for transposes in (False, True):
        build = Build()
        dense = build.dense(build.quantize((3,)), 6)
        moves = build.add("Reshape", (dense,), {"shape": (1, 3, 2) if transposes else (1, 2, 3)})
        if transposes:
            moves = build.add("Transpose", (moves,), {"order": (0, 2, 1)})
        graph = build.graph(build.conv(moves, 2, (2,)))
        assert fixed(dense, graph) is None
        order = chosen(dense, graph)
        for node in graph.nodes[2:-1]:
            order = moved(node, graph, order)
        assert order.tolist() == channels_last((2, 3)).tolist()


def test_moves_name_elements_as_numpy_does() -> None:
    build = Build()
    turned = build.add("Transpose", (build.quantize((2, 3, 4)),), {"order": (0, 3, 1, 2)})
    graph = build.graph(turned)
    values = np.arange(24).reshape(2, 3, 4)
    order = moved(graph.nodes[1], graph, row_major((2, 3, 4)))
    assert np.array_equal(values.transpose(2, 0, 1).reshape(-1)[order], values.reshape(-1))
