from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from netwright import compress
from netwright.errors import UnsupportedOp
from netwright.ir import Graph, interpret, real_values
from netwright.passes import integerize
from netwright.tasks import Task
from netwright.train import QuantModel, trace_quantized
from netwright.train.layers import QuantLayer
from tests.toys import clouds, images, plan_for, quantized_mlp

RULES = [(s, g) for s in ("power-of-two", "float") for g in ("tensor", "channel")]


def logits_of(model: QuantModel, inputs: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return model.eval()(torch.from_numpy(inputs)).double().numpy()


def reals(graph: Graph, inputs: np.ndarray) -> np.ndarray:
    found = interpret(graph, inputs)[graph.outputs[0]]
    return real_values(graph, graph.outputs[0], found) if graph.is_integer else found


def compared(model: QuantModel, task: Task) -> tuple[np.ndarray, np.ndarray, Graph]:
    """Logits of the graph and of the model, and the graph."""
    graph = trace_quantized(model)
    return reals(graph, task.test.inputs), logits_of(model, task.test.inputs), graph


@torch.no_grad()
def align(model: QuantModel) -> QuantModel:
    """Move the biases onto the accumulator's grid, where the model uses them anyway."""
    for layer in model.modules():
        if isinstance(layer, QuantLayer) and layer.bias_quantizer is not None:
            layer.layer.bias.copy_(layer.bias_quantizer(layer.layer.bias))
    return model


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize(("scale", "granularity"), RULES)
@pytest.mark.parametrize(("weight_bits", "activation_bits"), [(2, 2), (4, 5), (6, 6), (8, 11)])
def test_interpretation_agrees_with_the_simulation(
    weight_bits: int, activation_bits: int, scale: str, granularity: str, batch_norm: bool
) -> None:
    task = clouds(2000)
    model = quantized_mlp(
        task, weight_bits=weight_bits, activation_bits=activation_bits, input_bits=8,
        batch_norm=batch_norm, scale=scale, granularity=granularity,
    )  # fmt: skip
    found, wanted, _ = compared(align(model), task)
    spread = float(np.abs(wanted).max())
    close = np.abs(found - wanted).max(axis=1) <= 1e-5 * spread
    # With float scales a sum beside a tie may fall to the other side.
    assert np.mean(close) >= (1.0 if scale == "power-of-two" else 0.99)


def test_biases_are_the_real_ones_within_half_a_step_of_the_grid() -> None:
    task = clouds()
    model = quantized_mlp(task, hidden=(), weight_bits=2, activation_bits=2, input_bits=4)
    found, wanted, graph = compared(model, task)
    layer = model.quant_layers()["fc1"]
    assert isinstance(layer, QuantLayer)
    np.testing.assert_array_equal(
        graph.constants["fc1_bias"], layer.layer.bias.detach().double().numpy()
    )
    step = layer.bias_quantizer.scale.detach().double().numpy().reshape(-1)
    assert (np.abs(found - wanted) <= step / 2 + 1e-6).all()
    assert np.abs(found - wanted).max() > 1e-4 * step.max()


@pytest.mark.parametrize(("scale", "granularity"), RULES)
def test_integerized_graph_decides_alike_on_nearly_all_rows(scale: str, granularity: str) -> None:
    task = clouds(2000)
    model = quantized_mlp(task, scale=scale, granularity=granularity)
    graph = integerize(trace_quantized(model))
    assert graph.is_integer
    assert graph.head == "softmax"
    found, wanted = reals(graph, task.test.inputs), logits_of(model, task.test.inputs)
    assert np.mean(found.argmax(1) == wanted.argmax(1)) >= 0.99


def test_graph_has_the_form_that_exporters_write() -> None:
    task = clouds()
    model = quantized_mlp(task, hidden=(8,), granularity="channel", weight_bits=5)
    graph = trace_quantized(model, name="jets")
    assert (graph.name, graph.head, graph.inputs) == ("jets", "softmax", ("x",))
    assert [(node.name, node.op) for node in graph.nodes] == [
        ("quantize_input", "Quant"),
        ("fc1_weight_quant", "Quant"),
        ("fc1", "MatMul"),
        ("fc1_add", "Add"),
        ("fc1_relu", "Relu"),
        ("fc1_quant", "Quant"),
        ("fc2_weight_quant", "Quant"),
        ("fc2", "MatMul"),
        ("fc2_add", "Add"),
    ]
    attrs = graph.node("fc1_weight_quant").attrs
    assert (attrs["axis"], attrs["bits"], attrs["signed"], len(attrs["scale"])) == (1, 5, 1, 8)
    assert graph.types["fc1_weight"].shape == (6, 8)
    assert graph.node("fc1_quant").attrs["signed"] == 0


def test_layers_without_bias_or_relu_leave_out_their_nodes() -> None:
    task = clouds()
    network = nn.Sequential(OrderedDict(fc1=nn.Linear(6, 5, bias=False), fc2=nn.Linear(5, 3)))
    model = compress.apply(network, plan_for(network, (6,), 6, 6), task)
    found, wanted, graph = compared(model, task)
    assert [node.name for node in graph.nodes] == [
        "quantize_input", "fc1_weight_quant", "fc1", "fc1_quant", "fc2_weight_quant", "fc2",
        "fc2_add",
    ]  # fmt: skip
    assert graph.node("fc1_quant").attrs["signed"] == 1
    assert np.mean(found.argmax(1) == wanted.argmax(1)) >= 0.99


def test_convolutions_are_refused() -> None:
    network = nn.Sequential(OrderedDict(conv=nn.Conv2d(1, 3, 3), flatten=nn.Flatten()))
    model = compress.apply(
        network, plan_for(network, (1, 8, 8), 6, 6), images(), input_shape=(1, 8, 8)
    )
    with pytest.raises(UnsupportedOp) as caught:
        trace_quantized(model)
    assert str(caught.value) == (
        'node "conv": operator "QuantLayer" is not supported by trace_quantized\n'
        "hint: accepted: dense layers"
    )


def test_other_operations_are_refused() -> None:
    network = nn.Sequential(OrderedDict(fc=nn.Linear(6, 5), act=nn.ReLU6(), last=nn.Linear(5, 3)))
    model = compress.apply(network, plan_for(network, (6,), 6, 6), clouds())
    with pytest.raises(UnsupportedOp) as caught:
        trace_quantized(model)
    assert str(caught.value) == (
        'node "fc": operator "QuantActivation" is not supported by trace_quantized\n'
        "hint: accepted: dense layers"
    )
