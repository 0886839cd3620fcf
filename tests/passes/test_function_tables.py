"""Functions of quantized values become tables."""

from __future__ import annotations

import math

import numpy as np
import pytest

from netwright.errors import GraphError
from netwright.ir import Graph, Node, TensorType, interpret, real_values
from netwright.passes import Widths, integerize, quantize
from netwright.passes.function_tables import FREE_BITS

RANDOM = np.random.default_rng(4)
ROWS = RANDOM.normal(size=(200, 6)) * 2


def network(name: str, *, ends: bool = False, features: int = 8) -> Graph:
    nodes = [
        Node("fc", "MatMul", ("x", "w", "b"), "s"),
        Node("bend", "Function", ("s",), "h", {"name": name, "parameter": (0.0,)}),
        Node("out", "MatMul", ("h", "v"), "y"),
    ]
    shapes = {"x": (1, 6), "w": (6, features), "b": (features,), "s": (1, features)}
    shapes |= {"h": (1, features), "v": (features, 3), "y": (1, 3)}
    made = {node.output for node in nodes} | {"x"}
    constants = {
        name: RANDOM.normal(size=shape) / 3 for name, shape in shapes.items() if name not in made
    }
    if ends:
        nodes, shapes = nodes[:2], {n: shapes[n] for n in ("x", "w", "b", "s", "h")}
        constants.pop("v")
    types = {name: TensorType(shape) for name, shape in shapes.items()}
    return Graph("bent", ("x",), (nodes[-1].output,), tuple(nodes), types, constants)


@pytest.mark.parametrize("scale", ["power-of-two", "float"])
@pytest.mark.parametrize("name", ["tanh", "sigmoid", "gelu", "softplus", "silu", "mish"])
def test_more_bits_come_closer(name: str, scale: str) -> None:
    graph, errors = network(name), []
    wanted = interpret(graph, ROWS)["y"]
    for bits in (4, 8, 12):
        exact = integerize(quantize(graph, ROWS, bits=Widths(bits, bits), scale=scale))
        assert [node.op for node in exact.nodes].count("Lookup") == 1
        found = real_values(exact, "y", interpret(exact, ROWS)["y"])
        errors.append(float(np.sqrt(np.square(found - wanted).mean() / np.square(wanted).mean())))
    assert errors[0] > 4 * errors[1] > 16 * errors[2]
    assert errors[1] < 0.03


def test_the_table_holds_the_function_of_every_code() -> None:
    quantized = quantize(network("gelu"), ROWS, bits=Widths(8, 5))
    lookup = next(node for node in quantized.nodes if node.op == "Lookup")
    source = next(node for node in quantized.nodes if node.op == "Quant" and node.inputs == ("s",))
    assert source.integer("bits") == 5  # what reads the function's values has five
    assert lookup.integer("first") == -16
    (scale,) = source.reals("scale")
    codes = np.arange(-16, 16) * scale
    entries = quantized.constants[lookup.inputs[1]]
    assert entries.shape == (8, 1, 32)
    half = 0.5 * codes * (1 + np.vectorize(math.erf)(codes / np.sqrt(2)))
    np.testing.assert_allclose(entries, np.broadcast_to(half, entries.shape), atol=1e-7)


def test_a_function_at_the_end_keeps_sixteen_bits() -> None:
    graph = network("tanh", ends=True)
    exact = integerize(quantize(graph, ROWS, bits=Widths(8, 12)))
    assert exact.nodes[-1].op == "Lookup"
    assert exact.types["h"].dtype.bits == FREE_BITS
    found = real_values(exact, "h", interpret(exact, ROWS)["h"])
    assert np.abs(found - interpret(graph, ROWS)["h"]).max() < 0.05  # of weights of 8 bits


def test_tables_that_are_too_large_are_refused_with_the_width_that_fits() -> None:
    with pytest.raises(GraphError) as caught:
        quantize(network("tanh", features=128), ROWS, bits=Widths(8, 16))
    assert str(caught.value) == (
        'node "bend": a table of tanh for 16-bit codes of 128 features has 8388608 entries, more '
        "than 4194304\nhint: quantize activations to 15 bits or fewer, as in --bits 8,15; "
        "--backend cpu computes float files as they are"
    )


def test_functions_without_a_finite_value_are_refused() -> None:
    with pytest.raises(GraphError, match="reciprocal has no finite value for 0"):
        quantize(network("reciprocal"), ROWS)
    with pytest.raises(GraphError, match='node "bend": "h" is not finite on the calibration rows'):
        quantize(network("log"), ROWS)
