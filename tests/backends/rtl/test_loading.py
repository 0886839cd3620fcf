from dataclasses import replace

import numpy as np
import pytest

from netwright.backends.rtl.loading import (
    check_loadable,
    loaded_constants,
    other_weights,
    register_interval,
    widened,
    with_stored_bits,
)
from netwright.errors import GraphError
from netwright.formats import Bipolar, Int
from netwright.ir import Graph, Interpreter
from tests.backends.hls.graphs import Build
from tests.backends.rtl.graphs import two_layers


def test_weights_and_biases_of_products_are_loaded() -> None:
    graph = two_layers()
    assert loaded_constants(graph) == ("c0", "c1", "c2", "c3")
    assert register_interval(graph, "c0") == (-32, 31)


def test_registers_hold_more_than_formats_with_few_codes() -> None:
    build = Build("signs")
    weights = build.constant(np.where(build.random.integers(0, 2, (3, 2)), 1, -1), Bipolar())
    graph = build.graph(build.add("MatMul", (build.quantize((3,)), weights)))
    assert register_interval(graph, weights) == (-2, 1)


def test_weights_may_have_more_bits_than_the_first_ones_need() -> None:
    graph = with_stored_bits(two_layers(), weight_bits=8, bias_bits=None)
    assert [graph.types[name].dtype for name in ("c0", "c1", "c2", "c3")] == [
        Int(8), Int(10), Int(8), Int(10),
    ]  # fmt: skip
    larger = graph.with_constant("c0", graph.constants["c0"] * 4)
    check_loadable(graph, widened(larger, graph))
    with pytest.raises(GraphError, match='"c0" holds -128 to 124, which int6 does not allow'):
        check_loadable(two_layers(), larger)


def test_weights_that_do_not_fit_the_bits_are_refused() -> None:
    with pytest.raises(GraphError) as caught:
        with_stored_bits(two_layers(), weight_bits=5, bias_bits=9)
    assert str(caught.value).startswith('weights "c0" hold -32 to 31, which 5 bits do not; biases')
    assert str(caught.value).endswith("hint: raise weight_bits or bias_bits")


def other(seed: int = 5, *, offset: int = 0, constant: int = 1) -> Graph:
    build = Build("tiny", seed)
    hidden = build.requantize(build.dense(build.quantize((3,)), 2), offset=(offset,))
    return build.graph(build.add("Add", (hidden, build.constant([constant, 1]))))


def test_weights_and_scales_may_differ() -> None:
    one = other(5)
    two = other(6).with_type("x0", one.types["x0"])
    check_loadable(one, two)


def test_everything_else_may_not() -> None:
    with pytest.raises(GraphError) as caught:
        check_loadable(other(), other(offset=3, constant=2))
    assert str(caught.value) == (
        'graph "tiny" cannot be loaded: node "requantize_2" is not as "requantize_2" was; '
        'constant "c2" has other values\n'
        "hint: generate a design for it; only weights and biases of products can be loaded, and "
        "weight_bits and bias_bits say how large they may be"
    )
    with pytest.raises(GraphError, match="it has 3 nodes, not 4"):
        check_loadable(other(), replace(other(), nodes=other().nodes[:-1]))


def test_weights_must_fit_the_first_formats() -> None:
    one = other()
    value = np.where(one.constants["c0"] == one.constants["c0"].max(), 100, one.constants["c0"])
    two = replace(one.with_type("c0", one.types["c0"].with_number(Int(8))),
                  constants={**one.constants, "c0": value})  # fmt: skip
    with pytest.raises(GraphError, match='"c0" holds -32 to 100, which int6 does not allow'):
        check_loadable(one, two)


def test_what_wraps_must_wrap_alike() -> None:
    one = other()
    name = "matmul_1_out"
    two = one.with_type(name, one.types[name].with_number(Int(6)))
    with pytest.raises(GraphError, match=f'"{name}" wraps differently'):
        check_loadable(one, two)


def test_other_weights_reach_as_far_as_any() -> None:
    graph = two_layers()
    graphs = list(other_weights(graph, count=10, seed=3))
    names = [name for node in graph.nodes if node.op == "MatMul" for name in node.inputs[1:]]
    for made in graphs:
        check_loadable(graph, made)
        assert not Interpreter.of(made).wrapped
    for name in names:
        dtype = graph.types[name].dtype
        ends = {(int(made.constants[name].min()), int(made.constants[name].max()))
                for made in graphs[:8]}  # fmt: skip
        assert ends == {(dtype.min, dtype.min), (dtype.max, dtype.max)}


def test_other_weights_are_extreme_in_one_product_while_others_vary() -> None:
    """A layer that saturates for all extreme weights hides what stands before it."""
    graph = two_layers()
    names = [node.inputs[1] for node in graph.nodes if node.op == "MatMul"]
    varied = [
        tuple(len(np.unique(made.constants[name])) > 1 for name in names)
        for made in list(other_weights(graph, count=14, seed=3))[8:]
    ]
    assert varied == 2 * [(False, True), (True, False), (True, True)]


def test_other_weights_of_formats_with_few_codes_are_codes() -> None:
    build = Build("signs")
    weights = build.constant(np.where(build.random.integers(0, 2, (3, 2)), 1, -1), Bipolar())
    graph = build.graph(build.add("MatMul", (build.quantize((3,)), weights)))
    for made in other_weights(graph, count=6, seed=0):
        assert set(np.unique(made.constants[weights])) <= {-1, 1}
