import numpy as np

from netwright.backends.rtl.streams.fronts import made_by, one_window, window_front
from netwright.backends.rtl.streams.network import Gather, Join, Stream, Window
from netwright.ir import AttrValue
from tests.backends.hls.graphs import Build
from tests.backends.rtl.graphs import images, signals

STREAM = Stream("s", "t", 6, 2, (1, 5))


def test_a_signal_is_an_image_of_one_row() -> None:
    graph = signals()
    assert window_front(graph.node("conv_1"), graph, (-8, 7)) == Window(
        (1, 9), (0, 1), (0, 2), (1, 3), (1, 1), (1, 2), 0
    )


def test_the_padding_of_a_maximum_is_never_the_largest() -> None:
    graph = signals()
    assert window_front(graph.node("maxpool_3"), graph, (-3, 4)).fill == -3
    graph = images()
    assert window_front(graph.node("sumpool_6"), graph, (2, 4)).fill == 0


def test_positions_of_a_larger_image_lie_apart() -> None:
    build = Build("net")
    up = build.transposed(build.quantize((2, 3, 4)), 3, (3, 2), strides=2, pads=1, more=1)
    graph = build.graph(build.resize(up, 2, 3))
    assert window_front(graph.node("convtranspose_1"), graph, (-8, 7)) == Window(
        (3, 4), (1, 0), (2, 1), (3, 2), (1, 1), (1, 1), 0, (2, 2)
    )
    front = window_front(graph.node("resize_2"), graph, (-8, 7))
    assert front == Window((6, 7), (1, 2), (1, 2), (2, 3), (1, 1), (1, 1), -8, (2, 3))
    assert front.totals == (13, 23)
    assert made_by(front, STREAM) == (12, (-8, 5))


def test_one_window_of_a_larger_image() -> None:
    build = Build("net")
    up = build.transposed(build.quantize((2, 3, 4)), 3, (3, 2))
    graph = build.graph(build.resize(up, 2, 3))
    alone, (weights, bias) = one_window(graph.node("convtranspose_1"), graph)
    assert (alone.op, weights.shape, bias.shape) == ("Conv", (3, 2, 3, 2), (3,))
    assert np.array_equal(
        weights[2, 1, 0], graph.constants[graph.nodes[1].inputs[1]][1, 2, 2, ::-1]
    )
    alone, constants = one_window(graph.node("resize_2"), graph)
    assert (alone.op, alone.integers("kernel"), constants) == ("MaxPool", (2, 3), ())


def test_a_part_of_the_positions_is_one_element_of_wide_windows() -> None:
    build = Build("net")
    attrs: dict[str, AttrValue] = {"axis": 3, "start": 1, "stop": 6, "step": 2}
    graph = build.graph(build.add("Slice", (build.quantize((2, 3, 8)),), attrs))
    node = graph.node("slice_1")
    front = window_front(node, graph, (-8, 7))
    assert front == Window((3, 8), (0, 0), (0, 0), (1, 4), (1, 2), (1, 1), 0)
    alone, constants = one_window(node, graph)
    assert (alone.op, constants) == ("Slice", ())
    assert dict(alone.attrs) == {**attrs, "start": 1, "stop": 2}


def test_what_fronts_make() -> None:
    assert made_by(Join(), STREAM) == (2, (1, 5))
    assert made_by(Gather(6), STREAM) == (12, (1, 5))
    padded = Window((2, 3), (1, 0), (0, 0), (2, 2), (1, 1), (1, 1), 0)
    assert made_by(padded, STREAM) == (8, (0, 5))
    assert made_by(Window((2, 3), (0, 0), (0, 0), (2, 2), (1, 1), (1, 1), 0), STREAM)[1] == (1, 5)
