"""Two families of networks to search in: ResNet-9 for classes, U-Net for the pixels of an image.

The layers are those of :func:`netwright.workload.resnet9` and :func:`netwright.workload.unet` with
the same arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.workload.networks.searched import check_resnet9, check_unet


def resnet9(
    *,
    image: tuple[int, int, int] = (1, 28, 28),
    classes: int = 10,
    stem: int = 16,
    filters: Sequence[int] = (32, 64, 128),
    skips: Sequence[int] = (1, 0, 1),
    seed: int = 0,
) -> nn.Module:
    """ResNet-9: a stem, blocks that halve the image, and convolutions around which values skip.

    Args:
        image: Channels, rows and columns.
        classes: Logits, (batch, classes), that come out.
        stem: Filters of the first convolution.
        filters: Filters of each block, at most as many blocks as the image can be halved.
        skips: Convolutions of each block around which its values skip, 0 to 4.
        seed: Seed of the initial weights.

    Raises:
        ConfigError: A value is out of range.
    """
    check_resnet9(image, classes, stem, filters, skips)
    return _seeded(seed, lambda: _ResNet(image[0], classes, stem, filters, skips))


def unet(
    *,
    image: tuple[int, int, int] = (1, 64, 64),
    classes: int = 2,
    height: int = 2,
    filters: int = 8,
    repeats: int = 1,
    seed: int = 0,
) -> nn.Module:
    """U-Net: down by pooling, up by repetition, joined on the way.

    Args:
        image: Channels, rows and columns; both extents are multiples of 2 to the `height`.
        classes: Logits of every pixel, (batch, classes, rows, columns), that come out.
        height: How often the image is halved.
        filters: Filters of the first level; every level has twice as many as the one before.
        repeats: Convolutions of each level, on the way down and up.
        seed: Seed of the initial weights.

    Raises:
        ConfigError: A value is out of range.
    """
    check_unet(image, classes, height, filters, repeats)
    return _seeded(seed, lambda: _UNet(image[0], classes, height, filters, repeats))


def _seeded(seed: int, make: Callable[[], nn.Module]) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def _convolved(channels: int, filters: int, repeats: int = 1) -> nn.Sequential:
    """Convolutions 3×3 of the same extent, each normalized and rectified."""
    layers: list[nn.Module] = []
    for number in range(repeats):
        source = filters if number else channels
        layers += [
            nn.Conv2d(source, filters, 3, padding=1, bias=False),
            nn.BatchNorm2d(filters),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers)


class _ResNet(nn.Module):
    def __init__(
        self,
        channels: int,
        classes: int,
        stem: int,
        filters: Sequence[int],
        skips: Sequence[int],
    ) -> None:
        super().__init__()
        widths = (stem, *filters)
        self.stem = _convolved(channels, stem)
        self.blocks = nn.ModuleList(
            _convolved(*pair) for pair in zip(widths, filters, strict=False)
        )
        self.around = nn.ModuleList(
            _convolved(own, own, number) for own, number in zip(filters, skips, strict=True)
        )
        self.head = nn.Linear(widths[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block, around in zip(self.blocks, self.around, strict=True):
            x = functional.max_pool2d(block(x), 2)
            if next(around.children(), None) is not None:
                x = x + around(x)
        result: Tensor = self.head(x.mean((2, 3)))
        return result


class _UNet(nn.Module):
    def __init__(
        self, channels: int, classes: int, height: int, filters: int, repeats: int
    ) -> None:
        super().__init__()
        widths = [filters << level for level in range(height + 1)]
        sources = [channels, *widths[:-1]]
        self.down = nn.ModuleList(
            _convolved(source, own, repeats) for source, own in zip(sources, widths, strict=True)
        )
        self.up = nn.ModuleList(
            _convolved(low + high, high, repeats)
            for low, high in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.head = nn.Conv2d(filters, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        kept: list[Tensor] = []
        for level, down in enumerate(self.down):
            x = down(functional.max_pool2d(x, 2) if level else x)
            kept.append(x)
        kept.pop()
        for up in self.up:
            x = up(torch.cat([functional.interpolate(x, scale_factor=2.0), kept.pop()], 1))
        result: Tensor = self.head(x)
        return result
