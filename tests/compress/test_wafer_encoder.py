"""The encoder of wafers as integers: equal to its training, for every set of weights one chip."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from netwright import tasks, train
from netwright.backends.rtl.loading import check_loadable
from netwright.compress import PartlyQuantized, quantize_wafer_encoder, sent_graph, wafer_graph
from netwright.errors import ConfigError, GraphError
from netwright.ir import Interpreter, interpret, real_values
from netwright.models import wafer_autoencoder
from netwright.models.autoencoder import Truncate
from tests.backends.hls.graphs import Build


@pytest.fixture(scope="module", params=["8x8", "4x4x3"])
def task(request: pytest.FixtureRequest) -> tasks.Task:
    return tasks.calorimeter(layout=request.param).subset(200)


def quantized(task: tasks.Task, seed: int, bits: int = 9) -> PartlyQuantized:
    return quantize_wafer_encoder(wafer_autoencoder(task, seed=seed), task, latent_bits=bits)


def test_integers_are_those_of_the_graph_and_outputs_are_what_is_decoded(
    task: tasks.Task,
) -> None:
    model = quantized(task, 1, bits=5).eval()
    graph = wafer_graph(model)
    inputs = task.test.inputs
    found = Interpreter.of(graph).run({graph.inputs[0]: inputs})[graph.outputs[0]]
    with torch.no_grad():
        rows = torch.from_numpy(inputs)
        codes = np.asarray(model.quantized.codes(rows))
        outputs = model(rows)
        kept = torch.from_numpy((codes.astype(np.int64) >> 4) / 16).float()
        assert torch.equal(model.model.get_submodule("decoder")(kept), outputs)
    assert (found == codes).all()
    assert found.shape == (len(inputs), 16)
    assert 0 <= found.min() < found.max() <= 511


def test_one_chip_runs_every_set_of_weights(task: tasks.Task) -> None:
    first, second = (wafer_graph(quantized(task, seed)) for seed in (1, 2))
    check_loadable(first, second)
    check_loadable(second, first)
    weights = [name for name in first.constants if "weight" in name]
    assert len(weights) == 2
    for name in weights:
        assert first.types[name].dtype.bits == 6
        assert (first.constants[name] != second.constants[name]).any()


def test_training_goes_on_in_the_encoder_and_the_decoder(task: tasks.Task) -> None:
    model = quantized(task, 3)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    train.fit(model, task, recipe=train.Recipe(epochs=1, batch_size=50))
    changed = {name for name, value in model.state_dict().items() if (value != before[name]).any()}
    assert any(name.startswith("model.encoder.") for name in changed)
    assert any(name.startswith("model.decoder.") for name in changed)
    assert not any(name.endswith("scale") and "bias" not in name for name in changed)


def test_more_bits_change_less(task: tasks.Task) -> None:
    model = wafer_autoencoder(task, seed=4).eval()
    rows = torch.from_numpy(task.test.inputs)
    with torch.no_grad():
        real = model.encoder(rows)
        errors = [
            float(
                (quantize_wafer_encoder(model, task, weight_bits=bits).quantized(rows) - real)
                .abs()
                .mean()
            )
            for bits in (4, 6, 8)
        ]
    assert errors == sorted(errors, reverse=True)


def test_widths_out_of_range_are_refused(task: tasks.Task) -> None:
    with pytest.raises(ConfigError, match="weight_bits must be an integer from 2 to 16, not 1"):
        quantize_wafer_encoder(wafer_autoencoder(task), task, weight_bits=1)


@pytest.mark.parametrize("bits", [3, 9, 14])
def test_the_link_as_a_node_cuts_as_the_link_does(task: tasks.Task, bits: int) -> None:
    graph = wafer_graph(quantized(task, 5))
    (last,) = graph.outputs
    inputs = {graph.inputs[0]: task.test.inputs}
    values = real_values(graph, last, interpret(graph, inputs)[last])
    sent = sent_graph(graph, bits)
    (output,) = sent.outputs
    found = real_values(sent, output, interpret(sent, inputs)[output])
    assert np.array_equal(found, Truncate(bits)(torch.from_numpy(values)).numpy())
    assert sent_graph(sent, bits) is sent
    assert (sent is graph) == (bits == 9)


def test_outputs_of_several_scales_have_no_link() -> None:
    build = Build("net")
    graph = build.graph(build.dense(build.quantize((4,), scale=0.3), 2))
    with pytest.raises(GraphError, match=r"must have one scale, a power of two, to be cut to 8"):
        sent_graph(graph, 8)
