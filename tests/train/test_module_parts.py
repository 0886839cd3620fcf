from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from netwright.errors import GraphError
from netwright.ir import Graph
from netwright.train import trace

ROWS = np.random.default_rng(0).normal(size=(5, 4, 6))


class Function(nn.Module):
    """A network without weights."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def traced(function: Callable[[Tensor], Tensor]) -> Graph:
    """The graph, which tracing compares with the module."""
    return trace(Function(function), ROWS)


def parts(graph: Graph) -> list[tuple[int, int, int, int]]:
    """Axis, start, stop and step of every part."""
    keys = ("axis", "start", "stop", "step")
    return [
        (n.integer(keys[0]), n.integer(keys[1]), n.integer(keys[2]), n.integer(keys[3]))
        for n in graph.nodes
        if n.op == "Slice"
    ]


def swapped(x: Tensor) -> Tensor:
    first, second, third = torch.split(x, [1, 1, 2], dim=1)
    return torch.cat([third, second, first], 1)


def unbound(x: Tensor) -> Tensor:
    first, _, _, last = x.unbind(1)
    return first + last


@pytest.mark.parametrize(
    ("function", "wanted"),
    [
        (lambda x: x[:, 1:3], [(1, 1, 3, 1)]),
        (lambda x: x[:, :, 1::2], [(2, 1, 6, 2)]),
        (lambda x: x[..., -2], [(2, 4, 5, 1)]),
        (lambda x: x[:, -1, :3], [(1, 3, 4, 1), (2, 0, 3, 1)]),
        (lambda x: x[:, None, 2:, ...], [(1, 2, 4, 1)]),
        (lambda x: x[:, :, : x.shape[2] // 2], [(2, 0, 3, 1)]),
        (lambda x: torch.narrow(x, 2, 1, 4), [(2, 1, 5, 1)]),
        (lambda x: x.narrow(1, -3, 2), [(1, 1, 3, 1)]),
        (lambda x: x.select(1, 2), [(1, 2, 3, 1)]),
        (lambda x: x.chunk(2, dim=1)[1], [(1, 2, 4, 1)]),
        (lambda x: torch.chunk(x, 4, -1)[-1], [(2, 4, 6, 1)]),
        (lambda x: x.split(3, 2)[0], [(2, 0, 3, 1)]),
        (lambda x: torch.tensor_split(x, (1, 4), dim=2)[1], [(2, 1, 4, 1)]),
        (swapped, [(1, 2, 4, 1), (1, 1, 2, 1), (1, 0, 1, 1)]),
        (unbound, [(1, 0, 1, 1), (1, 3, 4, 1)]),
    ],
)
def test_parts_are_slices(
    function: Callable[[Tensor], Tensor], wanted: list[tuple[int, int, int, int]]
) -> None:
    assert sorted(parts(traced(function))) == sorted(wanted)


def test_whole_axes_are_no_parts() -> None:
    graph = traced(lambda x: torch.relu(x[:, 0:4, :]))
    assert [node.op for node in graph.nodes] == ["Relu"]


def in_place(x: Tensor) -> Tensor:
    first, _ = x.chunk(2, 1)
    first.add_(1.0)
    return torch.relu(x)


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda x: x[1:], "rows must stay apart"),
        (lambda x: x.chunk(2)[0], "rows must stay apart"),
        (lambda x: x[:, [0, 2]], "takes values of axis 1 by list"),
        (lambda x: x[:, :, x[0, 0] > 0], "gt|takes values"),
        (lambda x: x[:, 3:1] * 1.0, "takes nothing of the 4 elements along axis 1"),
        (lambda x: torch.stack(x.chunk(2, 1)[0:1], 0), "takes several parts at once|stack"),
        (in_place, "changes values in place that others read through another view"),
    ],
)
def test_what_is_no_part_is_named_with_its_line(
    function: Callable[[Tensor], Tensor], text: str
) -> None:
    with pytest.raises(GraphError, match=text) as caught:
        traced(function)
    assert "test_module_parts.py:" in str(caught.value)
