from __future__ import annotations

import numpy as np
import pytest
import torch

from netwright import compress, models, tasks, train
from netwright.errors import ConfigError
from netwright.ir import Interpreter

TASK = tasks.pulses(train_rows=600, validation_rows=60, test_rows=60)
CLEAN = tasks.pulses(train_rows=600, validation_rows=60, test_rows=60, denoised=True)


def test_the_regression_has_the_published_family_s_size():
    model = models.pulse_cnn(TASK)
    assert sum(p.numel() for p in model.parameters()) == 4794
    shapes = compress.layer_shapes(model, TASK.input_shape)
    assert sum(s.positions * s.inputs * s.outputs for s in shapes) == 23_616


def test_the_autoencoder_gives_values_and_samples():
    model = models.pulse_autoencoder(CLEAN)
    found = model(torch.from_numpy(CLEAN.test.inputs))
    assert found.shape == (60, 66)
    kinds = [type(m).__name__ for m in model.modules()]
    assert (kinds.count("Conv1d"), kinds.count("ConvTranspose1d")) == (4, 4)


@pytest.mark.parametrize(
    ("model", "task"),
    [
        (models.pulse_cnn(TASK, channels=(4, 4), hidden=8), TASK),
        (models.pulse_autoencoder(CLEAN, channels=(4, 4), hidden=8), CLEAN),
    ],
    ids=["regression", "autoencoder"],
)
def test_sixteen_bits_of_activations_are_exact_integers(model, task):
    shapes = compress.layer_shapes(model, task.input_shape)
    plan = compress.uniform(shapes, weight_bits=8, activation_bits=16)
    tuned = compress.finetune(model, plan, task, epochs=1)
    graph = train.trace(tuned, name="pulses")
    assert graph.is_integer
    codes = Interpreter.of(graph).run({graph.inputs[0]: task.test.inputs})[graph.outputs[0]]
    with torch.no_grad():
        assert np.array_equal(tuned.codes(torch.from_numpy(task.test.inputs)).numpy(), codes)


def test_equal_seeds_make_equal_networks():
    for make, task in ((models.pulse_cnn, TASK), (models.pulse_autoencoder, CLEAN)):
        first, again = make(task, seed=3).state_dict(), make(task, seed=3).state_dict()
        other = make(task, seed=4).state_dict()
        assert all(torch.equal(first[name], again[name]) for name in first)
        assert not all(torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: models.pulse_cnn(TASK, kernel=3), "kernel must be an even number from 2 on"),
        (lambda: models.pulse_cnn(TASK, channels=()), "channels must hold a number"),
        (lambda: models.pulse_cnn(TASK, hidden=0), "hidden must be positive integers"),
        (
            lambda: models.pulse_cnn(TASK, channels=(4,) * 7),
            "pulses of 64 samples cannot be halved 7 times",
        ),
        (lambda: models.pulse_autoencoder(TASK), r"an autoencoder of pulses gives \(66,\)"),
        (
            lambda: models.pulse_cnn(tasks.jets().subset(10)),
            r'task "jets" has inputs of shape \(16,\)',
        ),
    ],
)
def test_networks_that_do_not_fit_are_refused(make, message):
    with pytest.raises(ConfigError, match=message):
        make()
