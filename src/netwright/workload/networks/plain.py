"""Early networks, nearly chains: quick, and a check that a chain spills nothing."""

from __future__ import annotations

from netwright.workload.builder import Builder
from netwright.workload.workload import Workload


def alexnet() -> Workload:
    """AlexNet in its one-column form (Krizhevsky 2014), as torchvision has it."""
    b = Builder("alexnet")
    x = b.activate(b.conv(b.input((1, 3, 224, 224)), 64, 11, stride=4, padding=2))
    x = b.activate(b.conv(b.pool(x, 3, stride=2), 192, 5))
    x = b.pool(x, 3, stride=2)
    for channels in (384, 256, 256):
        x = b.activate(b.conv(x, channels, 3))
    x = b.pool(x, 3, stride=2)
    x = b.reshape(x, (1, 256 * 6 * 6))
    for features in (4096, 4096):
        x = b.activate(b.linear(x, features))
    return b.finish(b.linear(x, 1000))


def vgg16() -> Workload:
    """VGG-16 (Simonyan and Zisserman 2015, table 1, column D)."""
    return _vgg("vgg16", 3)


def vgg19() -> Workload:
    """VGG-19 (Simonyan and Zisserman 2015, table 1, column E)."""
    return _vgg("vgg19", 4)


def _vgg(name: str, deep: int) -> Workload:
    """A VGG with so many layers in each of the last three blocks."""
    b = Builder(name)
    x = b.input((1, 3, 224, 224))
    for channels, layers in ((64, 2), (128, 2), (256, deep), (512, deep), (512, deep)):
        for _ in range(layers):
            x = b.activate(b.conv(x, channels, 3))
        x = b.pool(x, 2, stride=2)
    x = b.reshape(x, (1, 512 * 7 * 7))
    for features in (4096, 4096):
        x = b.activate(b.linear(x, features))
    return b.finish(b.linear(x, 1000))


def squeezenet() -> Workload:
    """SqueezeNet 1.1 (Iandola et al. 2016), as torchvision has it."""
    b = Builder("squeezenet")
    x = b.activate(b.conv(b.input((1, 3, 224, 224)), 64, 3, stride=2, padding=0))
    for squeezed, expanded, pooled in (
        (16, 64, True), (16, 64, False), (32, 128, True), (32, 128, False),
        (48, 192, True), (48, 192, False), (64, 256, False), (64, 256, False),
    ):  # fmt: skip
        if pooled:
            x = b.pool(x, 3, stride=2, ceil=True)
        x = b.activate(b.conv(x, squeezed, 1))
        parts = [b.activate(b.conv(x, expanded, kernel)) for kernel in (1, 3)]
        x = b.concat(*parts)
    return b.finish(b.global_pool(b.activate(b.conv(x, 1000, 1))))
