from __future__ import annotations

import tracemalloc
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from netwright.errors import DataError, GraphError, NumericsError
from netwright.formats import Int, Rounding, round_real
from netwright.ir import (
    Graph,
    Interpreter,
    Node,
    TensorType,
    bounds,
    interpret,
    real_values,
)
from tests.ir import naive
from tests.toys import integer_graph, requantize

SUMS = Int(16)
CARRIERS = (np.float32, np.float64, np.int64)


def two_layers(rng: np.random.Generator, *, sums: Int = SUMS) -> Graph:
    """x -> q (6 bits) -> MatMul -> Requantize per channel -> MatMul."""
    constants = {
        "w1": rng.integers(-8, 8, (5, 4)),
        "b1": rng.integers(-20, 20, 4),
        "w2": rng.integers(-8, 8, (4, 3)),
    }
    nodes = (
        Node("fc1", "MatMul", ("q", "w1", "b1"), "s1"),
        requantize(
            "rq", "s1", "a1", multiplier=(3, 5, -7, 1), offset=(0, 9, -4, 100), axis=1, shift=5,
            low=-7, high=7, zero_point=1,
        ),
        Node("fc2", "MatMul", ("a1", "w2"), "s2"),
    )  # fmt: skip
    types = {
        "s1": TensorType((1, 4), sums),
        "a1": TensorType((1, 4), Int(5)),
        "s2": TensorType((1, 3), Int(10)),
    }
    return integer_graph(nodes, width=(5,), constants=constants, types=types, bits=6)


def by_hand(graph: Graph, inputs: np.ndarray) -> dict[str, np.ndarray]:
    codes = np.clip(np.rint(inputs), -32, 31).astype(int)
    sums = naive.matmul(codes, graph.constants["w1"], graph.constants["b1"])
    activations = naive.requantize(
        sums, multiplier=(3, 5, -7, 1), offset=(0, 9, -4, 100), shift=5,
        rounding=Rounding.HALF_EVEN, low=-7, high=7, zero_point=1, axis=1,
    )  # fmt: skip
    return {
        "s1": sums,
        "a1": activations,
        "s2": naive.matmul(activations, graph.constants["w2"], None),
    }


@pytest.mark.parametrize("carrier", CARRIERS)
def test_every_carrier_gives_the_integers_of_the_definition(carrier: type) -> None:
    rng = np.random.default_rng(1)
    graph = two_layers(rng)
    inputs = rng.normal(size=(200, 5)) * 20
    forced = replace(Interpreter.of(graph), carrier=np.dtype(carrier))
    found = forced.run(inputs, keep=["s1", "a1"])
    for name, values in by_hand(graph, inputs).items():
        assert found[name].dtype == np.int64
        np.testing.assert_array_equal(found[name], values.astype(np.int64))


def test_the_narrowest_exact_arithmetic_is_chosen() -> None:
    rng = np.random.default_rng(1)
    small = two_layers(rng)
    assert Interpreter.of(small).carrier == np.float32
    for multiplier, carrier in ((1 << 20, np.float64), (1 << 45, np.int64)):
        node = small.node("rq")
        wide = small.with_node(replace(node, attrs={**node.attrs, "multiplier": (multiplier,) * 4}))
        assert Interpreter.of(wide).carrier == carrier


def test_the_carrier_changes_exactly_where_float32_would_round() -> None:
    """A peak of 2**24 - 1 still runs in float32, 2**24 does not."""
    for weight, carrier in ((2**17 - 1, np.float32), (2**17, np.float64)):
        nodes = (Node("fc", "MatMul", ("q", "w"), "s"),)
        graph = integer_graph(
            nodes, width=(1,), constants={"w": np.array([[weight]])},
            types={"s": TensorType((1, 1), Int(32))}, bits=8,
        )  # fmt: skip
        assert bounds(graph)["s"].peak == weight * 128
        assert Interpreter.of(graph).carrier == carrier
        assert interpret(graph, np.array([[-128.0]]))["s"][0, 0] == -128 * weight


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("dtype", [Int(8), Int(7, signed=False)])
def test_a_too_narrow_accumulator_wraps(carrier: type, dtype: Int) -> None:
    rng = np.random.default_rng(2)
    graph = two_layers(rng, sums=dtype)
    inputs = rng.normal(size=(300, 5)) * 20
    interpreter = Interpreter.of(graph)
    assert interpreter.wrapped == {"s1"}
    found = replace(interpreter, carrier=np.dtype(carrier)).run(inputs, keep=["s1"])["s1"]
    exact = by_hand(graph, inputs)["s1"]
    span = 1 << dtype.bits
    np.testing.assert_array_equal(found, ((exact - dtype.min) % span + dtype.min).astype(int))
    assert np.any(found != exact)


