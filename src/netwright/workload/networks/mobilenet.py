"""MobileNet with a free group size."""

from __future__ import annotations

from netwright.workload.builder import Builder
from netwright.workload.workload import Workload

BLOCKS = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1), (512, 1),
    (512, 1), (512, 1), (1024, 2), (1024, 1),
)  # fmt: skip
"""Output channels and stride of every block (Howard et al. 2017, table 1)."""

STEM = 32
"""Channels after the first convolution, whose stride is 2 (ibid.)."""


def mobilenet_v1(
    *,
    group_size: int = 1,
    image: tuple[int, int, int] = (3, 224, 224),
    width: float = 1.0,
    classes: int = 1000,
) -> Workload:
    """MobileNetV1, as published or with wider groups.

    Args:
        group_size: Channels of each group of the 3x3 convolutions: 1 makes them depthwise. Layers
            with fewer channels take one group.
        image: Channels, rows and columns of the input.
        width: Multiplier of the channels of every layer.
        classes: Outputs of the last layer.
    """
    b = Builder("mobilenet_v1" if group_size == 1 else f"mobilenet_v1_g{group_size}")
    x = b.activate(b.norm(b.conv(b.input((1, *image)), scaled(STEM, width), 3, stride=2)))
    for channels, stride in BLOCKS:
        depth = b.shape(x)[1]
        groups = max(1, depth // group_size)
        x = b.activate(b.norm(b.conv(x, depth, 3, stride=stride, groups=groups)))
        x = b.activate(b.norm(b.conv(x, scaled(channels, width), 1)))
    return b.finish(b.linear(b.global_pool(x), classes))


def scaled(channels: int, width: float) -> int:
    """Channels of a layer after a width multiplier, at least one."""
    return max(1, round(channels * width))
