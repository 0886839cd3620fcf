from __future__ import annotations

import numpy as np
import pytest

from netwright.ir import Node
from netwright.ir.ops.filters import (
    along_filters,
    channel_axis,
    filter_axis,
    filters_as_stored,
    filters_first,
    num_filters,
)

KINDS = {
    "MatMul": (Node("n", "MatMul", ("x", "w"), "y"), (4, 3)),
    "Conv": (Node("n", "Conv", ("x", "w"), "y", {"group": 2}), (6, 2, 3)),
    "up": (Node("n", "ConvTranspose", ("x", "w"), "y", {"group": 1}), (4, 3, 2)),
    "grouped": (Node("n", "ConvTranspose", ("x", "w"), "y", {"group": 2}), (4, 3, 2)),
    "depthwise": (Node("n", "ConvTranspose", ("x", "w"), "y", {"group": 4}), (4, 1, 2)),
}


@pytest.mark.parametrize(("node", "shape"), KINDS.values(), ids=KINDS)
def test_outputs_come_first_and_go_back(node: Node, shape: tuple[int, ...]) -> None:
    weights = np.arange(np.prod(shape)).reshape(shape)
    first = filters_first(node, weights, shape)
    assert len(first) == num_filters(node, shape)
    assert np.array_equal(filters_as_stored(node, first), weights)


@pytest.mark.parametrize(("node", "shape"), KINDS.values(), ids=KINDS)
def test_scales_along_an_axis_are_those_of_the_outputs(node: Node, shape: tuple[int, ...]) -> None:
    axis = filter_axis(node, shape)
    line = np.arange(1, 1 + shape[axis])
    stored = line.reshape([-1 if i == axis else 1 for i in range(len(shape))])
    rows = filters_first(node, stored, shape)
    values = rows.reshape(num_filters(node, shape), -1)[:, 0].tolist()
    assert along_filters(node, values, shape) == (tuple(line.tolist()), axis)
    assert along_filters(node, [7] * len(values), shape) == ((7,), None)


def test_outputs_of_groups_that_differ_lie_along_no_axis() -> None:
    node, shape = KINDS["grouped"]
    assert along_filters(node, [1, 2, 3, 1, 2, 4], shape) is None
    assert along_filters(node, [1, 2, 3, 1, 2, 3], shape) == ((1, 2, 3), 1)
    assert along_filters(node, [1, 1, 1, 2, 2, 2], shape) == ((1, 1, 2, 2), 0)


def test_channels_are_the_last_axis_of_matrix_products_only() -> None:
    assert channel_axis(KINDS["MatMul"][0], 3) == 2
    assert channel_axis(KINDS["up"][0], 4) == 1
