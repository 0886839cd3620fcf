"""Transposed convolutions: by definition, on every carrier, and with limits that are reached."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.ir import Node, bounds, interpret, spec_of
from netwright.ir.ops.transposed import correlation
from tests.ir.ops.harness import alone, check_node, every_code

CASES = {
    "1-D": ((2, 4), (2, 3, 3), {"strides": (2,)}),
    "1-D gaps": ((1, 3), (1, 2, 2), {"strides": (4,), "output_padding": (3,)}),
    "1-D cut off beyond the kernel": ((2, 5), (2, 1, 1), {"strides": (2,), "pads": (2, 3)}),
    "1-D dilated, cut off": ((2, 5), (2, 1, 2), {"dilations": (2,), "pads": (3, 0)}),
    "2-D": ((2, 3, 2), (2, 3, 2, 2), {"strides": (2, 2)}),
    "2-D everything": (
        (4, 3, 4),
        (4, 2, 3, 2),
        {"strides": (2, 3), "pads": (1, 0, 2, 1), "dilations": (1, 2), "output_padding": (1, 2),
         "group": 2},
    ),
    "2-D depthwise": ((3, 2, 3), (3, 1, 3, 3), {"strides": (2, 1), "group": 3}),
    "one element": ((2, 1, 1), (2, 2, 3, 2), {"strides": (2, 2)}),
}  # fmt: skip


def attributes(rank: int, changed: dict[str, object]) -> dict[str, object]:
    ones, zeros = (1,) * rank, (0,) * rank
    return {
        "strides": ones, "pads": zeros * 2, "dilations": ones, "output_padding": zeros, "group": 1,
        **changed,
    }  # fmt: skip


def scattered(source: np.ndarray, weights: np.ndarray, attrs: dict[str, object]) -> np.ndarray:
    """The definition: every element times every tap, added where it falls."""
    rank = weights.ndim - 2
    strides, pads, dilations, extra, group = (
        attrs[key] for key in ("strides", "pads", "dilations", "output_padding", "group")
    )
    extents = [
        strides[i] * (source.shape[2 + i] - 1) + dilations[i] * (weights.shape[2 + i] - 1) + 1
        + extra[i]
        for i in range(rank)
    ]  # fmt: skip
    result = np.zeros((len(source), weights.shape[1] * group, *extents), dtype=object)
    each = len(weights) // group
    for channel, out, *tap in product(*map(range, weights.shape)):
        target = channel // each * weights.shape[1] + out
        for place in product(*map(range, source.shape[2:])):
            where = [place[i] * strides[i] + tap[i] * dilations[i] for i in range(rank)]
            value = source[(slice(None), channel, *place)].astype(object)
            result[(slice(None), target, *where)] += value * int(weights[(channel, out, *tap)])
    kept = [slice(pads[i], result.shape[2 + i] - pads[rank + i]) for i in range(rank)]
    return result[(slice(None), slice(None), *kept)]


@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize(("width", "kernel", "changed"), CASES.values(), ids=CASES)
def test_it_equals_the_definition(
    width: tuple[int, ...], kernel: tuple[int, ...], changed: dict[str, object], with_bias: bool
) -> None:
    rng = np.random.default_rng(0)
    attrs = attributes(len(width) - 1, changed)
    constants = {"w": rng.integers(-50, 50, kernel)}
    if with_bias:
        constants["b"] = rng.integers(-500, 500, kernel[1] * attrs["group"])
    node = Node("up", "ConvTranspose", ("q", *constants), "y", attrs)
    codes = rng.integers(-16, 16, (3, *width))
    wanted = scattered(codes, constants["w"], attrs)
    if with_bias:
        wanted = wanted + constants["b"].reshape(-1, *(1,) * (len(width) - 1))
    check_node(alone(node, width=width, constants=constants), codes, wanted)


@pytest.mark.parametrize(
    "changed", [{"strides": (2,)}, {"strides": (3,)}, {"strides": (2,), "pads": (1, 0)}, {}]
)
def test_the_limits_are_reached(changed: dict[str, object]) -> None:
    weights = np.array([[[3, -5]], [[2, 7]]])
    node = Node("up", "ConvTranspose", ("q", "w"), "y", attributes(1, changed))
    graph = alone(node, width=(2, 2), constants={"w": weights}, bits=2)
    found = interpret(graph, every_code(-2, 1, 4).reshape(-1, 2, 2).astype(float))["y"]
    limit = bounds(graph)["y"]
    assert (limit.low, limit.high) == (found.min(), found.max())


def test_multiplications_with_the_zeros_in_between_are_not_counted() -> None:
    node = Node("up", "ConvTranspose", ("q", "w"), "y", attributes(2, {"strides": (2, 2)}))
    assert spec_of(node).macs(node, [(1, 4, 5, 6), (4, 3, 2, 2)]) == 5 * 6 * 4 * 3 * 2 * 2


def test_as_windows_it_has_pads_that_windows_can_have() -> None:
    for width, kernel, changed in CASES.values():
        attrs = attributes(len(width) - 1, changed)
        node = Node("up", "ConvTranspose", ("q", "w"), "y", attrs)
        found = correlation(node, np.ones(kernel, np.int64))
        assert min(found.pads) >= 0
        assert found.steps == attrs["strides"]
        assert len(found.weights) == kernel[1] * attrs["group"]


@pytest.mark.parametrize(
    ("changed", "shapes", "message"),
    [
        ({}, [(1, 2, 4, 4), (3, 2, 2, 2)],
         "weights (3, 2, 2, 2) in 1 groups do not fit 2 input channels"),
        ({"group": 3}, [(1, 4, 4, 4), (4, 2, 2, 2)],
         "weights (4, 2, 2, 2) in 3 groups do not fit 4 input channels"),
        ({}, [(1, 2, 4, 4), (2, 3, 2, 2), (2,)], "bias must have shape (3,), not (2,)"),
        ({"pads": (3, 0, 3, 0)}, [(1, 2, 4, 4), (2, 3, 2, 2)],
         "pads (3, 0, 3, 0) leave nothing of the result"),
        ({"output_padding": (1, 0)}, [(1, 2, 4, 4), (2, 3, 2, 2)],
         "output_padding (1, 0) must be smaller than the strides (1, 1) or dilations (1, 1)"),
        ({"strides": (0, 1)}, [(1, 2, 4, 4), (2, 3, 2, 2)],
         "strides, dilations and kernel extents must be 1 or more, pads and output_padding 0 or "
         "more, not (0, 1), (1, 1), (2, 2), (0, 0, 0, 0) and (0, 0)"),
        ({"strides": (1,)}, [(1, 2, 4, 4), (2, 3, 2, 2)],
         "strides (1,), pads (0, 0, 0, 0), dilations (1, 1) and output_padding (0, 0) must suit 2 "
         "axes"),
        ({}, [(1, 2), (2, 3)],
         "input and weights must both have 3 or 4 axes, not (1, 2) and (2, 3)"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(
    changed: dict[str, object], shapes: list[tuple[int, ...]], message: str
) -> None:
    names = ("x", "w", "b")[: len(shapes)]
    node = Node("up", "ConvTranspose", names, "y", attributes(2, changed))
    with pytest.raises(GraphError) as caught:
        spec_of(node).shape(node, shapes)
    assert str(caught.value) == f'node "up": {message}'
