"""Functions that are written out, in the ways that people write them."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from netwright.ir import Graph, Node, TensorType  # noqa: E402
from netwright.passes import FuseFunctions  # noqa: E402
from tests.passes.test_fuse_norms import traced  # noqa: E402

ROOT = math.sqrt(2 / math.pi)
WRITTEN = {
    "gelu": lambda x, g, o: x * 0.5 * (1 + torch.erf(x / 2**0.5)),
    "gelu with the half behind": lambda x, g, o: (torch.erf(x * 0.70710678) + 1) * x / 2,
    "gelu_tanh": lambda x, g, o: 0.5 * x * (1 + torch.tanh(ROOT * (x + 0.044715 * x.pow(3)))),
    "silu": lambda x, g, o: x * torch.sigmoid(x),
    "silu as a quotient": lambda x, g, o: x / (1 + torch.exp(-x)),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_function_by_hand_is_one_operator(name: str) -> None:
    (node,) = traced(WRITTEN[name]).nodes
    assert (node.op, node.attrs["name"]) == ("Function", name.split()[0])


def test_another_function_stays_as_it_is() -> None:
    for function in (
        lambda x, g, o: x * torch.sigmoid(1.702 * x),
        lambda x, g, o: x * torch.sigmoid(g * x),
        lambda x, g, o: x * torch.sigmoid(x + 1e-3),
    ):
        found = {n.attrs.get("name") for n in traced(function).nodes}
        assert found.isdisjoint({"silu", "gelu"})


def test_a_part_that_others_read_stays_for_them() -> None:
    graph = traced(lambda x, g, o: (s := torch.sigmoid(x)) * x + s)
    assert "silu" not in {node.attrs.get("name") for node in graph.nodes}


def test_codes_are_left_alone() -> None:
    node = Node("n", "Relu", ("x",), "y")
    kind = TensorType((1, 2))
    graph = Graph("g", ("x",), ("y",), (node,), {"x": kind, "y": kind}, {})
    assert FuseFunctions()(graph) is graph
    assert np.isfinite(ROOT)