def test_wrapping_into_a_wide_unsigned_format_is_exact() -> None:
    """A small negative sum becomes a large code, which float32 could not hold."""
    nodes = (Node("fc", "MatMul", ("q", "w"), "s"),)
    graph = integer_graph(
        nodes, width=(1,), constants={"w": np.array([[1]])},
        types={"s": TensorType((1, 1), Int(30, signed=False))}, bits=4,
    )  # fmt: skip
    assert interpret(graph, np.array([[-3.0]]))["s"][0, 0] == (1 << 30) - 3


def test_a_wrap_that_no_arithmetic_holds_is_refused() -> None:
    nodes = (Node("fc", "MatMul", ("q", "w"), "s"),)
    graph = integer_graph(
        nodes, width=(1,), constants={"w": np.array([[1]])},
        types={"s": TensorType((1, 1), Int(64, signed=False))}, bits=4,
    )  # fmt: skip
    with pytest.raises(NumericsError, match=r'node "fc" makes values of up to 66 bits; at most 64'):
        Interpreter.of(graph)


def test_sums_beyond_64_bits_are_refused() -> None:
    nodes = (Node("fc", "MatMul", ("q", "w"), "s"),)
    graph = integer_graph(
        nodes, width=(2,), constants={"w": np.full((2, 1), 2**55)},
        types={"s": TensorType((1, 1), Int(64))}, bits=8,
    )  # fmt: skip
    with pytest.raises(NumericsError) as caught:
        Interpreter.of(graph)
    assert str(caught.value) == (
        'tensor "s": node "fc" makes values of up to 65 bits; at most 64 are supported\n'
        "hint: use fewer weight or activation bits"
    )


def test_the_largest_sum_that_fits_is_exact() -> None:
    nodes = (Node("fc", "MatMul", ("q", "w"), "s"),)
    graph = integer_graph(
        nodes, width=(2,), constants={"w": np.array([[2**54 - 1], [2**54 - 1]])},
        types={"s": TensorType((1, 1), Int(64))}, bits=8,
    )  # fmt: skip
    assert interpret(graph, np.full((1, 2), -128.0))["s"][0, 0] == -128 * 2 * (2**54 - 1)


def test_chunks_do_not_change_the_result() -> None:
    rng = np.random.default_rng(3)
    interpreter = Interpreter.of(two_layers(rng))
    inputs = rng.normal(size=(50, 5)) * 20
    whole = interpreter.run(inputs)["s2"]
    np.testing.assert_array_equal(whole, interpreter.run(inputs, chunk_rows=7)["s2"])


def test_tensors_are_held_until_their_last_reader_only() -> None:
    names = ["x", *(f"t{i}" for i in range(40))]
    nodes = tuple(Node(f"relu{i}", "Relu", (a,), b) for i, (a, b) in enumerate(pairwise(names)))
    types = {name: TensorType((1, 100_000)) for name in names}
    graph = Graph("chain", ("x",), ("t39",), nodes, types, {})
    rows = np.ones((2, 100_000))
    tracemalloc.start()
    try:
        kept = interpret(graph, rows, keep=("t3",))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert kept.keys() == {"t3", "t39"}
    assert np.array_equal(kept["t3"], rows)
    assert peak < 8 * rows.nbytes


def test_no_rows_give_no_rows() -> None:
    assert interpret(two_layers(np.random.default_rng(0)), np.zeros((0, 5)))["s2"].shape == (0, 3)


def test_kept_constants_come_back_as_they_are() -> None:
    graph = two_layers(np.random.default_rng(0))
    kept = Interpreter.of(graph).run(np.zeros((4, 5)), keep=["w1", "q"])
    np.testing.assert_array_equal(kept["w1"], graph.constants["w1"])
    assert kept["q"].shape == (4, 5)


def test_kept_tensors_that_depend_on_no_input_come_back_as_they_are() -> None:
    nodes = (
        Node("positive", "Relu", ("table",), "bent"),
        Node("fc", "MatMul", ("x", "bent"), "y"),
    )
    table = np.arange(-2.0, 4).reshape(3, 2)
    types = {"x": (1, 3), "table": (3, 2), "bent": (3, 2), "y": (1, 2)}
    graph = Graph(
        "table", ("x",), ("y",), nodes, {n: TensorType(s) for n, s in types.items()},
        {"table": table},
    )  # fmt: skip
    for rows in (0, 1, 5):
        found = Interpreter.of(graph).run(np.ones((rows, 3)), keep=["bent"], chunk_rows=2)
        np.testing.assert_array_equal(found["bent"], np.maximum(table, 0))
        np.testing.assert_array_equal(found["y"], np.full((rows, 2), [2.0, 4.0]))


