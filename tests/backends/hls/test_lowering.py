import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.backends.hls.layers import View, channels_last, plain_index
from netwright.backends.hls.lowering import Lowering
from netwright.formats import Fixed
from netwright.ir import Graph, Node

NODE = Node("node", "Conv", ("x",), "y")


def started(shape: tuple[int, ...], index: np.ndarray) -> Lowering:
    lowering = Lowering(Graph("g", (), (), (), {}, {}), "io_parallel", {})
    lowering.views["x"] = View("x", shape, index, -2, Fixed(8, 6))
    return lowering


def moved(lowering: Lowering, values: np.ndarray) -> np.ndarray:
    """What the Reshape and Transpose layers make of the layer's output."""
    for layer in lowering.layers:
        if layer.kind == "Reshape":
            values = values.reshape(layer.attributes["target_shape"])
        else:
            assert layer.kind == "Transpose"
            values = values.transpose(layer.attributes["perm"])
    return values


@given(st.lists(st.integers(1, 4), min_size=2, max_size=3), st.randoms(use_true_random=False))
def test_arranged_brings_any_transposition_to_channels_last(
    extents: list[int], random: object
) -> None:
    order = list(range(len(extents)))
    random.shuffle(order)  # type: ignore[attr-defined]
    stored = tuple(extents[axis] for axis in order)
    index = plain_index(stored).transpose(np.argsort(order))
    size = int(np.prod(extents))
    lowering = started((size,), index)
    shape, wanted = channels_last(tuple(extents))
    view = lowering.arranged(NODE, "x", shape, wanted)
    assert view.is_laid_out(shape, wanted)
    codes = np.arange(100, 100 + size)
    kept = np.empty(size, dtype=np.int64)
    kept[index.ravel()] = codes
    result = moved(lowering, kept)
    assert result.shape == shape
    assert np.array_equal(result.ravel()[wanted.ravel()], codes)


def test_arranged_adds_nothing_when_all_is_in_place() -> None:
    shape, index = channels_last((3, 2, 2))
    lowering = started(shape, index)
    assert lowering.arranged(NODE, "x", shape, index) is lowering.views["x"]
    assert lowering.layers == []


@pytest.mark.parametrize("exponent", [-5, 3])
def test_another_exponent_is_one_power_of_two(exponent: int) -> None:
    lowering = started((4,), plain_index((4,)))
    view = lowering.at_exponent(NODE, lowering.views["x"], exponent)
    assert (view.exponent, view.register) == (exponent, Fixed(8, 8 + exponent))
    (layer,) = lowering.layers
    assert layer.arrays["scale_data"].tolist() == [2.0 ** (exponent + 2)]
    assert layer.registers["scale"].integer_bits - layer.registers["scale"].bits == exponent + 2
