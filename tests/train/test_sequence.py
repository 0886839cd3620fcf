from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netwright import compress
from netwright.errors import GraphError, VerificationError
from netwright.ir import interpret, real_values
from netwright.train import as_sequence, checked_sequence, trace
from tests.toys import clouds, plan_for


class Net(nn.Module):
    """Layers, and what `forward` does with them."""

    def __init__(self, function: Callable[[Net, Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.fc2 = nn.Linear(8, 3)  # not in the order of their use
        self.conv = nn.Conv2d(1, 2, 3)
        self.fc1 = nn.Linear(6, 8)
        self.square = nn.Linear(6, 6)
        self.relu = nn.ReLU()
        self.norm = nn.BatchNorm1d(8)
        self.block = nn.Sequential(nn.Linear(6, 8), nn.ReLU())
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, x)


CHAINS = {
    "modules": (lambda m, x: m.fc2(m.relu(m.norm(m.fc1(x)))), ["fc1", "norm", "relu", "fc2"]),
    "functions": (lambda m, x: m.fc2(F.relu(m.fc1(x))), ["fc1", "relu", "fc2"]),
    "methods": (lambda m, x: m.fc2(m.fc1(x).relu()), ["fc1", "relu", "fc2"]),
    "one relu twice": (
        lambda m, x: m.fc2(m.relu(m.fc1(m.relu(m.square(x))))),
        ["square", "relu", "fc1", "relu_again", "fc2"],
    ),
    "blocks": (lambda m, x: m.fc2(m.block(x)), ["block_0", "block_1", "fc2"]),
    "flat": (lambda m, x: m.fc2(m.fc1(x.view(x.size(0), -1))), ["view", "fc1", "fc2"]),
    "dropout": (
        lambda m, x: m.fc2(F.dropout(m.fc1(x), 0.25, training=m.training)),
        ["fc1", "dropout", "fc2"],
    ),
}


@pytest.mark.parametrize("name", CHAINS)
def test_layers_are_those_that_forward_calls_in_its_order(name: str) -> None:
    function, names = CHAINS[name]
    model = Net(function)
    layers = checked_sequence(model, (6,))
    assert [key for key, _ in layers.named_children()] == names
    rows = torch.randn(9, 6)
    assert torch.equal(layers.eval()(rows), model.eval()(rows))


def test_a_flat_sequence_comes_back_as_it_is() -> None:
    layers = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    assert as_sequence(layers) is layers


NO_CHAINS: dict[str, tuple[Callable[[Net, Tensor], Tensor], str]] = {
    "a residual": (lambda m, x: m.fc2(m.fc1(m.square(x) + x)), "add ("),
    "an early tensor": (lambda m, x: m.fc1(x) * 0 + m.fc1(m.square(x)), "node"),
    "two branches": (lambda m, x: torch.cat([m.fc1(x), m.square(x)], 1), 'node "square": Linear ('),
    "a layer twice": (lambda m, x: m.fc1(m.square(m.square(x))), "is used a second time"),
    "a parameter": (lambda m, x: m.fc1(x) * m.fc1.bias, "reads fc1.bias directly"),
    "a factor": (lambda m, x: m.fc1(x) * 2, "mul ("),
    "another function": (lambda m, x: torch.sigmoid(m.fc1(x)), "sigmoid ("),
    "a middle result": (lambda m, x: (m.fc1(x), m.fc2(m.fc1(x)))[0], "node"),
}


@pytest.mark.parametrize("name", NO_CHAINS)
def test_what_is_no_chain_is_refused_by_name(name: str) -> None:
    function, reason = NO_CHAINS[name]
    task = clouds()
    plan = plan_for(nn.Sequential(nn.Linear(6, 3)), (6,), 4, 4)
    users: list[Callable[[nn.Module], object]] = [
        as_sequence,
        lambda model: compress.layer_shapes(model, (6,)),
        lambda model: compress.sensitivity(model, task, probes=1),
        lambda model: compress.apply(model, plan, task),
    ]
    for make in users:
        with pytest.raises(GraphError) as caught:
            make(Net(function))
        assert reason in str(caught.value)


def test_tied_parameters_are_refused() -> None:
    model = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6))
    model[2].weight = model[0].weight
    with pytest.raises(GraphError) as caught:
        as_sequence(model)
    assert str(caught.value) == (
        'node "2": shares its weight with 0.weight\n'
        "hint: give every layer parameters of its own; training would part them"
    )


def test_what_tracing_cannot_see_is_found_by_comparison() -> None:
    def at_run_time(m: Net, x: Tensor) -> Tensor:
        y = m.fc1(x)
        return m.fc2(y * 1.5 if type(y) is Tensor and y.dtype is torch.float32 else y)

    with pytest.raises(VerificationError) as caught:
        checked_sequence(Net(at_run_time), (6,))
    assert str(caught.value).startswith(
        "the sequence of its layers does not give what Net gives on the same rows"
    )


def test_a_module_with_functions_becomes_the_same_integers_as_its_layers() -> None:
    task = clouds()
    model = Net(lambda m, x: m.fc2(F.relu(m.norm(m.fc1(x))))).eval()
    quantized = compress.apply(model, plan_for(model, (6,), 12, 12, 14), task)
    graph = trace(quantized)
    found = interpret(graph, task.test.inputs)[graph.outputs[0]]
    with torch.no_grad():
        wanted = model(torch.from_numpy(task.test.inputs)).numpy()
    reals = real_values(graph, graph.outputs[0], found)
    near = np.abs(reals - wanted).max(axis=1) < 0.01 * np.abs(wanted).max()
    assert np.mean(near) > 0.9  # the other rows are clipped
