"""What torch's transformer layers are in a graph; `trace` itself compares every layer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netwright.errors import DataError, GraphError
from netwright.exchange.bert.shape import EncoderShape
from netwright.formats import Int
from netwright.ir import Graph, interpret
from netwright.models.text import TextEncoder
from netwright.train import trace

ROWS = np.random.default_rng(1).normal(size=(5, 6, 8))
SHAPE = EncoderShape(
    hidden=16, layers=1, heads=2, intermediate=24, vocabulary=20, positions=9, classes=3
)


class Says(nn.Module):
    def __init__(self, function: Callable[..., object], *parts: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.parts = nn.ModuleList(parts)

    def forward(self, x: Tensor) -> object:
        return self.function(x, *self.parts)


def ops(graph: Graph) -> list[str]:
    return [node.op for node in graph.nodes]


def seeded() -> None:
    torch.manual_seed(3)


def heads(x: Tensor) -> Tensor:
    return x.reshape(x.shape[0], 6, 2, 4).transpose(1, 2)


KEEP = torch.ones(6, 6, dtype=torch.bool).tril()
KNOWN: dict[str, tuple[Callable[..., object], tuple[nn.Module, ...], str]] = {
    "LayerNorm": (lambda x, n: n(x), (nn.LayerNorm(8),), "LayerNormalization"),
    "two axes": (lambda x, n: n(x), (nn.LayerNorm((6, 8)),), "LayerNormalization"),
    "no gain": (
        lambda x, n: n(x), (nn.LayerNorm(8, elementwise_affine=False),), "LayerNormalization",
    ),
    "layer_norm": (lambda x: F.layer_norm(x, (8,), eps=0.1), (), "LayerNormalization"),
    "RMSNorm": (lambda x, n: n(x), (nn.RMSNorm(8, eps=1e-3),), "RMSNormalization"),
    "default epsilon": (lambda x, n: n(x), (nn.RMSNorm(8),), "RMSNormalization"),
    "attention": (
        lambda x: F.scaled_dot_product_attention(heads(x), heads(x), heads(x)), (), "Attention",
    ),
    "causal": (
        lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True, scale=0.3), (),
        "Attention",
    ),
    "boolean mask": (
        lambda x: F.scaled_dot_product_attention(heads(x), heads(x), heads(x), attn_mask=KEEP),
        (), "Attention",
    ),
    "infinite mask": (
        lambda x: F.scaled_dot_product_attention(
            x, x, x, torch.zeros(6, 6).double().masked_fill(~KEEP, -torch.inf).to(x.dtype)
        ), (), "Attention",
    ),
    "MultiheadAttention": (
        lambda x, m: m(x, x, x)[0], (nn.MultiheadAttention(8, 2, batch_first=True),), "Attention",
    ),
    "masked heads": (
        lambda x, m: m(x, x, x, need_weights=False, attn_mask=~KEEP)[0],
        (nn.MultiheadAttention(8, 2, bias=False, batch_first=True),), "Attention",
    ),
    "layer": (
        lambda x, m: m(x),
        (nn.TransformerEncoderLayer(8, 2, 12, batch_first=True, activation="gelu"),), "Attention",
    ),
    "before": (
        lambda x, m: m(x),
        (nn.TransformerEncoderLayer(8, 2, 12, batch_first=True, norm_first=True),), "Attention",
    ),
    "encoder": (
        lambda x, m: m(x, is_causal=True, mask=nn.Transformer.generate_square_subsequent_mask(6)),
        (nn.TransformerEncoder(
            nn.TransformerEncoderLayer(8, 2, 12, batch_first=True), 2, norm=nn.LayerNorm(8),
        ),), "Attention",
    ),
    "product of two": (lambda x: x * x.mean(dim=2, keepdim=True), (), "Mul"),
    "quotient of two": (lambda x: x / (x * x).sum(dim=(1, 2), keepdim=True), (), "Div"),
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_what_is_known_is_traced(name: str) -> None:
    seeded()
    function, parts, op = KNOWN[name]
    graph = trace(Says(function, *parts), ROWS)
    assert op in ops(graph)


def test_an_embedding_reads_codes() -> None:
    model = Says(lambda x, table: table(x.long()), nn.Embedding(11, 4))
    ids = np.random.default_rng(0).integers(0, 11, (4, 6))
    graph = trace(model, ids)
    assert ops(graph) == ["Gather"]
    assert graph.types["x"].dtype == Int(4, signed=False)
    found = interpret(graph, ids)[graph.outputs[0]]
    np.testing.assert_allclose(found, model.parts[0](torch.from_numpy(ids)).detach(), rtol=1e-6)
    for wrong in (ids + 0.5, ids + 20):
        with pytest.raises(DataError, match=r'"x" says rows of a table: .* from 0 to 10'):
            trace(model, wrong)


def test_the_text_encoder_is_traced_as_a_whole() -> None:
    seeded()
    random = np.random.default_rng(0)
    mask = (np.arange(7) < random.integers(2, 8, (5, 1))).astype(np.float64)
    rows = {"ids": random.integers(0, 20, (5, 7)), "mask": mask}
    model = TextEncoder(SHAPE)
    graph = trace(model, rows)
    assert ops(graph).count("Attention") == 1
    assert ops(graph).count("LayerNormalization") == 3
    with torch.no_grad():
        wanted = model(torch.from_numpy(rows["ids"]), torch.from_numpy(mask))
    (made,) = interpret(graph, rows).values()
    np.testing.assert_allclose(made, wanted, atol=1e-5)


REFUSED: dict[str, tuple[Callable[..., object], tuple[nn.Module, ...], str]] = {
    "max_norm": (
        lambda x, m: m(x.long()), (nn.Embedding(9, 4, max_norm=1.0),), "changes its rows in place",
    ),
    "tokens first": (
        lambda x, m: m(x, x, x)[0], (nn.MultiheadAttention(8, 2),), "must have batch_first=True",
    ),
    "padding": (
        lambda x, m: m(x, x, x, key_padding_mask=torch.zeros(x.shape[0], 6, dtype=torch.bool))[0],
        (nn.MultiheadAttention(8, 2, batch_first=True),), "key_padding_mask|another value",
    ),
    "shares": (
        lambda x, m: m(x, x, x)[1], (nn.MultiheadAttention(8, 2, batch_first=True),),
        "takes the shares of attention",
    ),
    "dropout": (
        lambda x: F.scaled_dot_product_attention(x, x, x, dropout_p=0.5), (),
        "drops shares in evaluation mode|another result",
    ),
    "rounds": (lambda x: x.long().double() + x, (), "changes its values to int64"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_meaning_is_refused_by_name(name: str) -> None:
    seeded()
    function, parts, reason = REFUSED[name]
    rows = np.ones((5, 6)) if name == "max_norm" else ROWS
    with pytest.raises((GraphError, DataError), match=reason):
        trace(Says(function, *parts), rows)
