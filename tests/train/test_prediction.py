from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from netwright import models
from netwright.errors import ConfigError, DataError
from netwright.train import evaluate, predict
from tests.texts import encoder, sentences
from tests.toys import clouds


def test_outputs_keep_the_mode_and_do_not_depend_on_the_batch_size() -> None:
    task = clouds()
    model = models.mlp(task, batch_norm=True).train()
    model[1].eval()
    first = predict(model, task.test.inputs)
    np.testing.assert_allclose(first, predict(model, task.test.arrays, batch_size=7), atol=1e-5)
    assert model.training
    assert not model[1].training
    assert first.shape == (300, 3)
    assert first.dtype == np.float64


def test_outputs_of_double_precision_are_computed_in_it() -> None:
    rows = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    model = nn.Linear(6, 3).double()
    expected = rows.astype(np.float64) @ model.weight.detach().numpy().T
    np.testing.assert_allclose(predict(model, rows), expected + model.bias.detach().numpy())


def test_padded_rows_come_back_in_their_order() -> None:
    words, _ = sentences(100)
    longest = max(map(len, words))
    ids, mask = np.zeros((2, 100, longest), dtype=np.int64)
    for row, sentence in enumerate(words):
        ids[row, : len(sentence)], mask[row, : len(sentence)] = sentence, 1
    model = encoder().eval()
    found = predict(model, {"ids": ids, "mask": mask})
    with torch.no_grad():
        each = [
            model(torch.from_numpy(s[None]).long(), torch.ones(1, len(s), dtype=torch.bool))
            for s in words
        ]
    np.testing.assert_allclose(found, torch.cat(each).double().numpy(), atol=1e-5)


def test_outputs_that_are_no_tensor_or_do_not_fit_are_refused() -> None:
    task = clouds()
    with pytest.raises(ConfigError, match="a model must return one tensor, not tuple"):
        predict(nn.LSTM(6, 3), task.test.inputs)
    with pytest.raises(DataError, match=r"outputs for split test must have shape \(300, 3\)"):
        evaluate(nn.Linear(6, 2), task)
