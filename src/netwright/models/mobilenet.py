"""MobileNetV1 with a free group size, for small images."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from netwright.errors import ConfigError
from netwright.workload.networks.mobilenet import BLOCKS, STEM, scaled


def mobilenet(
    *,
    image: tuple[int, int, int] = (1, 28, 28),
    classes: int = 10,
    group_size: int = 1,
    width: float = 0.25,
    seed: int = 0,
) -> nn.Sequential:
    """MobileNetV1 (Howard et al. 2017, table 1) whose 3×3 convolutions may have wider groups.

    The layers are those of :func:`netwright.workload.mobilenet_v1` with the same arguments. Weights
    lie channels last, in which training on a CPU takes half the time.

    Args:
        image: Channels, rows and columns; a batch of rows, (batch, channels * rows * columns),
            goes in.
        classes: Logits, (batch, classes), that come out.
        group_size: Channels of each group of the 3×3 convolutions: 1 makes them depthwise. Layers
            with fewer channels take one group.
        width: Multiplier of the channels of every layer.
        seed: Seed of the initial weights.

    Raises:
        ConfigError: A value is out of range, or a layer's channels are no multiple of the group.
    """
    if min(*image, classes, group_size) < 1 or not 0 < width <= 8:
        raise ConfigError(
            "image, classes and group_size must be positive and width above 0 and up to 8, not "
            f"{image}, {classes}, {group_size} and {width}"
        )
    layers: OrderedDict[str, nn.Module] = OrderedDict(unflatten=nn.Unflatten(1, image))
    depth = scaled(STEM, width)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        _add(layers, "stem", nn.Conv2d(image[0], depth, 3, stride=2, padding=1, bias=False))
        for i, (channels, stride) in enumerate(BLOCKS):
            groups = max(1, depth // group_size)
            if depth % groups:
                raise ConfigError(
                    f"{depth} channels of block {i} cannot be split into groups of {group_size}"
                )
            kernel = nn.Conv2d(depth, depth, 3, stride, padding=1, groups=groups, bias=False)
            _add(layers, f"group{i}", kernel)
            wider = scaled(channels, width)
            _add(layers, f"point{i}", nn.Conv2d(depth, wider, 1, bias=False))
            depth = wider
        layers["pool"] = nn.AdaptiveAvgPool2d(1)
        layers["flatten"] = nn.Flatten()
        layers["classify"] = nn.Linear(depth, classes)
    return nn.Sequential(layers).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _add(layers: OrderedDict[str, nn.Module], name: str, conv: nn.Conv2d) -> None:
    layers[name] = conv
    layers[f"{name}_norm"] = nn.BatchNorm2d(conv.out_channels)
    layers[f"{name}_relu"] = nn.ReLU()
