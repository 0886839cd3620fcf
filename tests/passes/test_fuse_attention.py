"""Attention that is written out, in the ways that people write it."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra train")

from torch import Tensor  # noqa: E402

from tests.passes.test_fuse_norms import traced  # noqa: E402


def heads(x: Tensor) -> Tensor:
    """Two heads of three features."""
    return x.unflatten(-1, (2, 3)).transpose(1, 2)


CAUSAL = torch.from_numpy(np.where(np.tri(4, dtype=bool), 0.0, -1e4))
WRITTEN = {
    "a quotient": lambda x, g, o: (
        (heads(x) @ heads(x * g).transpose(-1, -2) / 3**0.5).softmax(-1) @ heads(x + o)
    ),
    "scaled queries and keys": lambda x, g, o: (
        ((heads(x) * 0.7) @ (heads(x * g) * 0.8).transpose(2, 3)).softmax(-1) @ heads(x + o)
    ),
    "keys by one permutation": lambda x, g, o: (
        (heads(x) @ (x * g).unflatten(-1, (2, 3)).permute(0, 2, 3, 1)).softmax(-1) @ heads(x)
    ),
    "a mask": lambda x, g, o: (
        (heads(x) @ heads(x * g).transpose(-1, -2) * 0.5 + CAUSAL).softmax(-1) @ heads(x + o)
    ),
    "one head": lambda x, g, o: torch.bmm((x @ (x * g).transpose(1, 2)).softmax(-1), x + o),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_attention_by_hand_is_one_operator(name: str) -> None:
    graph = traced(WRITTEN[name])
    ops = [node.op for node in graph.nodes]
    assert ops.count("Attention") == 1
    assert {"BatchMatMul", "Softmax"}.isdisjoint(ops)


def test_shares_that_others_read_stay() -> None:
    def function(x: Tensor, g: Tensor, o: Tensor) -> Tensor:
        shares = (x @ (x * g).transpose(1, 2)).softmax(-1)
        return shares @ x + shares.sum(-1, keepdim=True)

    assert "BatchMatMul" in [node.op for node in traced(function).nodes]


def test_a_softmax_over_queries_stays() -> None:
    graph = traced(lambda x, g, o: (heads(x) @ heads(x).transpose(2, 3)).softmax(2) @ heads(x))
    assert "Attention" not in [node.op for node in graph.nodes]
