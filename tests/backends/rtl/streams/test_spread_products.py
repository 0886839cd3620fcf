import numpy as np
import pytest

from netwright.backends.rtl.reuse import Tiling, product_shape
from netwright.backends.rtl.streams.spread_products import (
    bias_words,
    matrices,
    spread,
    weight_words,
)
from netwright.errors import NumericsError
from netwright.formats import Int
from netwright.ir import Graph
from tests.backends.hls.graphs import Build
from tests.backends.rtl.graphs import images


def test_words_by_hand() -> None:
    """4 inputs, 2 outputs, factor 4: one output a round, one input a clock."""
    weights = np.arange(8).reshape(1, 4, 2)
    words = weight_words(weights, Tiling(1, 4, 2, 8))
    assert words.tolist() == [[0], [2], [4], [6], [1], [3], [5], [7]]
    assert weight_words(weights, Tiling(1, 4, 2, 2)).tolist() == [[0, 2, 1, 3], [4, 6, 5, 7]]
    assert bias_words(np.array([[7, 9]]), Tiling(1, 4, 2, 8)).tolist() == [[7], [9]]


@pytest.mark.parametrize("name", ["conv_1", "conv_3"])
def test_matrices_of_convolutions_take_windows_position_by_position(name: str) -> None:
    graph = images()
    node = graph.node(name)
    weights = graph.constants[node.inputs[1]]
    groups, inputs, outputs = product_shape(node, graph)
    found, _ = matrices(node, graph, Tiling(groups, inputs, outputs, 1))
    window = np.random.default_rng(1).integers(-5, 5, (groups, *weights.shape[1:]))
    kept = weights.reshape(groups, outputs, *weights.shape[1:])
    expected = np.einsum("gchw,gochw->go", window, kept)
    taps = window.transpose(0, 2, 3, 1).reshape(groups, inputs)
    assert np.array_equal(np.einsum("gi,gio->go", taps, found), expected)


def dense(weight_bits: int, inputs: int = 4) -> Graph:
    build = Build("net")
    source = build.quantize((inputs,), bits=30)
    weights = build.constant(np.ones((inputs, 2), dtype=np.int64), Int(weight_bits))
    return build.graph(build.add("MatMul", (source, weights)))


def test_sums_are_exact_for_fixed_weights_and_wide_for_loadable_ones() -> None:
    graph, tiling = dense(4), Tiling(1, 4, 2, 2)
    node = graph.node("matmul_1")
    fixed = spread(node, graph, (-8, 7), tiling, loadable=False, levels_per_stage=0)
    assert (fixed.accumulator, fixed.weight_bits) == ((-32, 28), 2)
    loadable = spread(node, graph, (-8, 7), tiling, loadable=True, levels_per_stage=0)
    assert (loadable.accumulator, loadable.weight_bits) == ((-4 * 56, 4 * 64), 4)


def test_an_accumulator_beyond_the_supported_width() -> None:
    graph = dense(36)
    node = graph.node("matmul_1")
    source = -(1 << 29), (1 << 29) - 1
    with pytest.raises(NumericsError) as caught:
        spread(node, graph, source, Tiling(1, 4, 2, 2), loadable=True, levels_per_stage=0)
    assert str(caught.value) == (
        'tensor "matmul_1_out": node "matmul_1" needs accumulators of 68 bits for any weights of '
        "its format; at most 64 are supported\n"
        'hint: use fewer weight or activation bits, or weights="fixed"'
    )
