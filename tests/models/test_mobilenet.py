from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from netwright.cost import size_of
from netwright.errors import ConfigError
from netwright.models import mobilenet
from netwright.workload import mobilenet_v1

IMAGE = (1, 28, 28)


@pytest.mark.parametrize(("group_size", "width"), [(1, 0.25), (8, 0.25), (16, 0.5), (1, 0.3)])
def test_the_network_is_the_one_that_costs_are_modelled_for(group_size, width):
    model = mobilenet(image=IMAGE, group_size=group_size, width=width).eval()
    size = size_of(mobilenet_v1(image=IMAGE, group_size=group_size, width=width, classes=10))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        assert model(torch.zeros(1, 784)).shape == (1, 10)
    assert counter.get_total_flops() == 2 * size.num_macs
    kernels = [p.numel() for p in model.parameters() if p.ndim > 1]
    assert sum(kernels) == size.num_parameters


def test_the_seed_decides():
    first, again, other = (mobilenet(seed=seed).get_parameter("stem.weight") for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_impossible_sizes_are_refused():
    with pytest.raises(ConfigError) as caught:
        mobilenet(group_size=0)
    assert str(caught.value) == (
        "image, classes and group_size must be positive and width above 0 and up to 8, not "
        "(1, 28, 28), 10, 0 and 0.25"
    )
    with pytest.raises(ConfigError, match="10 channels of block 0 cannot be split into groups of"):
        mobilenet(group_size=3, width=0.3125)
