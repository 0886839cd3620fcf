from __future__ import annotations

import itertools
from collections import OrderedDict
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from netwright import compress, models
from netwright.errors import GraphError, VerificationError
from netwright.formats import Rounding
from netwright.ir import Graph, Interpreter, bounds, real_values
from netwright.tasks import Task
from netwright.train import QuantModel, fold_batch_norm, trace
from netwright.verify import corners, random, ties
from tests.toys import clouds, disturb, images, plan_for, quantized_mlp


def require_equal(model: QuantModel, graph: Graph, inputs: np.ndarray) -> None:
    """Codes and logits of torch and of the interpreter, on every row."""
    found = Interpreter.of(graph).run(inputs)[graph.outputs[0]]
    with torch.no_grad():
        codes = model.eval().codes(torch.from_numpy(inputs))
        logits = model(torch.from_numpy(inputs))
    np.testing.assert_array_equal(found, codes.numpy())
    np.testing.assert_array_equal(real_values(graph, graph.outputs[0], found), logits.numpy())


def everything(graph: Graph, task: Task, shape: tuple[int, ...]) -> np.ndarray:
    """Test rows, corners, random rows and ties."""
    return np.concatenate([
        task.test.inputs.reshape(-1, *shape).astype(np.float64),
        corners(graph).inputs, random(graph, rows=300).inputs, ties(graph, rows=50).inputs,
    ])  # fmt: skip


WIDTHS = [(2, 1), (2, 2), (3, 4), (4, 4), (6, 6), (8, 8), (8, 11), (12, 12), (16, 16)]
RULES = list(itertools.product(("power-of-two", "float"), ("tensor", "channel")))


@pytest.mark.parametrize(
    ("weight_bits", "activation_bits", "scale", "granularity"),
    [
        (*widths, *rule)
        for place, widths in enumerate(WIDTHS)
        for rule in RULES[place % 2 :: 2]  # every pair of choices once
    ],
)
def test_trace_equals_the_model_for_all_widths(
    weight_bits: int, activation_bits: int, scale: str, granularity: str
) -> None:
    task = clouds()
    model = quantized_mlp(
        task, weight_bits=weight_bits, activation_bits=activation_bits,
        input_bits=max(activation_bits, 2), scale=scale, granularity=granularity,
    )  # fmt: skip
    graph = trace(model)
    require_equal(model, graph, everything(graph, task, (6,)))


@pytest.mark.parametrize("scale", ["power-of-two", "float"])
@pytest.mark.parametrize("mode", tuple(Rounding))
def test_trace_equals_the_model_in_every_rounding_mode(mode: Rounding, scale: str) -> None:
    task = clouds()
    model = quantized_mlp(task, weight_bits=5, activation_bits=4, rounding=mode, scale=scale)
    graph = trace(model)
    require_equal(model, graph, everything(graph, task, (6,)))


@pytest.mark.parametrize(("scale", "granularity"), RULES)
def test_trace_with_16_bit_inputs_and_folded_normalization(scale: str, granularity: str) -> None:
    task = clouds()
    model = quantized_mlp(
        task, input_bits=16, batch_norm=True, scale=scale, granularity=granularity
    )
    graph = trace(model)
    require_equal(model, graph, everything(graph, task, (6,)))


def conv_network(*, batch_norm: bool) -> nn.Sequential:
    """The encoder with max pooling behind its convolution."""
    model = models.encoder(batch_norm=batch_norm, seed=1)
    layers = OrderedDict(model.named_children())
    pooled = OrderedDict(itertools.takewhile(lambda item: item[0] != "flatten", layers.items()))
    pooled["pool"] = nn.MaxPool2d(2, stride=1, padding=1)
    pooled["flatten"] = nn.Flatten()
    pooled["fc1"] = nn.Linear(8 * 5 * 5, 16)
    pooled["relu2"] = nn.ReLU()
    return nn.Sequential(pooled)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize(("scale", "granularity"), RULES)
def test_trace_of_a_convolutional_encoder(scale: str, granularity: str, batch_norm: bool) -> None:
    task = images()
    model = conv_network(batch_norm=batch_norm)
    disturb(model, seed=2)
    plan = replace(
        plan_for(model.eval(), (1, 8, 8), 6, 8, 16), scale=scale, granularity=granularity
    )
    quantized = compress.apply(model, plan, task, input_shape=(1, 8, 8))
    graph = trace(quantized, name="encoder")
    assert [node.op for node in graph.nodes] == [
        "Quantize", "Conv", "Requantize", "MaxPool", "Reshape", "MatMul", "Relu",
    ]  # fmt: skip
    require_equal(quantized, graph, everything(graph, task, (1, 8, 8)))


