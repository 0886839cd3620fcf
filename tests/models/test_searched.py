from __future__ import annotations

import pytest
import torch

from netwright import models, workload
from netwright.errors import ConfigError

NETS = [
    ({"image": (1, 8, 8), "classes": 3, "stem": 2, "filters": (4, 6), "skips": (2, 0)}, (3,)),
    ({"image": (2, 8, 8), "classes": 2, "height": 2, "filters": 3, "repeats": 2}, (2, 8, 8)),
]


@pytest.mark.parametrize(("make", "shape", "settings", "out"), [
    (models.resnet9, workload.resnet9, *NETS[0]), (models.unet, workload.unet, *NETS[1]),
])  # fmt: skip
def test_layers_are_those_of_the_shapes(make, shape, settings, out):
    """Weights of convolutions and dense layers are as many; normalization and biases fold."""
    own = make(**settings)
    result = own(torch.zeros(5, *settings["image"]))
    assert result.shape == (5, *out)
    count = sum(p.numel() for name, p in own.named_parameters() if p.ndim > 1)
    assert count == shape(**settings).num_parameters


def test_seeds_make_weights():
    one, again, other = (models.resnet9(seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)
    with pytest.raises(ConfigError, match="stem must be"):
        models.resnet9(stem=-1)
