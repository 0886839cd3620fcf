from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.ir import Graph, Node, TensorType, bounds, interpret, spec_of
from tests.ir import naive
from tests.ir.ops.harness import alone, check_node, every_code

CASES = {
    "2-D": ((2, 4, 6), {"kernel": (2, 2), "strides": (2, 2), "pads": (0, 0, 0, 0)}),
    "2-D overlap and pads": (
        (2, 5, 5),
        {"kernel": (3, 2), "strides": (1, 2), "pads": (1, 0, 2, 1)},
    ),
    "1-D": ((3, 7), {"kernel": (3,), "strides": (2,), "pads": (1, 1)}),
}


@pytest.mark.parametrize("op", ["MaxPool", "SumPool"])
@pytest.mark.parametrize(("width", "attrs"), CASES.values(), ids=CASES)
def test_pools_equal_the_definition(op: str, width: tuple[int, ...], attrs: dict) -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(-16, 16, (3, *width))
    wanted = naive.pool(codes, **attrs, largest=op == "MaxPool")
    check_node(alone(Node("p", op, ("q",), "y", attrs), width=width), codes, wanted)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.int32, np.int64, np.float32])
def test_the_largest_code_beside_padding_in_every_type_that_executors_hold_codes_in(
    kind: type,
) -> None:
    attrs = {"kernel": (2,), "strides": (1,), "pads": (1, 1)}
    node = Node("p", "MaxPool", ("q",), "y", attrs)
    codes = np.array([[[5, 0, 1]]], kind) - (6 if np.issubdtype(kind, np.signedinteger) else 0)
    found = spec_of(node).execute(node, [codes.astype(kind)])
    assert found.dtype == kind
    first, second, third = codes[0, 0].tolist()
    assert found.tolist() == [[[first, first, max(second, third), third]]]


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("op", ["MaxPool", "SumPool"])
def test_bounds_are_reached_by_some_input(op: str, signed: bool) -> None:
    attrs = {"kernel": (2,), "strides": (1,), "pads": (1, 0)}
    graph = alone(Node("p", op, ("q",), "y", attrs), width=(1, 3), bits=2, signed=signed)
    codes = (every_code(-2, 1, 3) if signed else every_code(0, 3, 3)).reshape(-1, 1, 3)
    found = interpret(graph, codes.astype(float))["y"]
    limit = bounds(graph)["y"]
    assert (limit.low, limit.high) == (found.min(), found.max())


def test_average_counts_the_padding() -> None:
    attrs = {"kernel": (2,), "strides": (2,), "pads": (1, 1)}
    types = {"x": TensorType((1, 1, 2)), "y": TensorType((1, 1, 2))}
    node = Node("p", "AveragePool", ("x",), "y", attrs)
    graph = Graph("g", ("x",), ("y",), (node,), types, {})
    assert interpret(graph, np.array([[[3.0, 5.0]]]))["y"].tolist() == [[[1.5, 2.5]]]


@pytest.mark.parametrize(
    ("shape", "changed", "message"),
    [
        (
            (1, 4, 4),
            {},
            "a kernel of (2, 2) does not suit an input of shape (1, 4, 4)",
        ),
        (
            (1, 1, 4, 4),
            {"pads": (2, 0, 0, 0)},
            "pads (2, 0, 0, 0) must be smaller than the kernel (2, 2): a window would hold "
            "padding only",
        ),
        (
            (1, 1, 1, 4),
            {},
            "a window of 2 does not fit the padded extent 1",
        ),
    ],
)
def test_shapes_that_do_not_fit_are_named(
    shape: tuple[int, ...], changed: dict[str, object], message: str
) -> None:
    attrs = {"kernel": (2, 2), "strides": (2, 2), "pads": (0, 0, 0, 0), **changed}
    node = Node("p", "MaxPool", ("q",), "y", attrs)
    with pytest.raises(GraphError) as caught:
        spec_of(node).shape(node, [shape])
    assert str(caught.value) == f'node "p": {message}'
