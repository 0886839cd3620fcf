from __future__ import annotations

import numpy as np
import pytest

from netwright.backends.cpu.executor import make_executor, packed_weights
from netwright.backends.cpu.operands import operands_of
from netwright.errors import ConfigError, DataError
from netwright.formats import NM, Format, Int, OutlierPairs, smallest_int
from netwright.ir import Graph, Node, TensorType, interpret
from netwright.kernels import available_isas
from tests.backends.cpu.transformers import block, rows_of


def test_every_path_and_number_of_threads_gives_the_same() -> None:
    graph = block(codes=True)
    packed, rows = packed_weights(graph), rows_of(graph, 5)
    wanted = make_executor(graph, packed, isa="numpy").run(rows, keep=tuple(graph.producers))
    for isa in available_isas():
        found = make_executor(graph, packed, isa=isa, threads=2).run(rows, keep=wanted)
        for name, values in wanted.items():
            np.testing.assert_array_equal(found[name], values, err_msg=name)


def test_products_go_by_the_formats_of_their_operands() -> None:
    kernels = make_executor(block(), {}).kernels
    assert set(kernels.values()) == {"float32"}
    graph = block(codes=True)
    kernels = make_executor(graph, packed_weights(graph)).kernels
    assert (kernels["query"], kernels["wide"]) == ("int8", "block-sparse int8")
    assert set(kernels) == {node.name for node in graph.nodes if operands_of(graph, node, {})}


@pytest.mark.parametrize(
    ("weights", "inputs", "kernel"),
    [
        (Format(OutlierPairs(), group_axis=0), OutlierPairs(), "four-bit words"),
        (Format(OutlierPairs("flint4"), group_axis=0), OutlierPairs("flint4"), "four-bit words"),
        (Format(Int(4)), Int(8, signed=False), "four-bit words"),
        (Format(Int(8), pattern=NM(2, 8, axis=0)), Int(8), "N:M int8"),
    ],
)
def test_weights_in_few_bits_equal_the_interpreter(weights, inputs, kernel) -> None:
    random = np.random.default_rng(0)
    drawn = random.normal(0, 3, (64, 10)) * np.where(random.random((64, 10)) < 0.1, 15, 1)
    if weights.pattern is not None:
        drawn.reshape(8, 8, 10)[:, 2:] = 0
    graph = Graph(
        name="layer",
        inputs=("x",),
        outputs=("y",),
        nodes=(Node("dense", "MatMul", ("x", "w"), "y"),),
        types={
            "x": TensorType((1, 64), inputs),
            "w": TensorType((64, 10), weights),
            "y": TensorType((1, 10), Int(32)),
        },
        constants={"w": weights.nearest(drawn).astype(np.int64)},
    )
    rows = {"x": Format(inputs).nearest(random.normal(0, 20, (7, 64)))}
    executor = make_executor(graph, packed_weights(graph))
    assert executor.kernels == {"dense": kernel}
    np.testing.assert_array_equal(executor.run(rows)["y"], interpret(graph, rows)["y"])


def test_rows_do_not_depend_on_the_others() -> None:
    graph = block()
    executor, rows = make_executor(graph, {}), rows_of(graph, 300)
    (name,) = graph.outputs
    whole = executor.run(rows)[name]
    assert whole.shape[0] == 300
    part = {key: value[257:258] for key, value in rows.items()}
    np.testing.assert_allclose(executor.run(part)[name], whole[257:258], rtol=1e-5)


@pytest.mark.parametrize("moved", [False, True])
def test_a_quantizer_that_is_exact_reads_inputs_that_float32_would_round(moved: bool) -> None:
    types = {"x": TensorType((1, 2)), "t": TensorType((1, 2, 1)), "y": TensorType((1, 2), Int(9))}
    types["y"] = TensorType((1, 2, 1) if moved else (1, 2), Int(9))
    quantize = {"scale": (1.0,), "low": 0, "high": 255, "rounding": "half-even"}
    nodes = (Node("q", "Quantize", ("t" if moved else "x",), "y", quantize),)
    if moved:
        nodes = (Node("r", "Reshape", ("x",), "t", {"shape": (1, 2, 1)}), *nodes)
    else:
        del types["t"]
    graph = Graph("g", ("x",), ("y",), nodes, types, {})
    rows = np.array([[5.5 - 1e-12, 5.5 + 1e-12], [255.0, 0.0]])
    found = make_executor(graph, packed_weights(graph)).run(rows)["y"]
    assert found.reshape(2, 2).tolist() == [[5, 6], [255, 0]]


