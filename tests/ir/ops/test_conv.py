from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.ir import Node, bounds, interpret, spec_of
from tests.ir import naive
from tests.ir.ops.harness import alone, check_node, every_code

CASES = {
    "2-D": ((2, 5, 6), (3, 2, 3, 3), {}),
    "2-D stride and pads": (
        (2, 5, 6),
        (3, 2, 3, 2),
        {"strides": (2, 3), "pads": (1, 0, 2, 1)},
    ),
    "2-D dilation": ((1, 7, 6), (2, 1, 2, 3), {"dilations": (3, 2), "pads": (0, 1, 0, 1)}),
    "2-D groups": ((4, 4, 4), (6, 2, 3, 3), {"group": 2, "pads": (1, 1, 1, 1)}),
    "2-D depthwise": ((3, 4, 4), (3, 1, 2, 2), {"group": 3}),
    "1-D": ((2, 9), (4, 2, 3), {}),
    "1-D everything": (
        (4, 11),
        (4, 2, 3),
        {"strides": (2,), "pads": (2, 1), "dilations": (2,), "group": 2},
    ),
    "1x1": ((3, 2, 2), (2, 3, 1, 1), {}),
}


def attributes(rank: int, changed: dict[str, object]) -> dict[str, object]:
    return {
        "strides": (1,) * rank,
        "pads": (0,) * 2 * rank,
        "dilations": (1,) * rank,
        "group": 1,
        **changed,
    }


@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize(("width", "kernel", "changed"), CASES.values(), ids=CASES)
def test_conv_equals_the_definition(
    width: tuple[int, ...], kernel: tuple[int, ...], changed: dict[str, object], with_bias: bool
) -> None:
    rng = np.random.default_rng(0)
    attrs = attributes(len(width) - 1, changed)
    constants = {"w": rng.integers(-50, 50, kernel)}
    if with_bias:
        constants["b"] = rng.integers(-500, 500, kernel[0])
    node = Node("conv", "Conv", ("q", *constants), "y", attrs)
    codes = rng.integers(-16, 16, (3, *width))
    wanted = naive.convolve(codes, constants["w"], constants.get("b"), **attrs)
    check_node(alone(node, width=width, constants=constants), codes, wanted)


@pytest.mark.parametrize("values", [1, 40, 200])
def test_windows_are_multiplied_in_blocks(values: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of part of a line, of one line, and of some lines."""
    from netwright.ir.ops import conv

    rng = np.random.default_rng(0)
    attrs = attributes(2, {"group": 2, "pads": (1, 0, 1, 0), "strides": (1, 2)})
    weights = rng.integers(-5, 6, (6, 2, 3, 3))
    codes = rng.integers(-16, 16, (3, 4, 5, 7))
    monkeypatch.setattr(conv, "_BLOCK_VALUES", 4 * 9 * 3 * values // 20)
    node = Node("conv", "Conv", ("q", "w"), "y", attrs)
    wanted = naive.convolve(codes, weights, None, **attrs)
    check_node(alone(node, width=(4, 5, 7), constants={"w": weights}), codes, wanted)


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("seed", range(8))
def test_conv_bounds_are_reached_by_some_input(seed: int, signed: bool) -> None:
    rng = np.random.default_rng(seed)
    attrs = attributes(1, {"pads": (1, 1)})
    constants = {"w": rng.integers(-9, 10, (2, 1, 2)), "b": rng.integers(-9, 10, 2)}
    node = Node("conv", "Conv", ("q", "w", "b"), "y", attrs)
    graph = alone(node, width=(1, 3), constants=constants, bits=2, signed=signed)
    codes = every_code(-2, 1, 3) if signed else every_code(0, 3, 3)
    sums = interpret(graph, codes.reshape(-1, 1, 3).astype(float))["y"]
    limit = bounds(graph)["y"]
    assert (limit.low, limit.high) == (sums.min(), sums.max())


def test_bounds_know_that_padding_is_zero_where_no_input_is() -> None:
    """Codes from 2 to 5: a window at the edge may hold fewer of them."""
    rng = np.random.default_rng(0)
    attrs = attributes(1, {"pads": (1, 1)})
    constants = {"w": rng.integers(1, 9, (1, 1, 3))}
    graph = alone(Node("conv", "Conv", ("q", "w"), "y", attrs), width=(1, 3), constants=constants)
    quantize = graph.node("quantize")
    graph = graph.with_node(replace(quantize, attrs={**quantize.attrs, "low": 2, "high": 5}))
    codes = every_code(2, 5, 3).reshape(-1, 1, 3)
    wanted = naive.convolve(codes, constants["w"], None, **attrs)
    limit = check_node(graph, codes, wanted)
    assert limit.high == wanted.max()
    assert limit.low <= wanted.min() < 2 * int(constants["w"].sum())


def test_no_rows_give_no_rows() -> None:
    node = Node("conv", "Conv", ("q", "w"), "y", attributes(2, {}))
    graph = alone(node, width=(1, 4, 4), constants={"w": np.ones((2, 1, 3, 3), dtype=int)})
    assert interpret(graph, np.zeros((0, 1, 4, 4)))["y"].shape == (0, 2, 2, 2)


def test_macs_count_every_window() -> None:
    node = Node("conv", "Conv", ("q", "w"), "y", attributes(2, {"group": 2}))
    shapes = [(1, 4, 8, 8), (6, 2, 3, 3)]
    assert spec_of(node).macs(node, shapes) == 6 * 6 * 6 * 2 * 3 * 3


@pytest.mark.parametrize(
    ("shapes", "changed", "message"),
    [
        (
            [(1, 2, 5), (3, 2, 3, 3)],
            {},
            "input and weights must both have 3 or 4 axes, not (1, 2, 5) and (3, 2, 3, 3)",
        ),
        (
            [(1, 3, 5, 5), (3, 2, 3, 3)],
            {},
            "weights (3, 2, 3, 3) in 1 groups do not fit 3 input channels",
        ),
        (
            [(1, 4, 5, 5), (3, 2, 3, 3)],
            {"group": 2},
            "weights (3, 2, 3, 3) in 2 groups do not fit 4 input channels",
        ),
        ([(1, 2, 5, 5), (3, 2, 3, 3), (2,)], {}, "bias must have shape (3,), not (2,)"),
        (
            [(1, 2, 5, 5), (3, 2, 6, 3)],
            {},
            "a window of 6 does not fit the padded extent 5",
        ),
        (
            [(1, 2, 5, 5), (3, 2, 3, 3)],
            {"strides": (1,)},
            "strides (1,), pads (0, 0, 0, 0) and dilations (1, 1) must suit 2 axes",
        ),
        (
            [(1, 2, 5, 5), (3, 2, 3, 3)],
            {"strides": (0, 1)},
            "strides, dilations and kernel extents must be 1 or more and pads 0 or more, not "
            "(0, 1), (1, 1), (3, 3) and (0, 0, 0, 0)",
        ),
    ],
)
def test_shapes_that_do_not_fit_are_named(
    shapes: list[tuple[int, ...]], changed: dict[str, object], message: str
) -> None:
    node = Node("conv", "Conv", ("q", "w", "b")[: len(shapes)], "y", attributes(2, changed))
    with pytest.raises(GraphError) as caught:
        spec_of(node).shape(node, shapes)
    assert str(caught.value) == f'node "conv": {message}'
