"""Networks of any topology: torch to exact integers, and QONNX with them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netwright import compress, exchange
from netwright.compress import LayerPlan, Plan
from netwright.errors import ConfigError, NetwrightError
from netwright.formats import NM
from netwright.ir import Graph, Interpreter, real_values
from netwright.train import QuantModel, Recipe, evaluate, fit, trace
from netwright.verify import bit_exact, corners, random
from tests.networks import Joined, Lines, Net, Residual, Two, Waveform, pictures, seeded
from tests.toys import clouds

RULES = [("power-of-two", "tensor"), ("float", "channel")]
"""Every choice of both; scales and granularities do not meet in the code."""
NETWORKS = {
    "residual": Residual,
    "waveform": Waveform,
    "joined": Joined,
    "net": Net,
    "lines": Lines,
}


def quantized(
    model: nn.Module, shape: tuple[int, ...], bits: int = 8, **rules: object
) -> QuantModel:
    """A calibrated network, on normal rows."""
    shapes = compress.layer_shapes(model, shape)
    plan = replace(compress.uniform(shapes, weight_bits=bits, activation_bits=bits), **rules)
    made = compress.build(model, plan, input_shape=shape)
    made.calibrate(rows_of(shape, 400))
    return made.eval()


def rows_of(shape: tuple[int, ...], count: int = 50) -> Tensor:
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(7))


def outputs_of(found: object) -> tuple[Tensor, ...]:
    assert isinstance(found, Tensor | tuple)
    return found if isinstance(found, tuple) else (found,)


def require_exact(model: QuantModel, graph: Graph, rows: np.ndarray) -> None:
    """All outputs of the network and of its graph, codes and values."""
    found = Interpreter.of(graph).run(rows)
    with torch.no_grad():
        codes = outputs_of(model.codes(torch.from_numpy(rows)))
        values = outputs_of(model(torch.from_numpy(rows)))
    for name, code, value in zip(graph.outputs, codes, values, strict=True):
        np.testing.assert_array_equal(found[name], code.numpy())
        np.testing.assert_array_equal(real_values(graph, name, found[name]), value.numpy())


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("scale", "granularity"), RULES)
def test_graphs_are_exact_and_near_the_float_network(
    name: str, scale: str, granularity: str
) -> None:
    model = seeded(NETWORKS[name])
    shape = NETWORKS[name].shape
    made = quantized(model, shape, 10, scale=scale, granularity=granularity)
    graph = trace(made)
    rows = rows_of(shape)
    for stimulus in (rows.double().numpy(), corners(graph).inputs, random(graph, rows=50).inputs):
        require_exact(made, graph, stimulus)
    with torch.no_grad():
        for wanted, found in zip(outputs_of(model(rows)), outputs_of(made(rows)), strict=True):
            assert float((wanted - found).abs().mean()) < 0.1 * float(wanted.abs().mean())


@pytest.mark.parametrize("granularity", ["tensor", "channel"])
@pytest.mark.parametrize("kind", [Residual, Waveform])
def test_training_and_evaluation_agree_with_power_of_two_scales(
    kind: type[nn.Module], granularity: str
) -> None:
    """All values lie on grids of powers of two, where float32 is exact: no difference at all."""
    made = quantized(seeded(kind), kind.shape, 6, granularity=granularity)  # type: ignore[attr-defined]
    rows = rows_of(kind.shape)  # type: ignore[attr-defined]
    with torch.no_grad():
        wanted = made.eval()(rows)
        assert torch.equal(made.train()(rows).double(), wanted)


@pytest.mark.parametrize("kind", [Residual, Waveform])
def test_from_torch_over_hawq_and_finetuning_to_qonnx(kind: type[nn.Module]) -> None:
    task = pictures(kind.shape)  # type: ignore[attr-defined]
    model = seeded(kind)
    fit(model, task, recipe=Recipe(epochs=3, batch_size=32, learning_rate=1e-2))
    shapes = compress.layer_shapes(model, task.input_shape)
    middle = compress.total_bops(shapes, compress.uniform(shapes, weight_bits=5, activation_bits=6))
    plan = compress.hawq(model, task, budget=compress.bops(middle), probes=4)
    assert compress.total_bops(shapes, plan) <= middle
    assert [layer.name for layer in plan.layers] == [shape.name for shape in shapes]
    made = compress.finetune(model, plan, task, recipe=Recipe(epochs=2, batch_size=32))
    assert evaluate(made, task) > evaluate(model, task) - 0.1
    graph = trace(made)
    assert graph.head == "softmax"
    require_exact(made, graph, task.test.inputs.astype(np.float64))
    assert bit_exact(graph, exchange.referee(graph), task.test.inputs[:20]).holds


@pytest.mark.parametrize("kind", [Net, Lines])
def test_transposed_convolutions_are_exact_in_qonnx(kind: type[nn.Module]) -> None:
    made = quantized(seeded(kind), kind.shape, 5, granularity="channel")  # type: ignore[attr-defined]
    graph = trace(made)
    rows = rows_of(kind.shape, 10).double().numpy()  # type: ignore[attr-defined]
    assert bit_exact(graph, exchange.referee(graph), rows).holds


def test_layers_stand_at_their_paths_in_a_copy() -> None:
    model = seeded(Residual)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    made = quantized(model, Residual.shape)
    assert type(made.network) is Residual
    for path, layer in made.quant_layers().items():
        assert made.network.get_submodule(path) is layer
    assert list(made.quant_layers()) == [
        "stem", "blocks.0.conv1", "blocks.0.conv2", "blocks.1.conv1", "blocks.1.conv2",
        "blocks.1.short.0", "head",
    ]  # fmt: skip
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    graph = trace(made)
    assert {node.origin for node in graph.nodes} >= set(made.quant_layers())


def test_sums_add_accumulators_and_codes_on_the_finer_grid() -> None:
    graph = trace(quantized(seeded(Residual), Residual.shape))
    assert [node.op for node in graph.nodes] == [
        "Quantize", "Conv", "Requantize", "Conv", "Requantize", "Conv", "Requantize", "Add",
        "Requantize", "Conv", "Requantize", "Conv", "Conv", "Requantize", "Add", "Requantize",
        "SumPool", "Requantize", "Reshape", "MatMul",
    ]  # fmt: skip


def test_what_is_joined_shares_a_grid() -> None:
    made = quantized(seeded(Joined), Joined.shape)
    graph = trace(made)
    (join,) = (node for node in graph.nodes if node.op == "Concat")
    assert len({graph.types[name].scale for name in join.inputs}) == 1
    assert all(graph.producers[name].op in ("Quantize", "Requantize") for name in join.inputs)


def test_readers_of_one_tensor_may_have_widths_of_their_own() -> None:
    class Fork(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc1, self.fc2, self.fc3 = (nn.Linear(6, 6) for _ in range(3))

        def forward(self, x: Tensor) -> Tensor:
            y = torch.relu(self.fc1(x))
            return self.fc2(y) + self.fc3(y)

    plan = Plan(tuple(LayerPlan(f"fc{i}", 6, bits) for i, bits in ((1, 8), (2, 7), (3, 4))))
    made = compress.build(Fork(), plan, input_shape=(6,))
    made.calibrate(rows_of((6,)))
    assert {name: str(q.spec.dtype) for name, q in made.sources().items()} == {
        "fc1": "int8", "fc2": "uint7", "fc3": "uint4",
    }  # fmt: skip
    require_exact(made.eval(), trace(made), rows_of((6,)).double().numpy())


def test_several_inputs_have_quantizers_of_their_own() -> None:
    shapes = {"x": (6,), "z": (5,)}
    model = Two()
    layers = compress.layer_shapes(model, shapes)
    plan = compress.uniform(layers, weight_bits=6, activation_bits=7)
    made = compress.build(model, plan, input_shape=shapes)
    rows = {name: rows_of(shape) for name, shape in shapes.items()}
    made.calibrate(*rows.values())
    graph = trace(made.eval())
    assert graph.inputs == ("x", "z")
    found = Interpreter.of(graph).run({key: v.double().numpy() for key, v in rows.items()})
    with torch.no_grad():
        codes = made.codes(*rows.values())
    assert isinstance(codes, Tensor)
    np.testing.assert_array_equal(found[graph.outputs[0]], codes.numpy())


class Says(nn.Module):
    """Two layers, and a function of them."""

    def __init__(self, function: object) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.fc1, self.fc2 = nn.Linear(6, 6), nn.Linear(6, 6)
        self.norm = nn.BatchNorm1d(6)
        self.gain = nn.Parameter(torch.linspace(-1, 2, 6))
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        assert callable(self.function)
        return self.function(self, x)  # type: ignore[no-any-return]


FUNCTIONS = {
    "a relu on the input": lambda m, x: m.fc1(F.relu(x)),
    "a relu at the end of a sum": lambda m, x: F.relu(m.fc1(x) + x),
    "relu6 at the end": lambda m, x: F.relu6(3 * m.fc1(x)),
    "both sides of a relu": lambda m, x: m.fc2(F.relu(m.fc1(x))) + m.fc1.bias,
    "factors of channels": lambda m, x: m.fc2(m.gain * m.fc1(x)),
    "negative": lambda m, x: m.fc2(1 - m.fc1(x)),
    "twice the same": lambda m, x: m.fc2(m.fc1(x) * 2 + x),
    "pre-activation": lambda m, x: x + m.fc2(F.relu(m.norm(m.fc1(F.relu(m.norm2(x)))))),
    "a chain of sums": lambda m, x: (x + m.fc1(x)) + m.fc2(x + m.fc1_again(x)),
    "the mean": lambda m, x: m.fc1(x) + m.fc2(x).mean(-1, keepdim=True),
    "a sum that is also returned": lambda m, x: (m.fc1(x), m.fc2(m.fc1_again(x) + x)),
    "views": lambda m, x: m.fc2(m.fc1(x).view(-1, 2, 3).permute(0, 2, 1).reshape(-1, 6)),
    "tokens": lambda m, x: m.fc2(F.relu(m.fc1(torch.stack([x, -x], 1) if 0 else x[:, None, :]))),
    "a smooth function": lambda m, x: m.fc2(torch.sigmoid(m.fc1(x))),
    "a function of a sum": lambda m, x: m.fc2(F.leaky_relu(m.fc1(x) + x, 0.125)),
    "functions at the end": lambda m, x: torch.tanh(m.fc2(F.silu(m.fc1(x)))),
    "functions that are joined": lambda m, x: torch.cat([m.fc1(x).sigmoid(), m.fc2(x).tanh()], 1),
    "a function of an input": lambda m, x: m.fc1(F.elu(x)) + F.gelu(x),
    "pools of a vector": lambda m, x: m.fc2(F.max_pool1d(m.fc1(x)[:, None], 3, 1, 1).flatten(1)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(("scale", "granularity"), RULES)
def test_what_forward_does_is_exact(name: str, scale: str, granularity: str) -> None:
    model = Says(FUNCTIONS[name])
    model.norm2, model.fc1_again = nn.BatchNorm1d(6), nn.Linear(6, 6)
    model.eval()
    made = quantized(model, (6,), 9, scale=scale, granularity=granularity)
    graph = trace(made)
    rows = rows_of((6,), 200)
    require_exact(made, graph, rows.double().numpy())
    with torch.no_grad():
        for wanted, found in zip(outputs_of(model(rows)), outputs_of(made(rows)), strict=True):
            assert float((wanted - found).abs().mean()) < 0.1 * float(wanted.abs().mean())


REFUSED = {
    "a layer twice": (lambda m, x: m.fc1(m.fc1(x)), 'node "fc1": Linear (test_insertion.py:'),
    "weights of no layer": (
        lambda m, x: m.fc1(x) @ m.fc2.weight,
        "weights that belong to no layer",
    ),
    "a decision": (lambda m, x: m.fc1(x) if x.sum() > 0 else x, "cannot be traced at"),
    "a product of two": (lambda m, x: m.fc1(x) * m.fc2(x), '"Mul" is not supported by compress'),
    "an unknown function": (lambda m, x: m.fc2(torch.atan(m.fc1(x))), "atan (test_insertion.py:"),
    "a function with a pole": (lambda m, x: m.fc2(torch.log(m.fc1(x))), '"log" is not supported'),
    "softmax inside": (lambda m, x: m.fc2(m.fc1(x).softmax(-1)), "Softmax"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_quantized_meaning_is_refused_by_name(name: str) -> None:
    function, reason = REFUSED[name]
    plan = Plan((LayerPlan("fc1", 4, 4), LayerPlan("fc2", 4, 4)))
    with pytest.raises(NetwrightError) as caught:
        compress.build(Says(function), plan, input_shape=(6,))
    assert reason in str(caught.value)


def test_tied_parameters_are_refused() -> None:
    model = Says(lambda m, x: m.fc2(m.fc1(x)))
    model.fc2.weight = model.fc1.weight
    with pytest.raises(NetwrightError) as caught:
        compress.layer_shapes(model, (6,))
    assert str(caught.value) == (
        'node "fc2": shares its weight with fc1.weight\n'
        "hint: give every layer parameters of its own"
    )


def test_one_bit_for_a_signed_tensor_is_refused() -> None:
    model = Says(lambda m, x: m.fc2(m.fc1(x)) + x)
    plan = Plan((LayerPlan("fc1", 4, 4), LayerPlan("fc2", 4, 1)))
    with pytest.raises(ConfigError, match='layer "fc2": input_bits must be 2 or more, not 1'):
        compress.apply(model, plan, clouds())


def test_patterns_of_a_plan_are_those_of_the_weights(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 4, 4), nn.ReLU(), nn.Linear(4, 2)
    )
    shapes = compress.layer_shapes(model, (8, 4, 4))
    plan = compress.uniform(shapes, weight_bits=6, activation_bits=6)
    plan = plan.with_patterns({"0": NM(2, 8), "3": NM(1, 4)})
    before = [weight.clone() for weight in model.state_dict().values()]
    made = compress.build(model, plan, input_shape=(8, 4, 4))
    made.calibrate(rows_of((8, 4, 4), 100))
    graph = trace(made.eval())
    patterns = [known.pattern for known in graph.types.values() if known.pattern is not None]
    assert patterns == [NM(2, 8, 1), NM(1, 4, 0)]
    kept = zip(before, model.state_dict().values(), strict=True)
    assert all(torch.equal(old, new) for old, new in kept)
    path = exchange.write_qonnx(graph, tmp_path / "nm.onnx")
    read = exchange.read_qonnx(path)
    assert [t.pattern for t in read.types.values() if t.pattern is not None] == patterns


def test_fine_tuning_keeps_the_patterns_of_the_plan() -> None:
    task = clouds(64)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    shapes = compress.layer_shapes(model, task.input_shape)
    plan = compress.uniform(shapes, weight_bits=6, activation_bits=6).with_patterns({"2": NM(1, 4)})
    made = compress.finetune(model, plan, task, epochs=1, batch_size=32)
    weight = made.quant_layers()["2"].weight.detach().numpy()
    assert not NM(1, 4, 1).fault(weight)


def test_patterns_of_transposed_convolutions_are_refused() -> None:
    model = nn.Sequential(nn.ConvTranspose2d(4, 4, 2), nn.ReLU(), nn.Conv2d(4, 2, 1))
    shapes = compress.layer_shapes(model, (4, 3, 3))
    plan = compress.uniform(shapes, weight_bits=6, activation_bits=6).with_patterns({"0": NM(2, 4)})
    with pytest.raises(ConfigError, match='layer "0" cannot be 2:4: ConvTranspose2d'):
        compress.build(model, plan, input_shape=(4, 3, 3))
