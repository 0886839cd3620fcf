from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from netwright import compress
from netwright.errors import ConfigError, GraphError
from netwright.formats import Rounding
from netwright.ir import Graph, Interpreter, Node, TensorType, bounds
from netwright.train import trace
from netwright.verify import corners, random, ties
from tests.toys import clouds, images, plan_for, quantized_mlp
from tests.verify.graphs import convolutional, dense


def sums(graph: Graph, node: str, inputs: np.ndarray) -> np.ndarray:
    name = graph.node(node).output
    return Interpreter.of(graph).run(inputs, keep=[name])[name]


@pytest.mark.parametrize("scale", ["power-of-two", "float"])
@pytest.mark.parametrize("mode", tuple(Rounding))
def test_corners_reach_the_extreme_sums_of_a_dense_layer(mode: Rounding, scale: str) -> None:
    graph = dense(scale, mode)
    reached = sums(graph, "fc1", corners(graph).inputs)
    limit = bounds(graph)["fc1_sum"]
    assert (reached.min(), reached.max()) == (limit.low, limit.high)


def test_an_input_that_wraps_gets_the_codes_of_its_format() -> None:
    graph = dense("power-of-two", Rounding.HALF_UP)
    node = graph.nodes[0]
    wide = {**node.attrs, "low": -(1 << 20), "high": (1 << 20) - 1}
    wrapping = graph.with_node(replace(node, attrs=wide))
    assert np.array_equal(corners(wrapping).inputs, corners(graph).inputs)
    drawn = random(wrapping, rows=50)
    assert np.array_equal(drawn.inputs, random(graph, rows=50).inputs)


def test_corners_reach_the_extreme_sums_of_a_convolution() -> None:
    graph = convolutional()
    reached = sums(graph, "conv1", corners(graph).inputs)
    limit = bounds(graph)["conv1_sum"]
    assert (reached.min(), reached.max()) == (limit.low, limit.high)


def test_corners_reach_every_channel_of_a_large_convolution() -> None:
    """More outputs than extreme rows are searched: still every channel has its turn."""
    torch.manual_seed(0)
    model = nn.Sequential(OrderedDict(conv=nn.Conv2d(1, 6, 3, padding=1)))
    with torch.no_grad():
        model.get_parameter("conv.weight")[5] *= 20
    plan = plan_for(model, (1, 8, 8), 6, 6)
    graph = trace(compress.apply(model, plan, images(), input_shape=(1, 8, 8)))
    reached = sums(graph, "conv", corners(graph).inputs)
    limit = bounds(graph)["conv_sum"]
    assert (reached.min(), reached.max()) == (limit.low, limit.high)


def test_corners_reach_the_extreme_sums_behind_a_flattened_input() -> None:
    model = nn.Sequential(OrderedDict(flatten=nn.Flatten(), fc=nn.Linear(64, 3)))
    plan = plan_for(model, (1, 8, 8), 6, 6)
    graph = trace(compress.apply(model, plan, images(), input_shape=(1, 8, 8)))
    reached = sums(graph, "fc", corners(graph).inputs)
    limit = bounds(graph)["fc_sum"]
    assert (reached.min(), reached.max()) == (limit.low, limit.high)


@pytest.mark.parametrize("mode", tuple(Rounding))
def test_corners_hold_both_ends_of_the_input_format(mode: Rounding) -> None:
    graph = dense("float", mode)
    codes = sums(graph, "quantize_input", corners(graph).inputs)
    assert (codes.min(), codes.max()) == (-16, 15)
    for position in range(6):
        alone = codes[(np.delete(codes, position, axis=1) == 0).all(axis=1)]
        assert {-16, 15} <= set(alone[:, position])


def test_corners_hold_ties_of_the_input_quantizer() -> None:
    graph = dense()
    quantizer = graph.node("quantize_input")
    inputs = corners(graph).inputs
    up, down = (
        sums(
            graph.with_node(replace(quantizer, attrs={**quantizer.attrs, "rounding": str(mode)})),
            "quantize_input",
            inputs,
        )
        for mode in (Rounding.HALF_UP, Rounding.HALF_DOWN)
    )
    assert np.any(up != down)


