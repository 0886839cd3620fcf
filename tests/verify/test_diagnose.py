from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from netwright.formats import Rounding
from netwright.ir import Graph
from netwright.verify import (
    Difference,
    Stimulus,
    bit_exact,
    change_rounding,
    corners,
    flip_weight_bit,
    narrow_accumulator,
    random,
    ties,
)
from tests.verify.graphs import Shy, convolutional, dense

SUMS_SHOWN = ("Quantize", "Requantize", "MatMul", "Conv", "Relu")
SUMS_HIDDEN = ("Quantize", "Requantize")


def stimulus(graph: Graph) -> Stimulus:
    """Rows off the input grid are among them: they tell the modes of the input quantizer apart."""
    grid = random(graph, rows=2000).inputs
    between = grid[:200] * np.linspace(0.9, 1.1, 200).reshape(-1, *(1,) * (grid.ndim - 1))
    return Stimulus(
        "all", np.concatenate([between, corners(graph).inputs, grid, ties(graph).inputs])
    )


def first(graph: Graph, faulty: Graph, shown: tuple[str, ...]) -> Difference:
    result = bit_exact(graph, Shy(faulty, shown), stimulus(graph))
    assert not result.holds
    assert result.first is not None
    return result.first


@pytest.mark.parametrize(("shown", "node"), [(SUMS_SHOWN, "fc1"), (SUMS_HIDDEN, "fc1_requantize")])
@pytest.mark.parametrize("scale", ["power-of-two", "float"])
@pytest.mark.parametrize("bit", range(4))
def test_a_flipped_weight_bit_is_named(
    shown: tuple[str, ...], node: str, scale: str, bit: int
) -> None:
    graph = dense(scale)
    faulty = flip_weight_bit(graph, "fc1_weight", (2, 5), bit=bit)
    step = int((faulty.constants["fc1_weight"] - graph.constants["fc1_weight"])[2, 5])
    found = first(graph, faulty, shown)
    assert found.node == node
    assert found.origin == "fc1"
    assert found.index == (5,)
    assert found.cause == f"weights: weight [2, 5] is off by {step:+d} (one bit)"


@pytest.mark.parametrize("shown", [SUMS_SHOWN, SUMS_HIDDEN])
def test_a_flipped_bit_of_a_convolution_is_named(shown: tuple[str, ...]) -> None:
    graph = convolutional()
    faulty = flip_weight_bit(graph, "conv1_weight", (2, 0, 1, 2), bit=3)
    step = int((faulty.constants["conv1_weight"] - graph.constants["conv1_weight"])[2, 0, 1, 2])
    found = first(graph, faulty, shown)
    assert found.index[0] == 2
    assert found.cause == f"weights: weight [2, 0, 1, 2] is off by {step:+d} (one bit)"


def test_a_flipped_bit_behind_a_relu_is_named() -> None:
    graph = convolutional()
    faulty = flip_weight_bit(graph, "fc1_weight", (7, 3), bit=2)
    step = int((faulty.constants["fc1_weight"] - graph.constants["fc1_weight"])[7, 3])
    for shown in (SUMS_SHOWN, SUMS_HIDDEN):
        found = first(graph, faulty, shown)
        assert found.cause == f"weights: weight [7, 3] is off by {step:+d} (one bit)"


@pytest.mark.parametrize("shown", [SUMS_SHOWN, SUMS_HIDDEN])
def test_a_flipped_bias_bit_is_named(shown: tuple[str, ...]) -> None:
    graph = dense()
    faulty = flip_weight_bit(graph, "fc1_bias", (4,), bit=4)
    step = int((faulty.constants["fc1_bias"] - graph.constants["fc1_bias"])[4])
    found = first(graph, faulty, shown)
    assert found.cause == f"bias: bias [4] is off by {step:+d} (one bit)"


@pytest.mark.parametrize("shown", [SUMS_SHOWN, SUMS_HIDDEN])
@pytest.mark.parametrize("scale", ["power-of-two", "float"])
@pytest.mark.parametrize("layer", ["fc1", "fc2"])
def test_another_rounding_is_named(shown: tuple[str, ...], scale: str, layer: str) -> None:
    graph = dense(scale)
    found = first(graph, change_rounding(graph, f"{layer}_requantize", Rounding.FLOOR), shown)
    assert found.node == f"{layer}_requantize"
    assert found.cause == "rounding: floor instead of half-even"


def test_another_tie_is_named() -> None:
    graph = dense()
    found = first(graph, change_rounding(graph, "fc1_requantize", Rounding.HALF_UP), SUMS_HIDDEN)
    assert found.cause == "rounding: half-up instead of half-even"


def test_another_rounding_of_the_input_is_named() -> None:
    graph = dense()
    found = first(graph, change_rounding(graph, "quantize_input", Rounding.HALF_UP), SUMS_SHOWN)
    assert found.node == "quantize_input"
    assert found.cause == "rounding: half-up instead of half-even"


@pytest.mark.parametrize("shown", [SUMS_SHOWN, SUMS_HIDDEN])
@pytest.mark.parametrize("scale", ["power-of-two", "float"])
def test_a_narrow_accumulator_is_named(shown: tuple[str, ...], scale: str) -> None:
    graph = dense(scale)
    bits = graph.types["fc1_sum"].dtype.bits
    found = first(graph, narrow_accumulator(graph, "fc1_sum", bits=1), shown)
    assert found.cause == (f"accumulator width: sums wrap at {bits - 1} bits, the graph has {bits}")


def test_a_narrow_accumulator_of_a_convolution_is_named() -> None:
    graph = convolutional()
    bits = graph.types["conv1_sum"].dtype.bits
    for shown in (SUMS_SHOWN, SUMS_HIDDEN):
        found = first(graph, narrow_accumulator(graph, "conv1_sum", bits=1), shown)
        assert found.cause.startswith(f"accumulator width: sums wrap at {bits - 1} bits")


def test_a_value_that_wraps_instead_of_saturating_is_named() -> None:
    graph = dense()
    node, tensor = graph.node("fc1_requantize"), graph.types["fc1_out"]
    faulty = graph.with_node(
        replace(node, attrs={**node.attrs, "low": -(1 << 20), "high": 1 << 20})
    ).with_type("fc1_out", tensor)
    found = first(graph, faulty, SUMS_HIDDEN)
    assert found.cause == "saturation: the value wraps around instead of saturating"


def test_a_tighter_clamp_is_named() -> None:
    graph = dense()
    node = graph.node("fc1_requantize")
    faulty = graph.with_node(replace(node, attrs={**node.attrs, "high": 15}))
    assert first(graph, faulty, SUMS_HIDDEN).cause == (
        "saturation: limited to uint4 instead of [0, 31]"
    )


def test_two_faults_are_not_explained_by_one() -> None:
    graph = dense()
    faulty = graph
    for position in range(6):
        faulty = flip_weight_bit(faulty, "fc1_weight", (position, 0), bit=2)
    assert first(graph, faulty, SUMS_SHOWN).cause == (
        "no single change of rounding, overflow, accumulator width, weight or bias explains it"
    )


def test_a_fault_before_a_hidden_tensor_is_not_blamed_on_what_is_seen() -> None:
    graph = dense()
    faulty = change_rounding(graph, "fc1_requantize", Rounding.FLOOR)
    found = first(graph, faulty, ())
    assert found.node == "fc3"
    assert found.cause == (
        "no single change of rounding, overflow, accumulator width, weight or bias explains it; "
        '"fc2_out", which it reads, could not be seen'
    )