def test_inputs_far_outside_the_range_saturate_in_silence() -> None:
    graph = two_layers(np.random.default_rng(0))
    tiny = replace(graph.node("quantize"), attrs={**graph.node("quantize").attrs, "scale": (1e-9,)})
    for mode in Rounding:
        node = replace(tiny, attrs={**tiny.attrs, "rounding": str(mode)})
        inputs = np.array([[1e308, -1e308, 1e300, 0.0, 1e-9]])
        codes = Interpreter.of(graph.with_node(node)).run(inputs, keep=["q"])["q"]
        assert codes.tolist() == [[31, -32, 31, 0, 1]]


@pytest.mark.parametrize("mode", tuple(Rounding))
def test_input_quantizer_with_zero_point(mode: Rounding) -> None:
    """Codes are centered: the zero point is subtracted again."""
    rng = np.random.default_rng(5)
    attrs = {
        "scale": (0.3, 0.7), "axis": 1, "rounding": str(mode), "low": 0, "high": 15,
        "zero_point": 4,
    }  # fmt: skip
    node = Node("quantize", "Quantize", ("x",), "q", attrs)
    types = {
        "x": TensorType((1, 2)),
        "q": TensorType((1, 2), Int(5), (0.3, 0.7), 1),
    }
    graph = Graph("tiny", ("x",), ("q",), (node,), types, {})
    inputs = rng.normal(size=(500, 2)) * 4
    wanted = np.clip(round_real(inputs / np.array([0.3, 0.7]) + 4, mode), 0, 15) - 4
    found = interpret(graph, inputs)["q"]
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_allclose(real_values(graph, "q", found), wanted * np.array([0.3, 0.7]))


def test_real_values_of_a_real_tensor_are_refused() -> None:
    graph = two_layers(np.random.default_rng(0))
    with pytest.raises(NumericsError, match='tensor "x": holds real values, not codes'):
        real_values(graph, "x", np.zeros((1, 5)))


HOSTILE = [
    (np.full((3, 5), np.nan), 'input "x" holds NaN or infinity (first in row 0)'),
    (
        np.array([[0.0] * 5, [0, 0, np.inf, 0, 0]]),
        'input "x" holds NaN or infinity (first in row 1)',
    ),
    (np.zeros((3, 4)), 'input "x" must have shape (batch, 5), not (3, 4)'),
    (np.zeros(5), 'input "x" must have shape (batch, 5), not (5,)'),
    (np.zeros(()), 'input "x" must have shape (batch, 5), not ()'),
    (np.array([["a"] * 5]), 'input "x" must hold real numbers'),
    (np.full((3, 5), 1j), 'input "x" must hold real numbers'),
    ({"y": np.zeros((3, 5))}, 'input "x" is missing; given: y'),
    ({}, 'input "x" is missing; given: none'),
]


@pytest.mark.parametrize(("inputs", "message"), HOSTILE)
def test_bad_inputs_are_named(inputs: np.ndarray | dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(DataError) as caught:
        interpret(two_layers(np.random.default_rng(0)), inputs)
    assert str(caught.value) == message


def test_unknown_tensors_cannot_be_kept() -> None:
    graph = two_layers(np.random.default_rng(0)).with_type("ghost", TensorType((1,)))
    with pytest.raises(DataError, match='graph "toy" has no tensor "ghost"'):
        interpret(graph, np.zeros((1, 5)), keep=["ghost"])


def two_inputs() -> Graph:
    nodes = (Node("add", "Add", ("x", "y"), "z"),)
    types = {name: TensorType((1, 2)) for name in "xyz"}
    return Graph("sum", ("x", "y"), ("z",), nodes, types, {})


def test_several_inputs_are_given_by_name() -> None:
    graph = two_inputs()
    found = interpret(graph, {"x": np.ones((2, 2)), "y": np.full((2, 2), 0.5)})
    assert found["z"].tolist() == [[1.5, 1.5], [1.5, 1.5]]
    with pytest.raises(DataError, match="inputs must be given by name: x, y"):
        interpret(graph, np.ones((2, 2)))
    with pytest.raises(DataError, match="inputs must have the same number of rows"):
        interpret(graph, {"x": np.ones((2, 2)), "y": np.ones((1, 2))})


def test_a_broken_graph_is_not_executed() -> None:
    with pytest.raises(GraphError, match='output "nowhere" is made by no node'):
        Interpreter.of(replace(two_inputs(), outputs=("nowhere",)))
