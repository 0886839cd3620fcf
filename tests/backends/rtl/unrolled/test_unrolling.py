from pathlib import Path

import pytest

from netwright.backends import rtl
from netwright.backends.rtl.unrolled.layers import lower
from netwright.backends.rtl.unrolled.unrolling import operations
from netwright.errors import GraphError
from tests.backends.hls.graphs import Build
from tests.backends.rtl.graphs import images


def test_operations_by_hand() -> None:
    build = Build("net")
    source = build.quantize((2, 6))
    weights = build.constant([[[1, 0, 2], [0, 0, 3]]])
    attrs = {"strides": (1,), "pads": (0, 0), "dilations": (1,), "group": 1}
    conv = build.add("Conv", (source, weights), attrs)
    pool = build.pool("MaxPool", conv, (2,), (2,))
    flat = build.flatten(pool)
    graph = build.graph(build.add("MatMul", (flat, build.constant([[1, 1, 0], [0, 2, 0]]))))
    counts = [operations(node, graph) for node in graph.nodes]
    assert counts == [0, 3 * 4, 2 * 2, 0, 3]


def test_a_graph_that_is_too_large_is_refused_with_the_estimate(tmp_path: Path) -> None:
    with pytest.raises(GraphError) as caught:
        rtl(max_operations=1000).generate(images(), tmp_path / "out")
    assert str(caught.value) == (
        'graph "images" needs 1247 operations side by side, more than max_operations (1000): '
        "conv_1 708, sumpool_6 320, conv_3 90, requantize_2 48, maxpool_5 32, others 49\n"
        "hint: use --reuse-factor 1 (reuse_factor=1), or raise max_operations"
    )


def test_wires_that_cost_no_operation_are_counted() -> None:
    build = Build("net")
    graph = build.graph(build.add("Concat", (build.quantize((8,)),) * 4, {"axis": 1}))
    with pytest.raises(GraphError) as caught:
        lower(graph, 4, max_operations=2)
    assert str(caught.value) == (
        'graph "net" has 48 elements of tensors side by side; a design of max_operations (2) has '
        "at most 40\n"
        "hint: split the network or reduce its inputs, or raise max_operations"
    )
