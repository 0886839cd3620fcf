from __future__ import annotations

import numpy as np
import pytest

from netwright.backends.cpu import cpu
from netwright.backends.cpu.executor import make_executor, packed_weights
from netwright.errors import GraphError
from netwright.formats import E4M3, Blocks, Format, Int, OutlierPairs, Rounding, round_real
from netwright.ir import Graph, Interpreter, Node, TensorType, check, interpret
from netwright.passes import CodeProducts, Widths, code_products, quantize_products
from netwright.passes.post_training import with_quantizers
from netwright.verify import agree
from tests.backends.cpu.transformers import block, rows_of


def test_products_multiply_codes_and_all_else_stays_real() -> None:
    graph = block()
    rows = rows_of(graph, 30)
    made = quantize_products(graph, rows)
    assert made.is_mixed
    products = [node for node in made.nodes if node.op == "MatMul"]
    assert len(products) == 6
    assert all(made.types[node.output].is_integer for node in products)
    others = [node.op for node in graph.nodes if node.op != "MatMul"]
    kept = [n.op for n in made.nodes if n.op not in ("MatMul", "Quantize", "Dequantize")]
    assert sorted(kept) == sorted([*others, *["Add"] * 6])
    assert [node.op for node in made.nodes].count("Quantize") == 4  # three read one tensor
    (wanted,), (found,) = interpret(graph, rows).values(), interpret(made, rows).values()
    assert 0 < np.abs(found - wanted).max() < 0.05 * np.abs(wanted).max()


def test_more_bits_come_closer() -> None:
    graph = block()
    rows = rows_of(graph, 30)
    (wanted,) = interpret(graph, rows).values()
    errors = []
    for bits in (4, 8, 12):
        (found,) = interpret(quantize_products(graph, rows, bits=Widths(bits, bits)), rows).values()
        errors.append(float(np.abs(found - wanted).max()))
    assert errors[0] > errors[1] > errors[2] > 0


def test_the_values_are_those_of_the_quantizers() -> None:
    graph = block()
    rows = rows_of(graph, 10)
    made = quantize_products(graph, rows)
    quantize = {n.name: n for n in made.nodes if n.op == "Quantize"}
    limits = Interpreter.of(made)
    assert limits.wrapped == frozenset()
    assert all(node.integer("high") <= 255 for node in quantize.values())
    assert CodeProducts()(made) is made


@pytest.mark.parametrize("zero_point", [0, 128, 10])
@pytest.mark.parametrize("axis", [None, 1])
def test_the_values_stay_the_same_and_the_weights_keep_their_pattern(zero_point, axis) -> None:
    random = np.random.default_rng(0)
    weights = random.normal(size=(5, 4)) * (random.random((5, 1)) < 0.5)
    scale = (0.1,) if axis is None else (0.1, 0.2, 0.05, 0.01)
    quant = {"bits": 8, "signed": 0, "narrow": 0, "rounding": "half-even", "scale": (0.02,)}
    held = {**quant, "signed": 1, "scale": scale, "axis": axis}
    nodes = (
        Node("a", "Quant", ("x",), "q", {**quant, "axis": None, "zero_point": zero_point}),
        Node("b", "Quant", ("w",), "v", {**held, "zero_point": 0}),
        Node("fc", "MatMul", ("q", "v", "k"), "y"),
    )
    pattern = Blocks(4, axis=1, density=0.8)
    types = {"x": TensorType((1, 5)), "q": TensorType((1, 5)), "k": TensorType((4,)),
             "w": TensorType((5, 4), pattern=pattern), "v": TensorType((5, 4)),
             "y": TensorType((1, 4))}  # fmt: skip
    constants = {"w": weights, "k": random.normal(size=4)}
    graph = check(Graph("g", ("x",), ("y",), nodes, types, constants))
    made = CodeProducts()(graph)
    rows = 3 * random.normal(size=(50, 5))
    np.testing.assert_allclose(
        interpret(made, rows)["y"], interpret(graph, rows)["y"], rtol=1e-12, atol=1e-12
    )
    assert [node.op for node in made.nodes] == ["Quantize", "MatMul", "Dequantize", "Add"]
    assert made.types[made.nodes[1].inputs[1]].pattern == pattern
    bits = {0: "uint8", 128: "int8", 10: "int9"}[zero_point]
    assert str(made.types[made.nodes[0].output].dtype) == bits


@pytest.mark.parametrize("rounding", [str(mode) for mode in Rounding])
def test_codes_of_weights_round_as_their_quantizer_does(rounding: str) -> None:
    weights = np.array([[0.25], [0.75], [-0.25], [-0.75], [0.3]])
    quant = {"bits": 4, "signed": 1, "rounding": rounding, "scale": (0.5,), "axis": None}
    nodes = (
        Node("a", "Quant", ("x",), "q", {**quant, "zero_point": 0}),
        Node("b", "Quant", ("w",), "v", {**quant, "zero_point": 0}),
        Node("fc", "MatMul", ("q", "v"), "y"),
    )
    types = {"x": TensorType((1, 5)), "q": TensorType((1, 5)), "w": TensorType((5, 1)),
             "v": TensorType((5, 1)), "y": TensorType((1, 1))}  # fmt: skip
    graph = check(Graph("g", ("x",), ("y",), nodes, types, {"w": weights}))
    made = CodeProducts()(graph)
    codes = made.constants[made.nodes[1].inputs[1]]
    np.testing.assert_array_equal(codes, round_real(weights / 0.5, Rounding(rounding)))
    rows = np.eye(5)
    np.testing.assert_array_equal(interpret(made, rows)["y"], interpret(graph, rows)["y"])


