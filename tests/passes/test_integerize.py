"""Integerization is exact where it says so, notes where not, and refuses with a remedy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.errors import GraphError, UnsupportedOp
from netwright.formats import Rounding
from netwright.ir import Graph, interpret, real_values
from netwright.passes import Integerize, integerize, run_passes
from tests.exchange.graphs import WINDOW, Sketch, inputs_for, quant, quantized_mlp

ROUNDINGS = [str(mode) for mode in Rounding]


def reals(graph: Graph, rows: np.ndarray) -> np.ndarray:
    name = graph.outputs[0]
    return real_values(graph, name, interpret(graph, rows)[name])


def assert_exact(graph: Graph, rows: np.ndarray | None = None) -> Graph:
    if rows is None:
        rows = inputs_for(graph, np.random.default_rng(1), rows=120)
    integers = integerize(graph)
    assert integers.notes == (), integers.notes
    np.testing.assert_array_equal(reals(integers, rows), interpret(graph, rows)[graph.outputs[0]])
    return integers


def sketched(build: Callable[[Sketch, str], str], *, scale: float = 0.25) -> Graph:
    """A graph whose input is quantized to four bits."""
    sketch = Sketch((1, 3))
    last = sketch.quantized("Quant", ("x",), quant(4, scale), name="input_quant")
    return sketch.graph(build(sketch, last))


@given(
    seed=st.integers(0, 2**32),
    bits=st.integers(2, 16),
    weight_bits=st.integers(2, 10),
    rounding=st.sampled_from(ROUNDINGS),
    bias=st.sampled_from(["none", "float", "quant"]),
)
@settings(max_examples=60)
def test_power_of_two_scales_are_exact_up_to_the_last_quantizer(
    seed: int, bits: int, weight_bits: int, rounding: str, bias: str
) -> None:
    graph = quantized_mlp(
        np.random.default_rng(seed),
        bits=bits,
        weight_bits=weight_bits,
        rounding=rounding,
        bias=bias,
    )
    hidden = graph.node("act0").output
    rows = inputs_for(graph, np.random.default_rng(seed))
    integers = integerize(graph)
    kept = interpret(integers, rows, keep=[hidden])[hidden]
    expected = interpret(graph, rows, keep=[hidden])[hidden]
    np.testing.assert_array_equal(real_values(integers, hidden, kept), expected)


@given(seed=st.integers(0, 2**32), bits=st.integers(2, 12))
@settings(max_examples=40)
def test_float_scales_stay_within_one_code(seed: int, bits: int) -> None:
    graph = quantized_mlp(np.random.default_rng(seed), bits=bits, power_of_two=False)
    hidden = graph.node("act0").output
    rows = inputs_for(graph, np.random.default_rng(seed), rows=60)
    integers = integerize(graph)
    assert all(note.error < 1e-8 for note in integers.notes if note.node == "act0")
    codes = interpret(integers, rows, keep=[hidden])[hidden]
    wanted = interpret(graph, rows, keep=[hidden])[hidden] / 0.211
    assert np.max(np.abs(codes - wanted)) < 1.001
    assert np.mean(np.abs(codes - wanted) < 0.001) > 0.999


def test_input_without_quantizer_is_refused() -> None:
    sketch = Sketch((1, 3))
    weights = sketch.real("w", np.ones((3, 2)))
    graph = sketch.graph(sketch.quantized("MatMul", ("x", weights), name="fc1"))
    with pytest.raises(GraphError) as caught:
        integerize(graph)
    assert str(caught.value) == (
        'input "x" reaches "fc1" without a quantizer\nhint: put a Quant node behind the input, or '
        "let one be put there: --input-quant BITS,SCALE (input_quantizer= in Python)"
    )


def test_float_weights_are_refused() -> None:
    def build(sketch: Sketch, last: str) -> str:
        weights = sketch.real("w", np.random.default_rng(0).normal(size=(3, 2)))
        return sketch.quantized("MatMul", (last, weights), name="fc1")

    with pytest.raises(GraphError) as caught:
        integerize(sketched(build))
    assert str(caught.value) == (
        'node "fc1": the weights are not quantized\nhint: put a Quant node behind the weights'
    )


def test_softmax_in_the_middle_is_refused() -> None:
    graph = sketched(
        lambda sketch, last: sketch.quantized(
            "Relu", (sketch.quantized("Softmax", (last,), name="soft"),)
        )
    )
    with pytest.raises(UnsupportedOp, match='node "soft": operator "Softmax" is not supported'):
        integerize(graph)


@pytest.mark.parametrize(
    ("scale", "exact"),
    [((0.25, 0.5, 2.0), True), ((0.25, 0.375, 2.0), True), ((0.1, 0.3, 2.0), False)],
)
def test_scales_that_vary_along_the_sum_become_one(scale: tuple[float, ...], exact: bool) -> None:
    sketch = Sketch((1, 3))
    last = sketch.quantized("Quant", ("x",), quant(4, scale, axis=1))
    weights = sketch.real("w", np.arange(6.0).reshape(3, 2) - 2)
    weights = sketch.quantized("Quant", (weights,), quant(4, 1.0))
    graph = sketch.graph(sketch.quantized("MatMul", (last, weights), name="fc1"))
    if exact:
        assert_exact(graph)
        return
    integers = integerize(graph)
    rows = inputs_for(graph, np.random.default_rng(0))
    off = np.abs(reals(integers, rows) - interpret(graph, rows)[graph.outputs[0]])
    assert 0 < np.max(off) <= sum(note.output_bound for note in integers.notes)


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("offset", [0.0, 0.3, -0.7, 0.5, 0.125, 1e-9, -1e-9, 3.75])
@pytest.mark.parametrize("scale", [0.125, 0.25, 1.0])
def test_real_offsets_before_a_quantizer_are_exact(
    scale: float, offset: float, rounding: str
) -> None:
    def build(sketch: Sketch, last: str) -> str:
        last = sketch.quantized("Add", (last, sketch.real("c", np.array(offset))))
        return sketch.quantized("Quant", (last,), quant(5, scale, rounding=rounding))

    assert_exact(sketched(build))


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_relu_and_clip_before_a_quantizer_are_folded(rounding: str) -> None:
    def build(sketch: Sketch, last: str) -> str:
        last = sketch.quantized("Add", (last, sketch.real("c", np.array(0.3))))
        last = sketch.quantized("Relu", (last,))
        last = sketch.quantized("Clip", (last,), {"low": (0.1,), "high": (0.9,)})
        return sketch.quantized("Quant", (last,), quant(6, 0.125, rounding=rounding))

    graph = assert_exact(sketched(build))
    assert [node.op for node in graph.nodes] == ["Quantize", "Requantize"]


def test_relu_behind_a_quantizer_tightens_its_clamp() -> None:
    graph = assert_exact(sketched(lambda sketch, last: sketch.quantized("Relu", (last,))))
    assert [node.op for node in graph.nodes] == ["Quantize"]
    assert (graph.nodes[0].integer("low"), graph.nodes[0].integer("high")) == (0, 7)


def test_clamps_that_differ_between_channels_are_exact() -> None:
    """A Relu before a normalization, and a limit that is another code in each channel."""

    def build(sketch: Sketch, last: str) -> str:
        last = sketch.quantized("Relu", (last,))
        last = sketch.quantized("Mul", (last, sketch.real("f", np.array([0.3, -1.7, 0.9]))))
        last = sketch.quantized("Add", (last, sketch.real("c", np.array([0.1, 0.2, -0.3]))))
        last = sketch.quantized("Clip", (last,), {"low": (-0.7,), "high": (0.4,)})
        grid = quant(5, (0.11, 0.25, 0.3), axis=1, zero_point=3)
        return sketch.quantized("Quant", (last,), grid)

    assert_exact(sketched(build))


def test_the_sign_of_a_clamped_value_is_exact() -> None:
    def build(sketch: Sketch, last: str) -> str:
        last = sketch.quantized("Mul", (last, sketch.real("f", np.array([1.0, -1.0, 0.5]))))
        last = sketch.quantized("Relu", (last,))
        last = sketch.quantized("Add", (last, sketch.real("c", np.array([0.0, -0.3, -2.0]))))
        return sketch.quantized("BipolarQuant", (last,), {"scale": (1.0,), "axis": None})

    assert_exact(sketched(build))


def test_a_limit_that_no_code_reaches_is_kept() -> None:
    """Relu of values that are all negative is 0, though no code of the tensor is."""

    def build(sketch: Sketch, last: str) -> str:
        low = sketch.quantized("Clip", (last,), {"low": (-2.0,), "high": (-0.5,)})
        low = sketch.quantized("Quant", (low,), quant(5, 0.375))
        joined = sketch.quantized("Concat", (sketch.quantized("Relu", (low,)), low), {"axis": 1})
        return sketch.quantized("Concat", (joined, sketch.quantized("Relu", (low,))), {"axis": 1})

    assert_exact(sketched(build))


def test_joined_branches_keep_what_is_pending() -> None:
    def build(sketch: Sketch, last: str) -> str:
        first = sketch.quantized("Add", (last, sketch.real("c", np.array(0.3))))
        first = sketch.quantized("Relu", (first,))
        second = sketch.quantized("Mul", (last, sketch.real("f", np.array([0.3, -1.7, 0.9]))))
        joined = sketch.quantized("Concat", (first, second), {"axis": 1})
        return sketch.quantized("Quant", (joined,), quant(5, 0.2))

    assert_exact(sketched(build))


def test_an_offset_goes_through_weights_exactly() -> None:
    def build(sketch: Sketch, last: str) -> str:
        last = sketch.quantized("Mul", (last, sketch.real("f", np.array([0.3]))))
        last = sketch.quantized("Add", (last, sketch.real("c", np.array([0.1, 0.2, -0.3]))))
        weights = sketch.real("w", np.random.default_rng(0).normal(size=(3, 2)))
        weights = sketch.quantized("Quant", (weights,), quant(4, 0.25))
        last = sketch.quantized("MatMul", (last, weights))
        return sketch.quantized("Quant", (last,), quant(6, 0.11))

    graph = assert_exact(sketched(build))
    assert [node.op for node in graph.nodes] == ["Quantize", "MatMul", "Requantize"]


def test_two_readers_do_not_settle_for_each_other() -> None:
    """A sum rounds what is pending; the quantizer beside it must not see that."""

    def build(sketch: Sketch, last: str) -> str:
        last = sketch.quantized("Add", (last, sketch.real("c", np.array([0.1, 0.2, -0.3]))))
        pool = sketch.quantized("Relu", (last,))
        total = sketch.quantized("Add", (pool, pool))
        total = sketch.quantized("Quant", (total,), quant(3, 8.0))
        fine = sketch.quantized("Quant", (pool,), quant(7, 0.013))
        return sketch.quantized("Concat", (fine, total), {"axis": 1})

    graph = sketched(build)
    rows = inputs_for(graph, np.random.default_rng(1))
    found, wanted = reals(integerize(graph), rows), interpret(graph, rows)[graph.outputs[0]]
    np.testing.assert_allclose(found[:, :3], wanted[:, :3], rtol=1e-12)


def test_relu_of_an_accumulator_stays_a_relu() -> None:
    def build(sketch: Sketch, last: str) -> str:
        weights = sketch.quantized("Quant", (sketch.real("w", np.eye(3)),), quant(4, 0.5))
        return sketch.quantized("Relu", (sketch.quantized("MatMul", (last, weights)),))

    graph = assert_exact(sketched(build))
    assert [node.op for node in graph.nodes] == ["Quantize", "MatMul", "Relu"]


def test_offset_on_a_finer_grid_is_kept_exactly_at_an_output() -> None:
    def build(sketch: Sketch, last: str) -> str:
        weights = sketch.quantized("Quant", (sketch.real("w", np.eye(3)),), quant(4, 0.5))
        last = sketch.quantized("MatMul", (last, weights))
        return sketch.quantized("Add", (last, sketch.real("c", np.array([0.03125, -1.0, 0.0]))))

    graph = assert_exact(sketched(build))
    assert [node.op for node in graph.nodes] == ["Quantize", "MatMul"]
    assert graph.types[graph.outputs[0]].scale == (0.03125,)


def test_offset_off_every_grid_is_rounded_with_a_note() -> None:
    def build(sketch: Sketch, last: str) -> str:
        weights = sketch.quantized("Quant", (sketch.real("w", np.eye(3)),), quant(4, 0.5))
        last = sketch.quantized("MatMul", (last, weights), name="fc1")
        return sketch.quantized("Add", (last, sketch.real("c", np.array([0.03, -1.0, 0.0]))))

    graph = sketched(build)
    integers = integerize(graph)
    (note,) = integers.notes
    assert (note.node, note.text) == (
        "fc1",
        "offset rounded to the grid before the output, by up to 5.5e-06 of one step (6.9e-07)",
    )
    rows = inputs_for(graph, np.random.default_rng(0))
    off = reals(integers, rows) - interpret(graph, rows)[graph.outputs[0]]
    assert 0 < np.max(np.abs(off)) <= note.output_bound == note.bound < 0.125 * 2.0**-16.9
    assert note.error == pytest.approx(note.bound / 0.125)


def test_a_grid_that_is_not_exact_keeps_codes_that_float32_holds() -> None:
    def build(sketch: Sketch, last: str) -> str:
        wide = sketch.real("w", np.full((3, 3), 127 / 128))
        weights = sketch.quantized("Quant", (wide,), quant(8, 2.0**-7))
        last = sketch.quantized("MatMul", (last, weights), name="fc1")
        return sketch.quantized("Add", (last, sketch.real("c", np.array([0.03, -1.0, 0.0]))))

    graph = integerize(sketched(build))
    assert 20 <= graph.types[graph.outputs[0]].dtype.bits <= 24
    assert 0 < graph.notes[0].bound < 0.25 / 128 / 2**11


def test_the_error_of_a_note_is_that_of_the_worst_channel() -> None:
    """An offset of many steps in one channel must not hide what is lost in another."""

    def build(sketch: Sketch, last: str) -> str:
        last = sketch.quantized("Mul", (last, sketch.real("f", np.array([1e-4, 1.0, 1.0]))))
        return sketch.quantized("Add", (last, sketch.real("c", np.array([1.0, 0.12, 0.37]))))

    graph = sketched(build)
    rows = inputs_for(graph, np.random.default_rng(0))
    integers = integerize(graph)
    (note,) = integers.notes
    off = np.abs(reals(integers, rows) - interpret(graph, rows)[graph.outputs[0]])
    largest = np.abs(interpret(graph, rows)[graph.outputs[0]]).max(axis=0)
    assert 0 < np.max(off) <= note.output_bound
    assert np.max(off.max(axis=0) / largest) <= note.error


@pytest.mark.parametrize("last_op", ["MatMul", "Trunc"])
def test_the_bound_of_a_note_grows_with_what_follows(last_op: str) -> None:
    """Through scales that differ along a sum, and through codes that get a larger scale."""

    def product(sketch: Sketch, last: str, name: str, value: float) -> str:
        weights = sketch.real(f"{name}_w", np.full((3, 3), value))
        weights = sketch.quantized("Quant", (weights,), quant(4, 1.0))
        return sketch.quantized("MatMul", (last, weights), name=name)

    def build(sketch: Sketch, last: str) -> str:
        last = sketch.quantized("Add", (last, sketch.real("c", np.full(3, 0.03))))
        last = sketch.quantized("Clip", (last,), {"low": (-1e3,), "high": (1e3,)})
        last = product(sketch, last, "fc1", 7.0)
        if last_op == "MatMul":
            scales = (2.0**-9, 2.0**-15, 2.0**-15)
            last = sketch.quantized("Quant", (last,), quant(30, scales, axis=1))
            return product(sketch, last, "fc2", 1.0)
        attrs = {**quant(30, 2.0**-9), "shift": 0, "output_scale": (1.0,)}
        del attrs["zero_point"]
        return sketch.quantized("Trunc", (last,), attrs)

    graph = sketched(build, scale=1.0)
    integers = integerize(graph)
    (note,) = integers.notes
    rows = inputs_for(graph, np.random.default_rng(0))
    off = np.max(np.abs(reals(integers, rows) - interpret(graph, rows)[graph.outputs[0]]))
    assert off <= note.output_bound < 1.5 * off


@pytest.mark.parametrize("scales", [(0.25, 0.25), (0.25, 1.0), (0.5, 0.0625)])
def test_sums_of_activations_with_power_of_two_scales_are_exact(
    scales: tuple[float, float],
) -> None:
    def build(sketch: Sketch, last: str) -> str:
        first = sketch.quantized("Quant", (last,), quant(5, scales[0], rounding="floor"))
        second = sketch.quantized("Quant", (last,), quant(7, scales[1], rounding="ceil"))
        return sketch.quantized("Add", (first, second))

    assert_exact(sketched(build, scale=0.03125))


def test_sum_of_activations_with_float_scales_is_noted_and_close() -> None:
    def build(sketch: Sketch, last: str) -> str:
        first = sketch.quantized("Quant", (last,), quant(5, 0.31))
        second = sketch.quantized("Quant", (last,), quant(7, 0.17))
        return sketch.quantized("Add", (first, second), name="sum")

    graph = sketched(build, scale=0.03125)
    rows = inputs_for(graph, np.random.default_rng(0))
    integers = integerize(graph)
    assert integers.notes
    off = np.abs(reals(integers, rows) - interpret(graph, rows)[graph.outputs[0]])
    assert np.max(off) < 0.17 * 2.0**-8
    assert np.max(off) <= sum(note.output_bound for note in integers.notes)
    (sparse,) = (
        note.text
        for note in run_passes(graph, (Integerize(guard_bits=0),)).notes
        if note.node == "sum_term1"
    )
    assert sparse == "rounded to a grid that is common to unlike scales (by up to 0.085)"


def test_sum_of_activations_with_float32_scales_is_exact() -> None:
    def build(sketch: Sketch, last: str) -> str:
        first = sketch.quantized("Quant", (last,), quant(5, float(np.float32(0.31))))
        second = sketch.quantized("Quant", (last,), quant(7, float(np.float32(0.17))))
        total = sketch.quantized("Add", (first, second), name="sum")
        return sketch.quantized("Quant", (total,), quant(6, 0.25))

    assert_exact(sketched(build, scale=0.03125))


def test_residual_branch_reads_one_quantizer_twice() -> None:
    def build(sketch: Sketch, last: str) -> str:
        weights = sketch.quantized("Quant", (sketch.real("w", np.eye(3)),), quant(4, 0.5))
        product = sketch.quantized("MatMul", (last, weights))
        product = sketch.quantized("Add", (product, sketch.real("c", np.array(0.03125))))
        total = sketch.quantized("Add", (product, last))
        return sketch.quantized("Quant", (total,), quant(6, 0.125))

    assert_exact(sketched(build))


def test_two_outputs_of_one_tensor_keep_their_names_and_scales() -> None:
    sketch = Sketch((1, 3))
    first = sketch.quantized("Quant", ("x",), quant(4, 0.25))
    second = sketch.quantized("Mul", (first, sketch.real("four", np.array(4.0))))
    third = sketch.quantized("Relu", (first,))
    graph = sketch.graph(first, second, third)
    integers = integerize(graph)
    assert integers.outputs == graph.outputs
    rows = inputs_for(graph, np.random.default_rng(0))
    expected, found = interpret(graph, rows), interpret(integers, rows)
    for name in graph.outputs:
        np.testing.assert_array_equal(real_values(integers, name, found[name]), expected[name])


def test_concatenation_of_unlike_scales_feeds_a_product() -> None:
    def build(sketch: Sketch, last: str) -> str:
        first = sketch.quantized("Quant", (last,), quant(5, 0.5))
        second = sketch.quantized("Quant", (last,), quant(7, 0.125))
        joined = sketch.quantized("Concat", (first, second), {"axis": 1})
        weights = sketch.real("w", np.arange(12.0).reshape(6, 2) - 6)
        weights = sketch.quantized("Quant", (weights,), quant(5, 1.0))
        return sketch.quantized("MatMul", (joined, weights))

    assert_exact(sketched(build, scale=0.03125))


def test_unneeded_branches_are_left_out() -> None:
    def build(sketch: Sketch, last: str) -> str:
        sketch.quantized("Softmax", (last,))
        return sketch.quantized("Relu", (last,))

    assert_exact(sketched(build))


def test_average_pool_becomes_a_sum_with_a_smaller_scale() -> None:
    sketch = Sketch((1, 2, 4, 4))
    last = sketch.quantized("Quant", ("x",), quant(4, 0.25))
    attrs = {"kernel": (2, 2), "strides": (2, 2), "pads": (0, 0, 0, 0)}
    last = sketch.quantized("AveragePool", (last,), attrs)
    graph = assert_exact(sketch.graph(last))
    assert graph.nodes[-1].op == "SumPool"
    assert graph.types[graph.outputs[0]].scale == (0.0625,)


def test_scale_per_channel_survives_flattening() -> None:
    sketch = Sketch((1, 2, 3, 3))
    last = sketch.quantized("Quant", ("x",), quant(4, 0.25))
    weights = sketch.real("w", np.round(np.random.default_rng(0).normal(size=(2, 2, 2, 2)) * 4))
    weights = sketch.quantized("Quant", (weights,), quant(5, (1.0, 0.5), axis=0))
    last = sketch.quantized("Conv", (last, weights), {**WINDOW, "group": 1})
    last = sketch.quantized("Quant", (last,), quant(8, (0.5, 0.25), axis=1))
    last = sketch.quantized("Reshape", (last,), {"shape": (1, 8)})
    graph = assert_exact(sketch.graph(last))
    assert graph.types[graph.outputs[0]].scale == (0.5,) * 4 + (0.25,) * 4


def test_names_and_origins_follow_the_source() -> None:
    graph = integerize(quantized_mlp(np.random.default_rng(0)))
    names = ["input_quant", "fc0", "act0", "fc1"]
    assert [node.name for node in graph.nodes] == [*names, "bias1_out_shifted"]
    assert [node.origin for node in graph.nodes] == [*names, "bias1_out"]
    assert {"fc0.weight", "fc1.weight"} <= set(graph.constants)