def test_random_draws_the_whole_format_and_is_reproducible() -> None:
    graph = dense("float", Rounding.FLOOR)
    first = random(graph, rows=2000, seed=3)
    np.testing.assert_array_equal(first.inputs, random(graph, rows=2000, seed=3).inputs)
    assert not np.array_equal(first.inputs, random(graph, rows=2000, seed=4).inputs)
    codes = sums(graph, "quantize_input", first.inputs)
    assert set(codes.ravel()) == set(range(-16, 16))


def test_random_needs_rows() -> None:
    with pytest.raises(ConfigError, match="rows must be 1 or more, not 0"):
        random(dense(), rows=0)


def test_every_row_of_ties_is_a_tie() -> None:
    """Counted in exact integers: a multiple of one half, within the clamp."""
    graph = dense()
    stimulus = ties(graph, rows=100)
    assert 0 < len(stimulus.inputs) <= 100
    requantizers = [node for node in graph.nodes if node.op == "Requantize"]
    found = Interpreter.of(graph).run(stimulus.inputs, keep=[n.inputs[0] for n in requantizers])
    hit = np.zeros(len(stimulus.inputs), dtype=bool)
    for node in requantizers:
        shift, (factor,) = node.integer("shift"), node.integers("multiplier")
        scaled = found[node.inputs[0]] * factor
        half = scaled % (1 << shift) == 1 << (shift - 1)
        below = scaled >> shift
        visible = (below >= node.integer("low")) & (below < node.integer("high"))
        hit |= (half & visible).any(axis=1)
    assert hit.all()


def test_ties_part_the_rounding_modes() -> None:
    graph = dense()
    node = graph.node("fc1_requantize")
    other = graph.with_node(replace(node, attrs={**node.attrs, "rounding": "half-up"}))
    inputs = ties(graph).inputs
    a, b = (sums(g, "fc1_requantize", inputs) for g in (graph, other))
    assert np.any(a != b)


def test_ties_may_be_none() -> None:
    model = quantized_mlp(clouds(), hidden=(4,), scale="float", weight_bits=8, activation_bits=8)
    assert ties(trace(model)).inputs.shape[1:] == (6,)


def test_a_real_graph_has_no_input_format() -> None:
    types = {name: TensorType((1, 2)) for name in "xy"}
    graph = Graph("g", ("x",), ("y",), (Node("r", "Relu", ("x",), "y"),), types, {})
    with pytest.raises(GraphError) as caught:
        corners(graph)
    assert str(caught.value) == (
        'graph "g": input "x" must be read by Quantize nodes only, not by Relu\n'
        "hint: lower the graph with netwright.passes.integerize first"
    )


def test_large_rows_are_fewer_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from netwright.ir import passed_values, row_size
    from netwright.verify import stimuli
    from tests.backends.hls.graphs import jet_tagger

    graph = jet_tagger(4)
    corners, borders = stimuli.corners(graph), stimuli.borders(graph, rows=100)
    assert (len(random(graph, rows=100)), random(graph, rows=100).wanted) == (100, 0)
    monkeypatch.setattr(row_size, "VALUES_PASSED", 10 * passed_values(graph))
    fewer = [random(graph, rows=100), stimuli.corners(graph), stimuli.borders(graph, rows=100)]
    assert [len(made) for made in fewer] == [10, 10, 10]
    assert [made.wanted for made in fewer] == [100, len(corners), len(borders)]
    assert np.array_equal(fewer[1].inputs, corners.inputs[:10])


def test_ties_are_searched_in_groups_of_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    from netwright.ir import passed_values, row_size
    from netwright.verify import stimuli
    from tests.backends.hls.graphs import jet_tagger

    graph = jet_tagger(4)
    monkeypatch.setattr(stimuli, "_SEARCHED_ROWS", 500)
    found = stimuli.ties(graph)
    monkeypatch.setattr(stimuli, "in_groups", lambda items, size: ((item,) for item in items))
    assert len(found) > 0
    assert np.array_equal(stimuli.ties(graph).inputs, found.inputs)
    monkeypatch.setattr(row_size, "VALUES_TOGETHER", 2 * passed_values(graph))
    assert len(stimuli.ties(graph)) <= 2
