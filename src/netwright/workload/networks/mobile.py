"""Networks of inverted residuals."""

from __future__ import annotations

from netwright.workload.builder import Builder
from netwright.workload.workload import Workload

BLOCKS = (
    (3, 16, 16, False, 1, 1),
    (3, 64, 24, False, 2, 1),
    (3, 72, 24, False, 1, 1),
    (5, 72, 40, True, 2, 1),
    (5, 120, 40, True, 1, 1),
    (5, 120, 40, True, 1, 1),
    (3, 240, 80, False, 2, 1),
    (3, 200, 80, False, 1, 1),
    (3, 184, 80, False, 1, 1),
    (3, 184, 80, False, 1, 1),
    (3, 480, 112, True, 1, 1),
    (3, 672, 112, True, 1, 1),
    (5, 672, 160, True, 1, 2),
    (5, 960, 160, True, 1, 2),
    (5, 960, 160, True, 1, 2),
)
"""Kernel, expanded and output channels, gated or not, stride, dilation (Howard et al. 2019, table
1, with the last stride exchanged for dilation)."""

LOW_LEVEL_BLOCK = 3
NUM_LABELS = 21


def lraspp() -> Workload:
    """L-RASPP on MobileNetV3-Large, as torchvision's ``lraspp_mobilenet_v3_large``."""
    b = Builder("lraspp")
    x = b.activate(b.norm(b.conv(b.input((1, 3, 224, 224)), 16, 3, stride=2)))
    low = x
    for index, block in enumerate(BLOCKS):
        x = _inverted_residual(b, x, *block)
        low = x if index == LOW_LEVEL_BLOCK else low
    x = b.activate(b.norm(b.conv(x, 960, 1)))
    y = b.activate(b.norm(b.conv(x, 128, 1)))
    factors = b.gate(b.conv(b.global_pool(x), 128, 1))
    y = b.resize(b.scale(y, factors), b.shape(low)[2:])
    y = b.add(b.conv(low, NUM_LABELS, 1), b.conv(y, NUM_LABELS, 1))
    return b.finish(b.resize(y, (224, 224)))


def _inverted_residual(
    b: Builder,
    x: str,
    kernel: int,
    expanded: int,
    channels: int,
    gated: bool,
    stride: int,
    dilation: int,
) -> str:
    depth = b.shape(x)[1]
    y = x if expanded == depth else b.activate(b.norm(b.conv(x, expanded, 1)))
    y = b.conv(y, expanded, kernel, stride=stride, dilation=dilation, groups=expanded)
    y = b.activate(b.norm(y))
    if gated:
        squeezed = -(-(expanded // 4) // 8) * 8
        factors = b.activate(b.conv(b.global_pool(y), squeezed, 1))
        y = b.scale(y, b.activate(b.conv(factors, expanded, 1)))
    y = b.norm(b.conv(y, channels, 1))
    return b.add(y, x) if stride == 1 and channels == depth else y