def test_a_quantizer_that_wraps_wraps_here_too() -> None:
    types = {"x": TensorType((1, 2)), "y": TensorType((1, 2), Int(6))}
    quantize = {"scale": (1.0,), "low": -1000, "high": 1000, "rounding": "half-even"}
    node = Node("q", "Quantize", ("x",), "y", quantize)
    graph = Graph("g", ("x",), ("y",), (node,), types, {})
    rows = np.array([[32.0, 31.0], [-33.0, 100.0]])
    found = make_executor(graph, packed_weights(graph)).run(rows)["y"]
    assert found.tolist() == interpret(graph, rows)["y"].tolist() == [[-32, 31], [31, -28]]


def test_accumulators_that_wrap_wrap_here_too() -> None:
    types = {
        "x": TensorType((1, 3)), "q": TensorType((1, 3), Int(4)), "w": TensorType((3, 2), Int(4)),
        "b": TensorType((2,), Int(5)), "y": TensorType((1, 2), Int(5)),
    }  # fmt: skip
    quantize = {"scale": (1.0,), "low": -8, "high": 7, "rounding": "half-even"}
    nodes = (
        Node("q", "Quantize", ("x",), "q", quantize),
        Node("m", "MatMul", ("q", "w", "b"), "y"),
    )
    constants = {"w": np.array([[7, -8], [7, 5], [-3, 7]]), "b": np.array([15, -16])}
    graph = Graph("g", ("x",), ("y",), nodes, types, constants)
    rows = np.random.default_rng(0).normal(scale=5, size=(100, 3))
    found = make_executor(graph, packed_weights(graph)).run(rows)["y"]
    np.testing.assert_array_equal(found, interpret(graph, rows)["y"])
    assert found.dtype == np.int64


def test_no_rows_give_no_rows() -> None:
    graph = block()
    rows = {name: value[:0] for name, value in rows_of(graph, 1).items()}
    (made,) = make_executor(graph, {}).run(rows).values()
    assert made.shape == (0, 6, 16)


def test_constants_and_inputs_can_be_kept() -> None:
    graph = block()
    rows = rows_of(graph, 2)
    found = make_executor(graph, {}).run(rows, keep=["table", "ids", "query_weight"])
    np.testing.assert_array_equal(found["table"], graph.constants["table"])
    np.testing.assert_array_equal(found["ids"], rows["ids"])
    np.testing.assert_array_equal(found["query_weight"], graph.constants["query_weight"])


def test_weights_that_are_missing_are_refused() -> None:
    with pytest.raises(DataError, match="packed weights are damaged"):
        make_executor(block(codes=True), {})


def test_a_path_that_does_not_exist_is_refused() -> None:
    graph = block(codes=True)
    with pytest.raises(ConfigError):
        make_executor(graph, packed_weights(graph), isa="mmx")


@pytest.mark.parametrize("zero_point", [0, 5, 128, 200, 255])
def test_codes_with_a_zero_point_are_bytes_for_the_kernels(zero_point) -> None:
    low, high = -zero_point, 255 - zero_point
    types = {
        "x": TensorType((1, 6)), "q": TensorType((1, 6), smallest_int(low, high)),
        "w": TensorType((6, 4), Int(8)), "y": TensorType((1, 4), Int(24)),
    }  # fmt: skip
    quantize = {"scale": (0.01,), "low": 0, "high": 255, "rounding": "half-even",
                "zero_point": zero_point}  # fmt: skip
    nodes = (Node("q", "Quantize", ("x",), "q", quantize), Node("m", "MatMul", ("q", "w"), "y"))
    random = np.random.default_rng(0)
    graph = Graph("g", ("x",), ("y",), nodes, types, {"w": random.integers(-128, 128, (6, 4))})
    rows = random.normal(size=(50, 6))
    executor = make_executor(graph, packed_weights(graph))
    assert executor.kernels == {"m": "int8"}
    np.testing.assert_array_equal(executor.run(rows)["y"], interpret(graph, rows)["y"])
