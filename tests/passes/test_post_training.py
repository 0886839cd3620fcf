from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import ConfigError, DataError, GraphError
from netwright.ir import Graph, Node, TensorType, interpret, real_values
from netwright.passes import Widths, integerize, quantize

RANDOM = np.random.default_rng(2)


@pytest.fixture(autouse=True)
def _same_numbers_in_any_order_of_tests() -> None:
    RANDOM.bit_generator.state = np.random.default_rng(2).bit_generator.state


WINDOW = {"strides": (1, 1), "pads": (1,) * 4, "dilations": (1, 1), "group": 1}


def make(nodes: list[Node], shapes: dict[str, tuple[int, ...]], *outputs: str) -> Graph:
    """A float graph whose constants are random; tensors without a maker are constants."""
    made = {node.output for node in nodes} | {"x"}
    constants = {
        name: RANDOM.normal(size=shape) * 0.4 for name, shape in shapes.items() if name not in made
    }
    types = {name: TensorType(shape) for name, shape in shapes.items()}
    return Graph("toy", ("x",), outputs, tuple(nodes), types, constants)


def dense() -> Graph:
    return make(
        [Node("fc1", "MatMul", ("x", "w1", "b1"), "s1"), Node("relu", "Relu", ("s1",), "h"),
         Node("fc2", "MatMul", ("h", "w2", "b2"), "y")],
        {"x": (1, 6), "w1": (6, 8), "b1": (8,), "s1": (1, 8), "h": (1, 8), "w2": (8, 3),
         "b2": (3,), "y": (1, 3)},
        "y",
    )  # fmt: skip


def residual() -> Graph:
    image = (1, 3, 4, 4)
    return make(
        [Node("c1", "Conv", ("x", "w1", "b1"), "s1", WINDOW), Node("r1", "Relu", ("s1",), "h"),
         Node("c2", "Conv", ("h", "w2"), "s2", WINDOW), Node("sum", "Add", ("s2", "h"), "t"),
         Node("pool", "AveragePool", ("t",), "p",
              {"kernel": (4, 4), "strides": (4, 4), "pads": (0,) * 4}),
         Node("most", "MaxPool", ("h",), "m", {"kernel": (4, 4), "strides": (4, 4),
                                              "pads": (0,) * 4}),
         Node("both", "Concat", ("p", "m"), "c", {"axis": 1}),
         Node("flat", "Reshape", ("c",), "f", {"shape": (1, 6)}),
         Node("head", "MatMul", ("f", "w3", "b3"), "y")],
        {"x": (1, 2, 4, 4), "w1": (3, 2, 3, 3), "b1": (3,), "s1": image, "h": image,
         "w2": (3, 3, 3, 3), "s2": image, "t": image, "p": (1, 3, 1, 1), "m": (1, 3, 1, 1),
         "c": (1, 6, 1, 1), "f": (1, 6), "w3": (6, 2), "b3": (2,), "y": (1, 2)},
        "y",
    )  # fmt: skip


def grouped() -> Graph:
    """A transposed convolution whose groups have their weights' scales in common."""
    attrs = {**WINDOW, "pads": (0,) * 4, "group": 2, "output_padding": (0, 0)}
    return make(
        [Node("up", "ConvTranspose", ("x", "w", "b"), "y", attrs)],
        {"x": (1, 4, 4, 4), "w": (4, 3, 3, 3), "b": (6,), "y": (1, 6, 6, 6)},
        "y",
    )


def relative_error(graph: Graph, quantized: Graph, rows: np.ndarray) -> float:
    wanted = interpret(graph, rows)[graph.outputs[0]]
    exact = integerize(quantized)
    found = real_values(exact, exact.outputs[0], interpret(exact, rows)[exact.outputs[0]])
    return float(np.sqrt(np.square(found - wanted).mean() / np.square(wanted).mean()))


@pytest.mark.parametrize("scale", ["power-of-two", "float"])
@pytest.mark.parametrize("build", [dense, grouped, residual])
def test_the_integers_come_closer_with_every_bit(build, scale: str) -> None:  # type: ignore[no-untyped-def]
    graph = build()
    rows = RANDOM.normal(size=(200, *graph.types["x"].shape[1:]))
    errors = [
        relative_error(graph, quantize(graph, rows, bits=Widths(b, b), scale=scale), rows)
        for b in (4, 6, 8, 12)
    ]
    assert errors[0] > 2 * errors[1] > 4 * errors[2] > 16 * errors[3]
    assert errors[2] < 0.02


