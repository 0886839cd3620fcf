"""A small convolutional encoder."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from netwright.errors import ConfigError


def encoder(
    *,
    shape: tuple[int, int, int] = (1, 8, 8),
    filters: int = 8,
    outputs: int = 16,
    batch_norm: bool = False,
    seed: int = 0,
) -> nn.Sequential:
    """Convolution 3×3 of stride 2, ReLU, dense, ReLU: the encoder of the ECON-T autoencoder.

    The default has the 2144 parameters of the published encoder
    (fastmachinelearning/hawq-jet-tagging, ``training/econ_t/model.py``).

    Args:
        shape: Channels, height and width of an input.
        filters: Channels after the convolution.
        outputs: Values in the code.
        batch_norm: Normalize between the convolution and its ReLU.
        seed: Seed of the initial weights.

    Raises:
        ConfigError: An extent is not a positive integer.
    """
    channels, height, width = shape
    if any(not isinstance(extent, int) or extent < 1 for extent in (*shape, filters, outputs)):
        raise ConfigError(
            f"shape, filters and outputs must be positive integers, not {shape}, {filters} and "
            f"{outputs}"
        )
    inner = filters * ((height + 1) // 2) * ((width + 1) // 2)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers["conv1"] = nn.Conv2d(channels, filters, 3, stride=2, padding=1)
        if batch_norm:
            layers["norm1"] = nn.BatchNorm2d(filters)
        layers["relu1"] = nn.ReLU()
        layers["flatten"] = nn.Flatten()
        layers["fc1"] = nn.Linear(inner, outputs)
        layers["relu2"] = nn.ReLU()
    return nn.Sequential(layers)
