from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from netwright.compress import (
    Choice,
    Plan,
    by_pattern,
    calibrate_module,
    formats_of,
    module_shapes,
    quantize_module,
)
from netwright.compress.quantize import quantizer
from netwright.errors import ConfigError, NumericsError, UnsupportedOp
from netwright.tasks import Task, from_arrays
from netwright.train import Checkpoint, FormattedLayer, fit, predict


class Net(nn.Module):
    """A branch, and a layer whose number of inputs is odd."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(7, 16)
        self.keys = nn.Linear(16, 16)
        self.head = nn.Linear(16, 3)

    def forward(self, values: Tensor) -> Tensor:
        hidden = torch.relu(self.first(values))
        found: Tensor = self.head(hidden + self.keys(hidden))
        return found


@pytest.fixture(scope="module")
def task() -> Task:
    random = np.random.default_rng(0)
    inputs = random.standard_t(3, (400, 7)).astype(np.float32)
    targets = inputs[:, :3].argmax(axis=1)
    return from_arrays(inputs, targets, name="largest")


@pytest.fixture(scope="module")
def net(task: Task) -> Net:
    torch.manual_seed(0)
    model = Net()
    fit(model, task, epochs=15, learning_rate=1e-2, batch_size=64)
    return model


def planned(net: Net, task: Task, choice: Choice | int | tuple[Choice, Choice]) -> Plan:
    shapes = module_shapes(net, task)
    return by_pattern(shapes, {"*": choice}, scale="float", granularity="channel")


def test_shapes_are_those_of_the_layers_in_use(net: Net, task: Task) -> None:
    shapes = module_shapes(net, task, ["first", "keys"])
    assert [(s.name, s.inputs, s.outputs, s.positions) for s in shapes] == [
        ("first", 7, 16, 1),
        ("keys", 16, 16, 1),
    ]
    with pytest.raises(ConfigError, match='the pattern "second" matches no layer'):
        module_shapes(net, task, ["second"])


@pytest.mark.parametrize("name", ["outlier", "mse", "hadamard", "mx", "nvfp4"])
def test_a_module_is_quantized_after_training(net: Net, task: Task, name: str) -> None:
    if name == "hadamard":
        shapes = module_shapes(net, task, ["keys", "head"])
        plan = by_pattern(shapes, {"*": Choice(name, 4)}, granularity="channel")
    else:
        plan = planned(net, task, Choice(name, 4))
    made = quantize_module(net, plan, task)
    before, after = (task.evaluate(predict(m, task.test.inputs)) for m in (net, made))
    assert before - 0.15 < after <= 1
    assert not isinstance(net.first, FormattedLayer), "the model is not changed"


def test_each_format_is_the_one_of_its_quantizer(net: Net, task: Task) -> None:
    made = quantize_module(net, planned(net, task, Choice("outlier", 4)), task, rows=50)
    found = {(name, what): format for name, what, format in formats_of(made)}
    assert len(found) == 6
    weights = quantizer("outlier", 4).fit(
        net.keys.weight.detach().numpy(), channel_axis=0, group_axis=1
    )
    assert found["keys", "weights"] == weights
    with torch.no_grad():
        hidden = torch.relu(net.first(torch.from_numpy(task.train.inputs[:50]))).numpy()
    read = quantizer("outlier", 4).fit(hidden, channel_axis=None, group_axis=-1)
    assert found["keys", "inputs"].scale == read.scale
    assert found["keys", "inputs"].group_axis == -1


def test_widths_without_a_name_are_integers_of_least_error(net: Net, task: Task) -> None:
    named = quantize_module(net, planned(net, task, Choice("mse", 5)), task)
    plain = quantize_module(net, planned(net, task, 5), task)
    assert [str(f) for *_, f in formats_of(plain)] == [str(f) for *_, f in formats_of(named)]


def test_what_a_layer_gives_is_another_place(net: Net, task: Task) -> None:
    plan = planned(net, task, (Choice("mse", 8), Choice("half", 16)))
    layers = tuple(
        replace(entry, outputs="absmax", output_bits=4) if entry.name == "keys" else entry
        for entry in plan.layers
    )
    made = quantize_module(net, replace(plan, layers=layers), task)
    places = {(name, what) for name, what, _ in formats_of(made)}
    assert ("keys", "outputs") in places
    assert ("head", "outputs") not in places
    layer = made.get_submodule("keys")
    with torch.no_grad():
        values = layer(torch.rand(64, 16))
    assert len(values.unique()) <= 15


def test_training_behind_it_goes_on_where_it_was(net: Net, task: Task, tmp_path: object) -> None:
    """Quantization-aware, by the one trainer: better than before, and resumable."""
    plan = planned(net, task, Choice("outlier", 4))
    made = quantize_module(net, plan, task, learns_scale=True)
    start = made.get_submodule("keys.weights").scale.detach().clone()  # type: ignore[union-attr]
    before = task.evaluate(predict(made, task.validation.inputs), split="validation")
    path = Checkpoint(f"{tmp_path}/tuned.pt")  # type: ignore[arg-type]
    history = fit(made, task, epochs=4, learning_rate=3e-3, batch_size=64, checkpoint=path)
    assert history.best.score >= before - 0.02
    assert not torch.equal(made.get_submodule("keys.weights").scale, start)  # type: ignore[arg-type]
    again = quantize_module(net, plan, task, learns_scale=True)
    fit(again, task, epochs=4, learning_rate=3e-3, batch_size=64, checkpoint=path)
    assert np.array_equal(predict(again, task.test.inputs), predict(made, task.test.inputs))


def test_what_cannot_be_quantized(net: Net, task: Task) -> None:
    plan = planned(net, task, Choice("outlier", 4))
    other = replace(plan, layers=(replace(plan.layers[0], name="frist"),))
    with pytest.raises(ConfigError, match=r'names the layer "frist".*did you mean "first"'):
        quantize_module(net, other, task)
    with pytest.raises(ConfigError, match="rows must be 1 or more"):
        quantize_module(net, plan, task, rows=0)
    with pytest.raises(NumericsError, match=r'layer ".*": .* needs an even extent, not 7'):
        quantize_module(net, planned(net, task, Choice("hadamard", 4)), task)
    broken = Net()
    with torch.no_grad():
        broken.keys.weight[2, 3] = torch.nan
    with pytest.raises(NumericsError, match=r"finite"):
        quantize_module(broken, planned(broken, task, Choice("outlier", 4)), task)
    grouped = nn.Sequential(nn.Conv1d(4, 4, 1, groups=2))
    with pytest.raises(UnsupportedOp, match='layer "0": operator "Conv1d in groups"'):
        module_shapes(grouped, task)


def test_formats_are_chosen_anew_on_other_rows(net: Net, task: Task) -> None:
    made = quantize_module(net, planned(net, task, Choice("absmax", 4)), task, rows=5)
    few = [format.scale for *_, format in formats_of(made)]
    calibrate_module(made, task, rows=200)
    assert [format.scale for *_, format in formats_of(made)] != few