def test_power_of_two_scales_leave_nothing_inexact() -> None:
    graph = residual()
    rows = RANDOM.normal(size=(50, 2, 4, 4))
    quantized = quantize(graph, rows, bits=Widths(3, 4))
    exact = integerize(quantized)
    assert exact.notes == ()
    wanted = interpret(quantized, rows)["y"]
    found = real_values(exact, exact.outputs[0], interpret(exact, rows)[exact.outputs[0]])
    np.testing.assert_array_equal(found, wanted)


def test_where_quantizers_stand() -> None:
    graph = residual()
    quantized = quantize(graph, RANDOM.normal(size=(50, 2, 4, 4)), bits=Widths(5, 7))
    read = {node.name: node.inputs for node in quantized.nodes if node.op != "Quant"}
    assert read["c1"] == ("x_quant", "c1_weight_quant", "b1")
    assert read["r1"] == ("s1",)
    assert read["c2"] == ("r1_quant", "c2_weight_quant")
    assert read["sum"] == ("c2_quant", "r1_quant")
    assert read["pool"] == ("sum_quant",)
    assert read["both"] == ("pool_quant", "m")
    assert read["head"] == ("f", "head_weight_quant", "b3")
    assert quantized.outputs == ("y",)
    attrs = {node.name: node.attrs for node in quantized.nodes if node.op == "Quant"}
    assert attrs["x_quant"]["signed"] == 1
    assert attrs["r1_quant"]["signed"] == 0
    assert (attrs["c1_weight_quant"]["bits"], attrs["x_quant"]["bits"]) == (5, 7)
    assert (attrs["c1_weight_quant"]["axis"], attrs["head_weight_quant"]["axis"]) == (0, 1)


def test_what_is_concatenated_has_one_grid() -> None:
    graph = residual()
    quantized = quantize(graph, RANDOM.normal(size=(50, 2, 4, 4)))
    pooled, moved = quantized.node("pool_quant"), quantized.node("most").inputs[0]
    assert pooled.attrs == quantized.node(moved).attrs


def test_readers_with_other_widths_have_quantizers_of_their_own() -> None:
    graph = residual()
    bits = {"c1": Widths(4, 8), "c2": Widths(3, 3), "head": Widths(6, 6)}
    quantized = quantize(graph, RANDOM.normal(size=(50, 2, 4, 4)), bits=bits)

    def width(reader: str, place: int) -> object:
        return quantized.node(quantized.node(reader).inputs[place]).attrs["bits"]

    assert (width("c1", 0), width("c2", 0), width("sum", 1), width("both", 0)) == (8, 3, 8, 6)
    assert (width("c1", 1), width("c2", 1), width("head", 1)) == (4, 3, 6)


def test_channels_of_zeros_and_tiny_ones_keep_usable_scales() -> None:
    graph = dense()
    weights = graph.constants["w1"].copy()
    weights[:, 0], weights[:, 1] = 0.0, 1e-30
    graph = graph.with_constant("w1", weights)
    rows = RANDOM.normal(size=(100, 6))
    for scale in ("power-of-two", "float"):
        quantized = quantize(graph, rows, scale=scale)
        scales = quantized.node("fc1_weight_quant").reals("scale")
        assert min(scales) > max(scales) * 2.0**-17
        assert relative_error(graph, quantized, rows) < 0.05


def test_rows_of_zeros_make_valid_scales() -> None:
    exact = integerize(quantize(dense(), np.zeros((3, 6))))
    assert interpret(exact, RANDOM.normal(size=(5, 6)))[exact.outputs[0]].shape == (5, 3)


def test_what_cannot_be_quantized_is_refused() -> None:
    rows = RANDOM.normal(size=(10, 6))
    with pytest.raises(GraphError) as caught:
        quantize(quantize(dense(), rows), rows)
    assert str(caught.value) == (
        'node "x_quant": graph "toy" is quantized already\n'
        "hint: convert it without choosing widths again"
    )
    with pytest.raises(ConfigError, match="no widths are given for fc2"):
        quantize(dense(), rows, bits={"fc1": Widths(8, 8)})
    with pytest.raises(DataError, match="calibration needs at least one row"):
        quantize(dense(), np.zeros((0, 6)))
    with pytest.raises(ConfigError, match="input_bits must be 2 or more for negative values"):
        quantize(dense(), rows, bits=Widths(8, 1))
    with pytest.raises(ConfigError, match="weight_bits must be from 2 to 16, not 1"):
        Widths(1, 8)
