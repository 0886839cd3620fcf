from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.ir import AttrValue, Graph, Node, TensorType, spec_of
from netwright.ir.ops.shape import window_of_slice
from tests.ir.ops.harness import alone, check_node


def test_reshape_and_transpose_move_values_only() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(-16, 16, (5, 2, 3))
    flat = Node("f", "Reshape", ("q",), "y", {"shape": (1, 6)})
    check_node(alone(flat, width=(2, 3)), codes, codes.reshape(5, 6))
    turned = Node("t", "Transpose", ("q",), "y", {"order": (0, 2, 1)})
    limit = check_node(alone(turned, width=(2, 3)), codes, codes.transpose(0, 2, 1))
    assert (limit.low, limit.high) == (-16, 15)


def test_concat_joins_and_its_bounds_cover_both() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(-16, 16, (5, 2))
    start = alone(Node("r", "Relu", ("q",), "y"), width=(2,))
    nodes = (
        start.nodes[0],
        Node("r", "Relu", ("q",), "r"),
        Node("j", "Concat", ("q", "r", "q"), "y", {"axis": 1}),
    )
    types = {**start.types, "r": start.types["y"], "y": TensorType((1, 6), start.types["y"].dtype)}
    graph = Graph("g", ("x",), ("y",), nodes, types, {})
    wanted = np.concatenate([codes, np.maximum(codes, 0), codes], axis=1)
    limit = check_node(graph, codes, wanted)
    assert (limit.low, limit.high) == (-16, 15)


def test_resize_repeats_every_value() -> None:
    codes = np.random.default_rng(0).integers(-16, 16, (5, 2, 3, 2))
    node = Node("r", "Resize", ("q",), "y", {"factors": (2, 3)})
    wanted = np.kron(codes, np.ones((1, 1, 2, 3), int))
    limit = check_node(alone(node, width=(2, 3, 2)), codes, wanted)
    assert (limit.low, limit.high) == (-16, 15)


def test_slice_takes_every_so_many_elements_of_an_axis() -> None:
    codes = np.random.default_rng(0).integers(-16, 16, (5, 2, 9))
    node = Node("s", "Slice", ("q",), "y", {"axis": 2, "start": 1, "stop": 8, "step": 3})
    limit = check_node(alone(node, width=(2, 9)), codes, codes[:, :, [1, 4, 7]])
    assert (limit.low, limit.high) == (-16, 15)


def test_every_slice_is_an_element_of_windows() -> None:
    """The windows have the wanted number, and the element lies in them."""
    values = np.arange(7)
    for start, stop, step in product(range(7), range(1, 8), range(1, 4)):
        if start < stop:
            attrs: dict[str, AttrValue] = {"axis": 1, "start": start, "stop": stop, "step": step}
            width, stride, place = window_of_slice(Node("s", "Slice", ("x",), "y", attrs), 7)
            windows = np.lib.stride_tricks.sliding_window_view(values, width)[::stride]
            assert windows[:, place].tolist() == values[start:stop:step].tolist()


@pytest.mark.parametrize(
    ("op", "attrs", "shapes", "message"),
    [
        (
            "Slice",
            {"axis": 0, "start": 0, "stop": 1, "step": 1},
            [(1, 6)],
            "axis must be from 1 to 1, not 0",
        ),
        (
            "Slice",
            {"axis": 1, "start": 2, "stop": 7, "step": 1},
            [(1, 6)],
            "cannot take 2 to 7 in steps of 1 of the 6 elements along axis 1",
        ),
        (
            "Slice",
            {"axis": 1, "start": 2, "stop": 4, "step": 0},
            [(1, 6)],
            "cannot take 2 to 4 in steps of 0 of the 6 elements along axis 1",
        ),
        (
            "Resize",
            {"factors": (2,)},
            [(1, 2, 3, 3)],
            "factors (2,) must be 1 or more for each axis behind the channels of (1, 2, 3, 3)",
        ),
        (
            "Resize",
            {"factors": (2, 0)},
            [(1, 2, 3, 3)],
            "factors (2, 0) must be 1 or more for each axis behind the channels of (1, 2, 3, 3)",
        ),
        (
            "Reshape",
            {"shape": (2, 3)},
            [(1, 6)],
            "cannot reshape (1, 6) to (2, 3): the batch axis and the number of values must stay",
        ),
        (
            "Reshape",
            {"shape": (1, 5)},
            [(1, 6)],
            "cannot reshape (1, 6) to (1, 5): the batch axis and the number of values must stay",
        ),
        (
            "Transpose",
            {"order": (1, 0)},
            [(1, 6)],
            "order must be a permutation of 2 axes that keeps the batch first, not (1, 0)",
        ),
        ("Concat", {"axis": 0}, [(1, 6), (1, 6)], "axis must be from 1 to 1, not 0"),
        (
            "Concat",
            {"axis": 1},
            [(1, 2, 3), (1, 2, 4)],
            "cannot join (1, 2, 3) and (1, 2, 4) on axis 1",
        ),
        ("Concat", {"axis": 1}, [(1, 2), (1, 2, 4)], "cannot join (1, 2) and (1, 2, 4) on axis 1"),
    ],
)
def test_shapes_that_do_not_fit_are_named(
    op: str, attrs: dict, shapes: list[tuple[int, ...]], message: str
) -> None:
    node = Node("n", op, tuple("ab"[: len(shapes)]), "y", attrs)
    with pytest.raises(GraphError) as caught:
        spec_of(node).shape(node, shapes)
    assert caught.value.message == f'node "n": {message}'
