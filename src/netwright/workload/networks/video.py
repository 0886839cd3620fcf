"""Networks for clips of 16 frames."""

from __future__ import annotations

from netwright.workload.builder import Builder, Extents
from netwright.workload.workload import Workload

CLIP = (1, 3, 16, 224, 224)
NUM_ACTIONS = 400


def r2plus1d_18() -> Workload:
    """R(2+1)D-18 (Tran et al. 2018), as torchvision has it."""
    b = Builder("r2plus1d_18")
    x = _conv(b, b.input(CLIP), 45, (1, 7, 7), stride=(1, 2, 2))
    x = _conv(b, x, 64, (3, 1, 1))
    for width, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        for index in range(2):
            step = stride if index == 0 else 1
            depth = b.shape(x)[1]
            middle = depth * width * 27 // (depth * 9 + 3 * width)
            y = b.activate(b.norm(_factored(b, x, middle, width, step)))
            y = b.norm(_factored(b, y, middle, width, 1))
            if step != 1:
                x = b.norm(b.conv(x, width, 1, stride=step))
            x = b.activate(b.add(y, x))
    return b.finish(b.linear(b.global_pool(x), NUM_ACTIONS))


def s3d() -> Workload:
    """S3D (Xie et al. 2018), as torchvision has it."""
    b = Builder("s3d")
    x = _separable(b, b.input(CLIP), 64, 7, stride=2)
    x = b.pool(x, (1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))
    x = _separable(b, _conv(b, x, 64, 1), 192, 3)
    x = b.pool(x, (1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))
    x = _inception(b, x, 64, (96, 128), (16, 32), 32)
    x = _inception(b, x, 128, (128, 192), (32, 96), 64)
    x = b.pool(x, 3, stride=2, padding=1)
    x = _inception(b, x, 192, (96, 208), (16, 48), 64)
    x = _inception(b, x, 160, (112, 224), (24, 64), 64)
    x = _inception(b, x, 128, (128, 256), (24, 64), 64)
    x = _inception(b, x, 112, (144, 288), (32, 64), 64)
    x = _inception(b, x, 256, (160, 320), (32, 128), 128)
    x = b.pool(x, 2, stride=2)
    x = _inception(b, x, 256, (160, 320), (32, 128), 128)
    x = _inception(b, x, 384, (192, 384), (48, 128), 128)
    x = b.pool(x, (2, 7, 7), stride=1, reduce_op="add")
    return b.finish(b.global_pool(b.conv(x, NUM_ACTIONS, 1)))


def _conv(b: Builder, x: str, channels: int, kernel: Extents, *, stride: Extents = 1) -> str:
    taps = (kernel,) * 3 if isinstance(kernel, int) else kernel
    padding = tuple(tap // 2 for tap in taps)
    return b.activate(b.norm(b.conv(x, channels, taps, stride=stride, padding=padding)))


def _factored(b: Builder, x: str, middle: int, width: int, stride: int) -> str:
    """Space, then time, without what follows the second convolution."""
    y = _conv(b, x, middle, (1, 3, 3), stride=(1, stride, stride))
    return b.conv(y, width, (3, 1, 1), stride=(stride, 1, 1), padding=(1, 0, 0))


def _separable(b: Builder, x: str, channels: int, kernel: int, *, stride: int = 1) -> str:
    x = _conv(b, x, channels, (1, kernel, kernel), stride=(1, stride, stride))
    return _conv(b, x, channels, (kernel, 1, 1), stride=(stride, 1, 1))


def _inception(
    b: Builder, x: str, first: int, second: tuple[int, int], third: tuple[int, int], last: int
) -> str:
    return b.concat(
        _conv(b, x, first, 1),
        _separable(b, _conv(b, x, second[0], 1), second[1], 3),
        _separable(b, _conv(b, x, third[0], 1), third[1], 3),
        _conv(b, b.pool(x, 3, stride=1, padding=1), last, 1),
    )
