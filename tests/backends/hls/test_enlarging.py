"""Images that become larger: every way is exact in arrays and in streams."""

from pathlib import Path

import pytest

from netwright.backends.hls import hls
from netwright.backends.hls.enlarging import set_apart
from netwright.backends.hls.lowering import IoType, Lowering
from netwright.backends.hls.translation import lower
from netwright.errors import UnsupportedOp
from netwright.ir import Graph, bounds
from netwright.ir.ops.transposed import correlation
from tests.backends.hls.graphs import Build, assert_same, branches


def kinds(graph: Graph, io_type: IoType = "io_parallel") -> list[str]:
    return [layer.kind for layer in lower(graph, io_type).layers]


def test_a_transposed_convolution_is_one_of_values_set_apart() -> None:
    build = Build("net")
    up = build.transposed(build.quantize((2, 3, 4)), 3, (3, 2), strides=2)
    graph = build.graph(up)
    assert kinds(graph) == ["InputLayer", "UpSampling2D", "BatchNormalization", "Conv2D"]
    firmware = lower(graph, "io_parallel")
    mask = firmware.layers[2].arrays["scale_data"].reshape(6, 8, 2)
    assert mask[::2, ::2].all()
    assert mask.sum() == 3 * 4 * 2


def test_a_stride_of_one_sets_nothing_apart() -> None:
    build = Build("net")
    up = build.transposed(build.quantize((2, 6)), 2, (3,), strides=1, group=2)
    assert kinds(build.graph(up)) == ["InputLayer", "DepthwiseConv1D"]


def test_zeros_behind_the_last_value_are_padding_or_part_of_the_kernel() -> None:
    for kernel, pads, taps, after in (((3,), 0, 3, 1), ((1,), 0, 2, 0), ((2,), 1, 3, 0)):
        build = Build("net")
        up = build.transposed(build.quantize((1, 5)), 1, kernel, strides=2, pads=pads)
        graph = build.graph(up)
        node = graph.nodes[-1]
        lowering = Lowering(graph, "io_stream", bounds(graph))
        view = lower(graph, "io_stream").views[node.inputs[0]]
        _, found = set_apart(
            lowering, node, view, correlation(node, graph.constants[node.inputs[1]])
        )
        assert (found.kernel, found.pads[1]) == ((taps,), after)


def test_repetitions_that_hls4ml_would_misplace_are_refused() -> None:
    build = Build("net")
    large = build.resize(build.quantize((1, 20_000)), 2)
    with pytest.raises(UnsupportedOp) as caught:
        lower(build.graph(large), "io_parallel")
    assert "make fewer positions: hls4ml would repeat others" in str(caught.value)


@pytest.mark.tool("g++")
@pytest.mark.parametrize("io_type", ["io_parallel", "io_stream"])
def test_branches_that_go_down_and_up_again(tmp_path: Path, io_type: IoType) -> None:
    graph = branches(1, extent=8)
    assert_same(graph, hls(io_type=io_type), tmp_path, rows=60)
