import numpy as np
import pytest

from netwright.backends.rtl.cells.affine import Affine
from netwright.backends.rtl.cells.builder import LayerBuilder
from netwright.backends.rtl.cells.circuit import Wire
from netwright.backends.rtl.unrolled.layers import lower
from netwright.backends.rtl.unrolled.products import (
    multiply_loaded,
    numbers_or_wires,
    product,
    with_biases,
)
from netwright.errors import NumericsError
from netwright.formats import Int
from netwright.ir import Graph
from tests.backends.hls.graphs import Build
from tests.backends.rtl.graphs import two_layers

A, B = Wire("a", (0, 3)), Wire("b", (-2, 1))
V, W = Wire("v", (-4, 3)), Wire("w", (-4, 3))


def layer() -> LayerBuilder:
    made = LayerBuilder("l", None)
    made.times |= {wire.name: (0, 0) for wire in (A, B, V, W)}
    return made


def column(*wires: Wire) -> np.ndarray:
    values = np.empty((len(wires), 1), dtype=object)
    values[:, 0] = [Affine(wire) for wire in wires]
    return values


def test_constants_are_integers_and_signals_are_not() -> None:
    constants = np.array([[Affine(None, offset=4)], [Affine(None, offset=-1)]], dtype=object)
    assert numbers_or_wires(constants).tolist() == [[4], [-1]]
    assert numbers_or_wires(column(V, W)).dtype == object


def test_the_interval_of_a_sum_holds_for_any_weights() -> None:
    made = layer()
    (value,) = multiply_loaded([A, B], column(V, W), made, "n")
    values = [a * v + b * w for a in range(4) for b in range(-2, 2)
              for v in range(-4, 4) for w in range(-4, 4)]  # fmt: skip
    assert value.interval == (min(values), max(values))
    assert made.cells[0].parameters == {
        "N": 2, "X_BITS": 3, "X_SIGNED": 1, "W_BITS": 3, "W_SIGNED": 1, "Y_BITS": 6,
    }  # fmt: skip


def test_what_is_always_zero_takes_no_multiplier() -> None:
    made = layer()
    (value,) = multiply_loaded([0, A], column(V, W), made, "n")
    assert made.cells[0].inputs == {"x": (A,), "w": (W,)}
    assert value.interval == (-12, 9)
    assert multiply_loaded([0, 0], column(V, W), made, "n") == [Affine(None)]


def test_a_constant_is_multiplied_by_its_weight() -> None:
    made = layer()
    (value,) = multiply_loaded([5, 0], column(V, W), made, "n")
    assert value.interval == (-20, 15)


def test_loaded_products_are_not_claimed() -> None:
    made = layer()
    product("fc", range(1), [A, B], column(V, W), made, "n")
    assert made.claims == []
    product("fc", range(1), [A, B], np.array([[3], [5]]), made, "n")
    assert [claim.node for claim in made.claims] == ["fc"]


def test_biases_may_be_signals() -> None:
    made = layer()
    one, other = with_biases([Affine(A), Affine(B)], [Affine(V), Affine(None, offset=7)], made, "n")
    assert one.interval == (-4, 6)
    assert other == Affine(B, offset=7)


def wide() -> Graph:
    build = Build("wide")
    weights = build.constant(np.full((5, 2), 1 << 41))
    return build.graph(build.add("MatMul", (build.quantize((5,), bits=20), weights), dtype=Int(60)))


def test_a_sum_beyond_the_supported_width() -> None:
    with pytest.raises(NumericsError) as caught:
        lower(wide(), None, loadable=True)
    assert str(caught.value).startswith('node "matmul_1" needs sums of ')


def test_loaded_weights_are_ports_and_outputs_hold_what_any_of_them_make() -> None:
    graph = two_layers()
    circuit = lower(graph, None, loadable=True)
    assert [(port.name, port.tensor) for port in circuit.inputs[1:]] == [
        ("w0", "c0"), ("w1", "c1"), ("w2", "c2"), ("w3", "c3"),
    ]  # fmt: skip
    assert not any(layer.claims for layer in circuit.layers)
    # 5 values of 0 to 63 by weights of 4 bits, and a bias of 10 bits.
    assert 1 << (circuit.outputs[0].bits - 1) > 5 * 63 * 8 + 512