@pytest.mark.parametrize("scale", ["power-of-two", "float"])
def test_trace_of_a_layer_without_relu_has_signed_activations(scale: str) -> None:
    task = clouds()
    model = nn.Sequential(OrderedDict(fc1=nn.Linear(6, 5), fc2=nn.Linear(5, 3)))
    plan = plan_for(model, (6,), 5, 5).with_rules(scale=scale, granularity="channel")
    quantized = compress.apply(model, plan, task)
    graph = trace(quantized)
    assert graph.node("fc1_requantize").attrs["low"] == -16
    require_equal(quantized, graph, everything(graph, task, (6,)))


def test_trace_of_flattened_logits_keeps_the_scale_of_every_channel() -> None:
    task = images()
    model = nn.Sequential(OrderedDict(conv=nn.Conv2d(1, 3, 3), flatten=nn.Flatten()))
    plan = plan_for(model, (1, 8, 8), 6, 6).with_rules(scale="float", granularity="channel")
    quantized = compress.apply(model, plan, task, input_shape=(1, 8, 8))
    require_equal(quantized, trace(quantized), task.test.inputs.reshape(-1, 1, 8, 8))


def test_a_dead_channel_can_be_traced() -> None:
    task = clouds()
    model = models.mlp(task, hidden=(8,))
    with torch.no_grad():
        model.get_parameter("fc1.weight")[3] = 0.0
        model.get_parameter("fc1.weight")[4] = 1e-30
    for scale, granularity in RULES:
        plan = plan_for(model, (6,), 6, 6).with_rules(scale=scale, granularity=granularity)
        quantized = compress.apply(model, plan, task)
        require_equal(quantized, trace(quantized), task.test.inputs)


def test_every_format_is_the_narrowest_that_holds_the_bounds() -> None:
    graph = trace(quantized_mlp(clouds()))
    limits = bounds(graph)
    for node in graph.nodes:
        dtype, limit = graph.types[node.output].dtype, limits[node.output]
        assert dtype.min <= limit.low
        assert limit.high <= dtype.max
        narrower = 1 << (dtype.bits - 1 - dtype.signed) if dtype.bits > 1 else 0
        assert dtype.bits == 1 or limit.low < -narrower or limit.high > narrower - 1
    assert Interpreter.of(graph).wrapped == frozenset()


def test_names_and_origins() -> None:
    graph = trace(quantized_mlp(clouds()), name="jets")
    assert graph.name == "jets"
    assert graph.head == "softmax"
    assert [node.name for node in graph.nodes] == [
        "quantize_input", "fc1", "fc1_requantize", "fc2", "fc2_requantize", "fc3",
    ]  # fmt: skip
    assert {node.origin for node in graph.nodes} == {"quantize_input", "fc1", "fc2", "fc3"}


def test_a_float_model_needs_rows() -> None:
    task = clouds()
    model = models.mlp(task)
    with pytest.raises(GraphError) as caught:
        trace(model)
    assert str(caught.value) == (
        "Sequential has no quantizers: its trace needs rows to be compared on\n"
        "hint: netwright.trace(model, rows) gives a graph of real values; for integers apply a "
        "plan first: netwright.compress.apply(model, plan, task)"
    )
    graph = trace(model, task.test.inputs)
    assert not graph.is_integer


@pytest.mark.parametrize("name", ["", "2nd", "a b", "größe"])
def test_names_that_are_no_identifiers_are_refused(name: str) -> None:
    with pytest.raises(GraphError) as caught:
        trace(quantized_mlp(clouds()), name=name)
    assert str(caught.value) == f"the name of a graph must be an ASCII identifier, not {name!r}"


def test_codes_of_its_own_are_noticed() -> None:
    class Doubled(QuantModel):
        def codes(self, *values: torch.Tensor) -> torch.Tensor:
            return 2 * super().codes(*values)

    made = quantized_mlp(clouds())
    model = Doubled(made.network, made.steps, input_shapes={"x": (6,)}, outputs=made.outputs)
    with pytest.raises(VerificationError) as caught:
        trace(model.eval())
    assert str(caught.value) == (
        "Doubled gives something else than its steps one after another\n"
        "hint: a quantized network is traced step by step: remove a `forward` or `codes` of your "
        "own"
    )


def test_the_float_model_is_close() -> None:
    """Sixteen bits everywhere: the quantized network is the float network."""
    task = clouds()
    model = models.mlp(task, batch_norm=True)
    disturb(model, seed=1)
    quantized = compress.apply(model, plan_for(model.eval(), (6,), 14, 14, 16), task)
    graph = trace(quantized)
    found = Interpreter.of(graph).run(task.test.inputs)[graph.outputs[0]]
    with torch.no_grad():
        wanted = fold_batch_norm(model).eval()(torch.from_numpy(task.test.inputs)).numpy()
    np.testing.assert_allclose(
        real_values(graph, graph.outputs[0], found), wanted, atol=0.02 * np.abs(wanted).max()
    )
