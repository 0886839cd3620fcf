"""Residual networks: ResNet, ResNeXt, and the segmentation networks built on them."""

from __future__ import annotations

from netwright.workload.builder import Builder
from netwright.workload.workload import Workload

IMAGE = (1, 3, 224, 224)
NUM_CLASSES = 1000
NUM_LABELS = 21


def resnet18() -> Workload:
    """ResNet-18 (He et al. 2016, table 1)."""
    b = Builder("resnet18")
    x = _stem(b)
    for width, blocks, stride in ((64, 2, 1), (128, 2, 2), (256, 2, 2), (512, 2, 2)):
        for index in range(blocks):
            step = stride if index == 0 else 1
            y = b.activate(b.norm(b.conv(x, width, 3, stride=step)))
            y = b.norm(b.conv(y, width, 3))
            if step != 1:
                x = b.norm(b.conv(x, width, 1, stride=step))
            x = b.activate(b.add(y, x))
    return b.finish(b.linear(b.global_pool(x), NUM_CLASSES))


def resnet50() -> Workload:
    """ResNet-50 with the stride in the 3x3 convolutions, as torchvision has it."""
    b = Builder("resnet50")
    x = _bottlenecks(b, _stem(b))
    return b.finish(b.linear(b.global_pool(x), NUM_CLASSES))


def resnext50() -> Workload:
    """ResNeXt-50 32x4d (Xie et al. 2017, table 1)."""
    b = Builder("resnext50")
    x = _bottlenecks(b, _stem(b), width=2, groups=32)
    return b.finish(b.linear(b.global_pool(x), NUM_CLASSES))


def fcn() -> Workload:
    """FCN on ResNet-50 with output stride 8, as torchvision's ``fcn_resnet50``."""
    b = Builder("fcn")
    x = _bottlenecks(b, _stem(b), dilated=True)
    x = b.activate(b.norm(b.conv(x, 512, 3)))
    return b.finish(b.resize(b.conv(x, NUM_LABELS, 1), IMAGE[2:]))


def deeplabv3() -> Workload:
    """DeepLabV3 on ResNet-50, as torchvision's ``deeplabv3_resnet50``."""
    b = Builder("deeplabv3")
    x = _bottlenecks(b, _stem(b), dilated=True)
    branches = [b.activate(b.norm(b.conv(x, 256, 1)))]
    for rate in (12, 24, 36):
        branches.append(b.activate(b.norm(b.conv(x, 256, 3, dilation=rate))))
    pooled = b.activate(b.norm(b.conv(b.global_pool(x), 256, 1)))
    branches.append(b.resize(pooled, b.shape(x)[2:]))
    y = b.activate(b.norm(b.conv(b.concat(*branches), 256, 1)))
    y = b.activate(b.norm(b.conv(y, 256, 3)))
    return b.finish(b.resize(b.conv(y, NUM_LABELS, 1), IMAGE[2:]))


def _stem(b: Builder) -> str:
    x = b.activate(b.norm(b.conv(b.input(IMAGE), 64, 7, stride=2)))
    return b.pool(x, 3, stride=2, padding=1)


def _bottlenecks(
    b: Builder, x: str, *, width: int = 1, groups: int = 1, dilated: bool = False
) -> str:
    """The four stages; `dilated` keeps the extents of the second one, as segmentation needs."""
    for stage, blocks in enumerate((3, 4, 6, 3)):
        planes = 64 << stage
        for index in range(blocks):
            first = index == 0
            stride = 2 if first and stage > 0 and not (dilated and stage > 1) else 1
            dilation = 1
            if dilated and stage > 1:
                dilation = 1 << (stage - 1 - first)
            inner = planes * width
            y = b.activate(b.norm(b.conv(x, inner, 1)))
            y = b.conv(y, inner, 3, stride=stride, dilation=dilation, groups=groups)
            y = b.norm(b.conv(b.activate(b.norm(y)), 4 * planes, 1))
            if first:
                x = b.norm(b.conv(x, 4 * planes, 1, stride=stride))
            x = b.activate(b.add(y, x))
    return x
