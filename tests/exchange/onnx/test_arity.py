from __future__ import annotations

import pytest

from netwright.errors import GraphError
from netwright.exchange.onnx.arity import check_arity
from netwright.exchange.onnx.source_model import SourceNode


def node(op: str, *inputs: str, domain: str = "", outputs: tuple[str, ...] = ("y",)) -> SourceNode:
    return SourceNode("n", op, domain, inputs, outputs, {})


def test_nodes_have_what_the_standard_requires() -> None:
    good = (
        node("Where", "a", "b", "c"), node("Constant"), node("Clip", "x"), node("Sum", "x"),
        node("Conv", "x", "w", ""), node("Quant", domain="other"), node("Unknown"),
    )  # fmt: skip
    for item in good:
        check_arity(item, 20)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (node("Where", "a", "b"), "Where must have 3 inputs; input 2 is missing"),
        (node("Add", "", "b"), "Add must have 2 inputs; input 0 is missing"),
        (node("Concat", "x", ""), "Concat must have 2 inputs; input 1 is missing"),
        (node("Sum"), "Sum must have 1 input; input 0 is missing"),
        (node("DequantizeLinear", "x", domain="com.microsoft"), "input 1 is missing"),
        (node("Relu", "x", outputs=()), "it has no result"),
    ],
)
def test_what_is_missing_is_named(bad: SourceNode, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        check_arity(bad, 20)
