import numpy as np
import pytest

from netwright.backends.rtl.shared.orders import channels_last, row_major
from netwright.backends.rtl.shared.products import byte_rows, num_digits, windows_of
from netwright.backends.rtl.shared_options import SharedOptions
from tests.backends.hls.graphs import Build


@pytest.mark.parametrize(
    ("weight", "digits"),
    [(127, 1), (128, 2), (-128, 1), (-129, 2), (32639, 2), (32640, 3), (-32896, 2), (-32897, 3)],
)
def test_bytes_of_a_weight(weight: int, digits: int) -> None:
    assert num_digits(np.array([weight, 0], dtype=object)) == digits
    matrices = np.array([[[[weight]]]], dtype=object)
    rows, count = byte_rows(matrices, SharedOptions(1, 1, 1))
    assert count == digits
    assert sum(int(v) * 256**i for i, v in enumerate(rows.reshape(-1)[::-1])) == weight


def test_a_transposed_convolution_has_no_zeros_between() -> None:
    """Each phase of the stride has its own taps, and together they have all of them."""
    build = Build(seed=1)
    source = build.quantize((2, 5))
    up = build.transposed(source, 3, (5,), strides=2, pads=1)
    graph = build.graph(up)
    node = graph.nodes[-1]
    shape = graph.types[up].shape[1:]
    found = list(
        windows_of(node, graph, channels_last((2, 5)), channels_last((shape[0], shape[1])))
    )
    assert [windows.matrix.shape for windows in found] == [(3, 6), (3, 4)]
    weights = graph.constants[node.inputs[1]]
    assert sum(int(windows.matrix.sum()) for windows in found) == int(weights.sum())
    assert sum(windows.positions for windows in found) == shape[1]
    assert sorted(windows.target_first for windows in found) == [0, 3]


def test_a_dense_layer_in_any_order() -> None:
    build = Build(seed=1)
    dense = build.dense(build.quantize((4,)), 3)
    graph = build.graph(dense)
    weights = graph.constants[graph.nodes[-1].inputs[1]]
    source, target = np.array([2, 0, 3, 1]), np.array([1, 2, 0])
    (found,) = windows_of(graph.nodes[-1], graph, source, target)
    assert np.array_equal(found.matrix, weights[source][:, target].T)
    (plain,) = windows_of(graph.nodes[-1], graph, row_major((4,)), row_major((3,)))
    assert np.array_equal(plain.matrix, weights.T)
