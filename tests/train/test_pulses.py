from __future__ import annotations

import pytest
import torch

from netwright.errors import ConfigError
from netwright.train import find_loss
from netwright.train.pulses import pulses


def test_a_loss_by_hand():
    outputs = torch.tensor([[0.1, 0.3], [-0.3, 0.0]])
    targets = torch.zeros(2, 2)
    expected = (0.1**2 + 0.3**2) / 2 + 0.1 * (0.3**2) / 2
    assert float(pulses(outputs, targets)) == pytest.approx(expected)


def test_beyond_half_a_sample_the_loss_grows_along_a_line():
    far = [float(pulses(torch.tensor([[x, 0.0]]), torch.zeros(1, 2))) for x in (1.0, 2.0, 3.0)]
    assert far[2] - far[1] == pytest.approx(far[1] - far[0])


def test_samples_without_noise_count_where_there_are_any():
    outputs, targets = torch.zeros(3, 66), torch.zeros(3, 66)
    outputs[:, 2:] = 2.0
    assert float(pulses(outputs, targets)) == pytest.approx(0.4)


def test_it_has_a_name():
    assert find_loss("pulses") is pulses


@pytest.mark.parametrize("shape", [(4, 1), (4,), (4, 3)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ConfigError, match="the loss of pulses needs outputs and targets"):
        pulses(torch.zeros(shape), torch.zeros(4, 2) if shape == (4, 3) else torch.zeros(shape))