def test_products_of_what_has_several_scales_stay_real() -> None:
    grid = {"bits": 4, "signed": 1, "rounding": "half-even", "scale": (0.5,), "axis": None}
    nodes = (
        Node("a", "Quant", ("x",), "q", {**grid, "scale": (0.5, 0.25), "axis": 1}),
        Node("b", "Quant", ("w",), "v", grid),
        Node("fc", "MatMul", ("q", "v"), "y"),
    )
    types = {name: TensorType((1, 2)) for name in "xqy"} | {n: TensorType((2, 2)) for n in "wv"}
    graph = check(Graph("g", ("x",), ("y",), nodes, types, {"w": np.ones((2, 2))}))
    assert CodeProducts()(graph) is graph


def test_a_graph_without_quantizers_is_left_alone() -> None:
    graph = block()
    assert CodeProducts()(graph) is graph
    assert with_quantizers(graph, {}, {}) == check(graph)


PAIRS = OutlierPairs()


@pytest.mark.parametrize("number", [PAIRS, Int(4), E4M3], ids=str)
def test_products_take_any_format(number, tmp_path) -> None:
    graph = block()
    rows = rows_of(graph, 10)
    weights = {"wide": Format(number, (0.06,), group_axis=0)}
    inputs = {"wide": Format(number, (0.25,), group_axis=-1)}
    made = code_products(graph, weights=weights, inputs=inputs)
    design = cpu().generate(made, tmp_path / "d")
    assert agree(made, design, rows).holds
    if number.is_integer:
        assert design.kernels["wide"] == "four-bit words"
        assert made.types[made.node("wide").inputs[0]].format == inputs["wide"]
    (wanted,), (found,) = interpret(graph, rows).values(), interpret(made, rows).values()
    assert 0 < np.abs(found - wanted).max() < 0.1


def test_a_product_that_is_not_there_is_refused() -> None:
    with pytest.raises(GraphError, match='node "gelu": is no product with weights'):
        code_products(block(), weights={"gelu": Format(PAIRS, group_axis=0)}, inputs={})


@pytest.mark.parametrize("zero_point", [100, 0, 255])
def test_codes_with_a_zero_point_are_multiplied_as_bytes(zero_point: int) -> None:
    """A file rounds before it adds the zero point: a wider quantizer and a limit at codes."""
    random = np.random.default_rng(2)
    scale = float(np.float32(0.02))
    quant = {"narrow": 0, "rounding": "half-even", "axis": None, "zero_point": 0}
    ends = {"low": (-zero_point * scale,), "high": ((255 - zero_point) * scale,)}
    nodes = (
        Node("a", "Quant", ("x",), "q", {**quant, "bits": 9, "signed": 1, "scale": (scale,)}),
        Node("limit", "Clip", ("q",), "c", ends),
        Node("b", "Quant", ("w",), "v", {**quant, "bits": 8, "signed": 1, "scale": (0.01,)}),
        Node("fc", "MatMul", ("c", "v"), "y"),
    )
    shapes = {"x": (1, 40), "q": (1, 40), "c": (1, 40), "w": (40, 8), "v": (40, 8), "y": (1, 8)}
    types = {name: TensorType(shape) for name, shape in shapes.items()}
    weights = random.normal(size=(40, 8))
    graph = check(Graph("toy", ("x",), ("y",), nodes, types, {"w": weights}))
    made = CodeProducts()(graph)
    assert [node.op for node in made.nodes] == ["Quantize", "MatMul", "Dequantize"]
    executor = make_executor(made, packed_weights(made))
    assert executor.kernels == {"fc": "int8"}
    rows = np.concatenate([random.normal(size=(60, 40)) * 4, np.full((1, 40), 99.0), -np.eye(40)])
    sums = made.nodes[1].output
    exact = Interpreter.of(made).run(rows, keep=[sums])
    found = executor.run(rows, keep=[sums])
    np.testing.assert_array_equal(found[sums], exact[sums])
    np.testing.assert_allclose(exact["y"], interpret(graph, rows)["y"], rtol=1e-12, atol=1e-12)


def test_a_limit_between_codes_leaves_the_product_real() -> None:
    quant = {"narrow": 0, "rounding": "half-even", "axis": None, "zero_point": 0, "signed": 1}
    quant |= {"bits": 8, "scale": (0.5,)}
    nodes = (
        Node("a", "Quant", ("x",), "q", quant),
        Node("limit", "Clip", ("q",), "c", {"low": (0.0,), "high": (1.25,)}),
        Node("b", "Quant", ("w",), "v", quant),
        Node("fc", "MatMul", ("c", "v"), "y"),
    )
    shapes = {"x": (1, 4), "q": (1, 4), "c": (1, 4), "w": (4, 8), "v": (4, 8), "y": (1, 8)}
    types = {name: TensorType(shape) for name, shape in shapes.items()}
    graph = check(Graph("toy", ("x",), ("y",), nodes, types, {"w": np.ones((4, 8))}))
    assert CodeProducts()(graph) is graph
