"""FoldConstants, StripHead, FuseBias: meaning kept, and the same object when idle."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.ir import Graph, check, interpret
from netwright.passes import FoldConstants, FuseBias, StripHead, integerize
from tests.exchange.graphs import Sketch, inputs_for, quant, quantized_mlp

RNG = np.random.default_rng(8)


def assert_kept(before: Graph, after: Graph) -> None:
    check(after)
    rows = inputs_for(before, np.random.default_rng(1))
    np.testing.assert_allclose(
        interpret(after, rows)[after.outputs[0]],
        interpret(before, rows)[before.outputs[0]],
        rtol=1e-12,
    )


def test_fold_constants_evaluates_all_but_quantizers() -> None:
    sketch = Sketch((1, 3))
    weights = sketch.quantized("Quant", (sketch.real("w", RNG.normal(size=(3, 2))),), quant(4, 0.5))
    two, three = sketch.real("two", np.array([2.0])), sketch.real("three", np.array([3.0, 1.0]))
    bias = sketch.quantized("Mul", (two, three), name="six")
    last = sketch.quantized("MatMul", (sketch.quantized("Quant", ("x",), quant(4, 0.5)), weights))
    last = sketch.quantized("Add", (last, bias))
    before = sketch.graph(last)
    after = FoldConstants()(before)
    assert [node.op for node in after.nodes] == ["Quant", "Quant", "MatMul", "Add"]
    assert set(after.constants) == {"w", "six_out"}
    assert_kept(before, after)
    assert FoldConstants()(after) is after


def test_fold_constants_drops_neutral_nodes() -> None:
    sketch = Sketch((1, 4))
    last = sketch.quantized("Quant", ("x",), quant(4, 0.5))
    last = sketch.quantized("Mul", (last, sketch.real("one", np.array(1.0))))
    last = sketch.quantized("Add", (sketch.real("zero", np.zeros(4)), last))
    last = sketch.quantized("Reshape", (last,), {"shape": (1, 4)})
    last = sketch.quantized("Transpose", (last,), {"order": (0, 1)})
    last = sketch.quantized("Concat", (last,), {"axis": 1})
    last = sketch.quantized("Relu", (last,))
    before = sketch.graph(last)
    after = FoldConstants()(before)
    assert [node.op for node in after.nodes] == ["Quant", "Relu"]
    assert_kept(before, after)


def test_fold_constants_keeps_what_enlarges_the_shape() -> None:
    sketch = Sketch((1, 1))
    last = sketch.quantized("Quant", ("x",), quant(4, 0.5))
    last = sketch.quantized("Add", (last, sketch.real("zero", np.zeros((1, 4)))))
    graph = sketch.graph(sketch.quantized("Relu", (last,)))
    assert FoldConstants()(graph) is graph


def test_strip_head_takes_a_last_softmax_only() -> None:
    before = quantized_mlp(RNG, head=True)
    after = StripHead()(before)
    assert (after.head, after.outputs) == ("softmax", ("bias1_out",))
    assert StripHead()(after) is after
    sketch = Sketch((1, 3))
    middle = sketch.graph(sketch.quantized("Relu", (sketch.quantized("Softmax", ("x",)),)))
    assert StripHead()(middle) is middle


@pytest.mark.parametrize(("axis", "head"), [(1, "softmax on axis 1"), (-1, "softmax")])
def test_the_axis_of_a_softmax_is_remembered(axis: int, head: str) -> None:
    sketch = Sketch((1, 3, 2))
    after = StripHead()(sketch.graph(sketch.quantized("Softmax", ("x",), {"axis": axis})))
    assert after.head == head
    assert after.notes[0].text == f'{head} of "x" is left to the host'


def test_a_softmax_over_rows_is_no_operator() -> None:
    sketch = Sketch((1, 3))
    with pytest.raises(GraphError, match="axis must be from 1 to 1, or from -1 to -1, not 0"):
        sketch.quantized("Softmax", ("x",), {"axis": 0})


@pytest.mark.parametrize("bias", ["float", "quant"])
def test_fuse_bias_makes_a_third_input(bias: str) -> None:
    before = quantized_mlp(RNG, bias=bias)
    after = FuseBias()(before)
    assert "Add" not in [node.op for node in after.nodes]
    assert after.node("fc0").inputs[2] in {"b0", "bias_quant0_out"}
    assert_kept(before, after)
    assert FuseBias()(after) is after


def test_fuse_bias_flattens_the_bias_of_a_convolution() -> None:
    sketch = Sketch((1, 1, 4, 4))
    attrs = {"strides": (1, 1), "pads": (0, 0, 0, 0), "dilations": (1, 1), "group": 1}
    weights = sketch.real("w", RNG.normal(size=(2, 1, 3, 3)))
    last = sketch.quantized("Conv", ("x", weights), attrs)
    last = sketch.quantized("Add", (last, sketch.real("b", RNG.normal(size=(2, 1, 1)))))
    before = sketch.graph(last)
    after = FuseBias()(before)
    assert [node.op for node in after.nodes] == ["Conv"]
    assert_kept(before, after)


def test_fuse_bias_leaves_products_that_others_read() -> None:
    sketch = Sketch((1, 3))
    product = sketch.quantized("MatMul", ("x", sketch.real("w", RNG.normal(size=(3, 3)))))
    shifted = sketch.quantized("Add", (product, sketch.real("b", RNG.normal(size=3))))
    graph = sketch.graph(sketch.quantized("Add", (product, shifted)))
    assert FuseBias()(graph) is graph


def test_integer_graphs_pass_unchanged() -> None:
    graph = integerize(quantized_mlp(RNG))
    for step in (FoldConstants(), StripHead(), FuseBias(), integerize):
        assert step(graph) is graph  # type: ignore[operator]
