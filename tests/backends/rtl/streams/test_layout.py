import numpy as np
import pytest

from netwright.backends.rtl.streams.layout import Layout, beat_shape, layouts, order, plain
from tests.backends.hls.graphs import Build
from tests.backends.rtl.graphs import images


@pytest.mark.parametrize("layout", Layout)
def test_every_element_has_one_place(layout: Layout) -> None:
    shape = (2, 3, 4)
    numbers = order(layout, shape)
    assert sorted(numbers.ravel().tolist()) == list(range(24))
    assert numbers.shape[1] == np.prod(beat_shape(layout, shape))


def test_beats_by_hand() -> None:
    assert order(Layout.CHANNELS, (2, 3)).tolist() == [[0, 3], [1, 4], [2, 5]]
    assert order(Layout.LAST, (2, 3)).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert order(Layout.ROW, (2, 3)).tolist() == [[0, 1, 2, 3, 4, 5]]
    assert beat_shape(Layout.CHANNELS, (2, 3)) == (2, 1)
    assert beat_shape(Layout.LAST, (2, 3)) == (1, 3)


def test_one_beat_is_a_row() -> None:
    assert plain(Layout.CHANNELS, (5, 1, 1)) is Layout.ROW
    assert plain(Layout.LAST, (7,)) is Layout.ROW
    assert plain(Layout.LAST, (2, 7)) is Layout.LAST


def test_convolutions_go_by_positions_and_products_by_vectors() -> None:
    found = layouts(images())
    for name in ("quantize_0", "conv_1", "requantize_2", "maxpool_5"):
        assert found[name] is Layout.CHANNELS
    assert found["reshape_7"] is Layout.ROW


def test_constants_that_differ_between_positions_need_whole_rows() -> None:
    build = Build("net")
    source = build.quantize((2, 4))
    pool = build.pool("MaxPool", source, (2,), (1,))
    by_channel = build.add("Add", (pool, build.constant([[1], [2]])))
    by_position = build.add("Add", (by_channel, build.constant([[1, 2, 3], [4, 5, 6]])))
    by_axis = build.requantize(by_position, multiplier=(1, 2, 3), axis=2)
    found = layouts(build.graph(by_axis))
    assert [found[name] for name in ("add_2", "add_3", "requantize_4")] == [
        "channels", "row", "row",
    ]  # fmt: skip


def test_an_input_travels_as_its_first_reader_wants() -> None:
    build = Build("net")
    source = build.quantize((2, 4))
    relu = build.add("Relu", (source,))
    graph = build.graph(build.conv(relu, 3, (2,)))
    assert layouts(graph)["quantize_0"] == "channels"
