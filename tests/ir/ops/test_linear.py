from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.errors import GraphError
from netwright.ir import Bounds, Node, TensorType, bounds, check, spec_of
from netwright.ir.ops.linear import weighted_sum_bounds
from tests.ir import naive
from tests.ir.ops.harness import alone, check_node, every_code
from tests.toys import integer_graph


@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("width", [(6,), (3, 6)])
def test_matmul_equals_the_definition(with_bias: bool, width: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    constants = {"w": rng.integers(-100, 100, (6, 4))}
    if with_bias:
        constants["b"] = rng.integers(-1000, 1000, 4)
    node = Node("fc", "MatMul", ("q", *constants), "y")
    codes = rng.integers(-16, 16, (40, *width))
    wanted = naive.matmul(codes, constants["w"], constants.get("b"))
    check_node(alone(node, width=width, constants=constants), codes, wanted)


@pytest.mark.parametrize("signed", [True, False])
@given(
    weights=st.lists(st.lists(st.integers(-9, 9), min_size=3, max_size=3), min_size=1, max_size=2),
    bias=st.integers(-30, 30),
)
def test_matmul_bounds_are_reached_by_some_input(
    signed: bool, weights: list[list[int]], bias: int
) -> None:
    """Brute force over all inputs of 2 bits: sound and tight."""
    constants = {"w": np.array(weights).T, "b": np.full(len(weights), bias)}
    node = Node("fc", "MatMul", ("q", "w", "b"), "y")
    graph = alone(node, width=(3,), constants=constants, bits=2, signed=signed)
    codes = every_code(-2, 1, 3) if signed else every_code(0, 3, 3)
    sums = naive.matmul(codes, constants["w"], constants["b"])
    limit = bounds(graph)["y"]
    assert (limit.low, limit.high) == (sums.min(), sums.max())
    partial = np.abs(codes).max() * np.abs(constants["w"]).sum(axis=0) + abs(bias)
    assert limit.peak == partial.max()


def test_bounds_of_weights_that_overflow_machine_integers_are_exact() -> None:
    weights = np.full((1, 4), 2**62 - 1)
    limit = weighted_sum_bounds(Node("fc", "MatMul", ("q", "w"), "y"), weights, None, Bounds(0, 3))
    assert limit.high == 4 * 3 * (2**62 - 1)


def test_macs_count_every_position() -> None:
    spec = spec_of(Node("fc", "MatMul", ("q", "w"), "y"))
    assert spec.macs(Node("fc", "MatMul", ("q", "w"), "y"), [(1, 16), (16, 64)]) == 1024
    assert spec.macs(Node("fc", "MatMul", ("q", "w"), "y"), [(1, 7, 16), (16, 64)]) == 7 * 1024


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([(1, 5), (4, 2)], 'node "fc": weights must be a (5, n) matrix, not (4, 2)'),
        ([(1, 5), (5,)], 'node "fc": weights must be a (5, n) matrix, not (5,)'),
        ([(1, 5), (5, 2), (3,)], 'node "fc": bias must have shape (2,), not (3,)'),
    ],
)
def test_shapes_that_do_not_fit_are_named(shapes: list[tuple[int, ...]], message: str) -> None:
    node = Node("fc", "MatMul", ("q", "w", "b")[: len(shapes)], "y")
    with pytest.raises(GraphError) as caught:
        spec_of(node).shape(node, shapes)
    assert str(caught.value) == message


def test_weights_must_be_constants() -> None:
    node = Node("fc", "MatMul", ("q", "q"), "y")
    types = {"y": TensorType((1, 1))}
    graph = integer_graph((node,), width=(1,), constants={}, types=types)
    with pytest.raises(GraphError, match="weights must be a constant"):
        bounds(graph)


def test_empty_weights_are_refused() -> None:
    node = Node("fc", "MatMul", ("q", "w"), "y")
    with pytest.raises(GraphError, match="weights hold no value"):
        weighted_sum_bounds(node, np.zeros((0, 3)), None, Bounds(0, 1))
    assert check(alone(node, width=(2,), constants={"w": np.ones((2, 1), dtype=int)}))
