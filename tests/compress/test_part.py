import numpy as np
import pytest
import torch
from torch import nn

from netwright.compress import (
    PartlyQuantized,
    apply_part,
    layer_shapes,
    outputs_with,
    part_shapes,
    quantized_part,
    read_by_part,
    sensitivity,
    uniform,
)
from netwright.errors import ConfigError, GraphError
from netwright.ir import interpret, real_values
from netwright.tasks import Task, jets
from netwright.train import Calibrate, Recipe, fit, trace


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Linear(16, 8)
        self.encoder = nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 4), nn.ReLU())
        self.idle = nn.Linear(2, 2)
        self.decoder = nn.Linear(4, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.encoder(torch.relu(self.scale(x))))


@pytest.fixture(scope="module")
def task() -> Task:
    return jets(seed=7).subset(400)


@pytest.fixture(scope="module")
def net() -> Net:
    torch.manual_seed(3)
    return Net().eval()


def compressed(net: Net, task: Task) -> PartlyQuantized:
    shapes = part_shapes(net, task, "encoder")
    plan = uniform(shapes, weight_bits=6, activation_bits=6)
    made = apply_part(net, plan, task, "encoder")
    assert isinstance(made, PartlyQuantized)
    return made


def test_layers_are_those_of_the_part(net: Net, task: Task) -> None:
    assert part_shapes(net, task, "encoder") == layer_shapes(net.encoder, (8,))


def test_the_part_is_exact_and_the_rest_is_as_it_was(net: Net, task: Task) -> None:
    model = compressed(net, task)
    assert torch.equal(model.model.decoder.weight, net.decoder.weight)
    assert isinstance(net.encoder, nn.Sequential)
    graph = trace(quantized_part(model), name="encoder")
    (read,) = read_by_part(model, task.test.arrays)
    want = torch.relu(net.scale(torch.from_numpy(task.test.inputs))).detach().numpy()
    np.testing.assert_array_equal(read, want)
    (name,) = graph.outputs
    codes = interpret(graph, read.astype(np.float64))[name]
    outputs = outputs_with(model, task.test.arrays, real_values(graph, name, codes))
    with torch.no_grad():
        whole = model(torch.from_numpy(task.test.inputs)).double().numpy()
    np.testing.assert_array_equal(outputs, whole)


def test_the_part_learns_with_the_rest(net: Net, task: Task) -> None:
    model = compressed(net, task)
    before = model.model.decoder.weight.clone()
    fit(model, task, recipe=Recipe(epochs=1, batch_size=100), callbacks=[Calibrate()])
    assert not torch.equal(model.model.decoder.weight, before)


def test_parts_that_there_are_not(net: Net, task: Task) -> None:
    with pytest.raises(ConfigError) as caught:
        part_shapes(net, task, "encodr")
    assert caught.value.message == 'the model has no part "encodr"; did you mean "encoder"?'
    with pytest.raises(GraphError, match='does not use its part "idle"'):
        part_shapes(net, task, "idle")


def test_the_part_is_measured_in_the_whole_model(net: Net, task: Task) -> None:
    measured = sensitivity(
        net, task, part="encoder", weight_bits=(4,), activation_bits=(4,), probes=4, rows=200
    )
    assert [layer.shape for layer in measured] == list(part_shapes(net, task, "encoder"))
    coarse = sensitivity(
        nn.Sequential(net.scale, nn.ReLU(), *net.encoder, net.decoder), task,
        weight_bits=(4,), activation_bits=(4,), probes=4, rows=200,
    )  # fmt: skip
    for own, other in zip(measured, coarse[1:3], strict=True):
        assert own.weight.perturbation[4] == pytest.approx(other.weight.perturbation[4])
    growth = [layers[-1].activation.loss_growth[4] for layers in (measured, coarse[:3])]
    assert growth[0] == pytest.approx(growth[1])  # the part does not know the sign of its input
