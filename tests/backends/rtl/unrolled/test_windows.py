from pathlib import Path

import numpy as np
import pytest

from netwright.backends.rtl import rtl
from netwright.backends.rtl.cells.affine import Affine
from netwright.backends.rtl.cells.builder import LayerBuilder
from netwright.backends.rtl.cells.circuit import Wire
from netwright.backends.rtl.unrolled.windows import PADDING, convolve, pool_max, window_elements
from netwright.ir import Graph, Node
from netwright.verify import bit_exact, corners, random
from tests.backends.hls.graphs import Build
from tests.backends.rtl.graphs import assert_same, images, needs_verilator, signals


def test_elements_of_windows_by_hand() -> None:
    numbers = window_elements((1, 3), (2,), strides=(2,), pads=(1, 0), dilations=(1,))
    assert numbers.tolist() == [[[PADDING, 0], [1, 2]]]


def test_nothing_lies_between_elements_that_are_apart() -> None:
    numbers = window_elements((1, 2), (2,), strides=(1,), pads=(0, 1), dilations=(1,), steps=(3,))
    assert numbers.tolist() == [[[0, PADDING], [PADDING, PADDING], [PADDING, 1], [1, PADDING]]]


def pool(values: list[Affine]) -> tuple[Affine, LayerBuilder]:
    layer = LayerBuilder("l", None)
    layer.times |= {v.wire.name: (0, 0) for v in values if v.wire}
    source = np.empty((1, len(values)), dtype=object)
    source[0] = values
    attrs = {"kernel": (len(values),), "strides": (1,), "pads": (0, 0)}
    return pool_max(Node("n", "MaxPool", ("x",), "y", attrs), [source], layer, "n")[0, 0], layer


def test_a_wire_that_is_never_the_largest_takes_no_comparison() -> None:
    low, high = Affine(Wire("low", (0, 3))), Affine(Wire("high", (3, 7)))
    found, layer = pool([low, high])
    assert found == high
    assert layer.cells == []


def test_the_largest_of_a_wire_and_a_constant_is_a_limit() -> None:
    found, layer = pool([Affine(None, offset=2), Affine(Wire("a", (-4, 7)))])
    assert found.interval == (2, 7)
    assert [cell.module for cell in layer.cells] == ["clamp"]


def test_positions_share_the_search() -> None:
    build = Build("net", seed=1)
    conv = build.conv(build.quantize((2, 8)), 3, (3,), bits=4)
    assert searches(build.graph(conv)) == 1


def searches(graph: Graph) -> int:
    """How many adder graphs are searched for the positions of a convolution."""
    layer = LayerBuilder("l", None)
    node = graph.node("conv_1")
    values = [graph.constants[name] for name in node.inputs[1:]]
    arrays = [np.vectorize(lambda v: Affine(None, offset=int(v)), otypes=[object])(v)
              for v in values]  # fmt: skip
    source = np.empty((2, 8), dtype=object)
    for number in range(16):
        wire = Wire(f"x_{number}", (-8, 7))
        layer.times[wire.name] = (0, 0)
        source.flat[number] = Affine(wire)
    assert convolve(node, [source, *arrays], layer, "conv").shape == (3, 6)
    return len(layer.adder_graphs)


@pytest.mark.tool("g++")
@needs_verilator
@pytest.mark.parametrize("graph", [images(), signals()], ids=lambda graph: graph.name)
def test_images_and_signals_equal_the_interpreter(tmp_path: Path, graph: Graph) -> None:
    design = assert_same(graph, tmp_path, backend=rtl(adders_per_stage=3))
    proofs = design.prove()
    assert all(proof.holds for proof in proofs)
    assert sum(proof.products for proof in proofs) > 40


@pytest.mark.slow
@pytest.mark.tool("g++")
@needs_verilator
def test_trained_encoder_with_a_scale_for_each_channel(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the encoder is traced from torch")
    from tests.verify.graphs import convolutional

    graph = convolutional()
    design = rtl().generate(graph, tmp_path / "out")
    for stimulus in (corners(graph), random(graph, rows=10_000)):
        bit_exact(graph, design, stimulus).require()
