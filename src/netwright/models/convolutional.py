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
    stride: int = 2,
    batch_norm: bool = False,
    seed: int = 0,
) -> nn.Sequential:
    """Convolution 3×3, ReLU, dense, ReLU: the encoder of the ECON-T autoencoder.

    The default has the 2144 parameters of the published encoder
    (fastmachinelearning/hawq-jet-tagging, ``training/econ_t/model.py``); three channels of 4×4 with
    stride 1 have the 2288 of its other variant.

    Args:
        shape: Channels, height and width of an input.
        filters: Channels after the convolution.
        outputs: Values in the code.
        stride: Of the convolution.
        batch_norm: Normalize between the convolution and its ReLU.
        seed: Seed of the initial weights.

    Raises:
        ConfigError: An extent is not a positive integer.
    """
    channels, height, width = shape
    if any(
        not isinstance(extent, int) or extent < 1 for extent in (*shape, filters, outputs, stride)
    ):
        raise ConfigError(
            "shape, filters, outputs and stride must be positive integers, not "
            f"{shape}, {filters}, {outputs} and {stride}"
        )
    inner = filters * -(-height // stride) * -(-width // stride)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers["conv1"] = nn.Conv2d(channels, filters, 3, stride=stride, padding=1)
        if batch_norm:
            layers["norm1"] = nn.BatchNorm2d(filters)
        layers["relu1"] = nn.ReLU()
        layers["flatten"] = nn.Flatten()
        layers["fc1"] = nn.Linear(inner, outputs)
        layers["relu2"] = nn.ReLU()
    return nn.Sequential(layers)
