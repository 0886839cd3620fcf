"""MobileNet with a free group size."""

from __future__ import annotations

from netwright.workload.builder import Builder
from netwright.workload.einsum import Workload

BLOCKS = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1), (512, 1),
    (512, 1), (512, 1), (1024, 2), (1024, 1),
)  # fmt: skip
"""Output channels and stride of every block (Howard et al. 2017, table 1)."""


def mobilenet_v1(*, group_size: int = 1, extent: int = 224) -> Workload:
    """MobileNetV1 at width 1, as published or with wider groups.

    Args:
        group_size: Channels of each group of the 3x3 convolutions: 1 makes them depthwise. Layers
            with fewer channels take one group.
        extent: Rows and columns of the image.
    """
    b = Builder("mobilenet_v1" if group_size == 1 else f"mobilenet_v1_g{group_size}")
    x = b.activate(b.norm(b.conv(b.input((1, 3, extent, extent)), 32, 3, stride=2)))
    for channels, stride in BLOCKS:
        depth = b.shape(x)[1]
        groups = max(1, depth // group_size)
        x = b.activate(b.norm(b.conv(x, depth, 3, stride=stride, groups=groups)))
        x = b.activate(b.norm(b.conv(x, channels, 1)))
    return b.finish(b.linear(b.global_pool(x), 1000))
