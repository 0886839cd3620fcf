from __future__ import annotations

import numpy as np
import pytest

from netwright import compress, models
from netwright.ir import Interpreter
from netwright.train import TorchExecutor, trace
from netwright.verify import bit_exact, corners
from tests.toys import clouds, images, plan_for, quantized_mlp


@pytest.mark.parametrize("rules", [{}, {"scale": "float", "granularity": "channel"}])
def test_every_tensor_of_the_graph_is_named_and_equal(rules: dict[str, object]) -> None:
    task = clouds()
    model = quantized_mlp(task, **rules)
    graph = trace(model)
    names = [node.output for node in graph.nodes]
    found = TorchExecutor(model, graph).run({"x": task.test.inputs}, keep=names)
    wanted = Interpreter.of(graph).run(task.test.inputs, keep=names)
    assert set(found) == set(names)
    for name in names:
        assert found[name].dtype == np.int64
        np.testing.assert_array_equal(found[name], wanted[name])


def test_every_tensor_of_the_encoder_is_named_and_equal() -> None:
    task, model = images(), models.encoder()
    quantized = compress.apply(model, plan_for(model, (1, 8, 8), 5, 6), task, input_shape=(1, 8, 8))
    graph = trace(quantized)
    names = [node.output for node in graph.nodes]
    stimulus = corners(graph)
    found = TorchExecutor(quantized, graph).run(stimulus.inputs, keep=names)
    wanted = Interpreter.of(graph).run(stimulus.inputs, keep=names)
    assert set(found) == set(names)
    for name in names:
        np.testing.assert_array_equal(found[name], wanted[name])
    assert bit_exact(graph, TorchExecutor(quantized, graph), stimulus).holds


def test_only_what_was_asked_for_comes_back() -> None:
    model = quantized_mlp(clouds())
    graph = trace(model)
    found = TorchExecutor(model, graph).run(np.zeros((2, 6)), keep=["fc1_sum"])
    assert set(found) == {"fc1_sum", *graph.outputs}


def test_a_model_in_training_mode_is_executed_in_evaluation_mode() -> None:
    task = clouds()
    model = quantized_mlp(task)
    graph = trace(model)
    model.train()
    assert bit_exact(graph, TorchExecutor(model, graph), task.test.inputs).holds
    assert model.training
