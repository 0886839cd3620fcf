"""NASNet-A and PNASNet-5: cells of five sums of two branches, found by search.

Paddings are part of the operators that need them.
"""

from __future__ import annotations

from netwright.workload.builder import Builder
from netwright.workload.workload import Workload

IMAGE = (1, 3, 224, 224)


def nasnet_a() -> Workload:
    """NASNet-A Large, 6 @ 4032 (Zoph et al. 2018, figure 4), as timm's ``nasnetalarge``."""
    b = Builder("nasnet_a")
    width = 168
    image = b.norm(b.conv(b.input(IMAGE), 96, 3, stride=2, padding=0))
    stem = _stem_reduction(b, image, width // 4)
    before, x = (
        stem,
        _reduction_of(b, _squeezed(b, stem, width // 2), _halved(b, image, width // 2)),
    )
    x, before = _normal(b, _squeezed(b, x, width), _halved(b, before, width)), x
    for _ in range(5):
        x, before = _normal(b, _squeezed(b, x, width), _squeezed(b, before, width)), x
    for width in (336, 672):
        right, left = _squeezed(b, x, width), _squeezed(b, before, width)
        reduced = _reduction_of(b, right, left)
        # The first cell of a stage reads the cell before the last, which has twice the extents.
        x, before = _normal(b, _squeezed(b, reduced, width), _halved(b, before, width)), reduced
        for _ in range(5):
            x, before = _normal(b, _squeezed(b, x, width), _squeezed(b, before, width)), x
    return b.finish(b.linear(b.global_pool(b.activate(x)), 1000))


def pnasnet5() -> Workload:
    """PNASNet-5 Large (Liu et al. 2018, figure 1), as timm's ``pnasnet5large``."""
    b = Builder("pnasnet5")
    before = b.norm(b.conv(b.input(IMAGE), 96, 3, stride=2, padding=0))
    x = _progressive(b, before, _squeezed(b, before, 54), 54, stride=2, is_stem=True)
    cells = [(108, 2), *[(216, 1)] * 4, (432, 2), *[(432, 1)] * 3, (864, 2), *[(864, 1)] * 3]
    for width, stride in cells:
        halves = b.shape(before)[2] != b.shape(x)[2]
        left = (_halved if halves else _squeezed)(b, before, width)
        right = _squeezed(b, x, width)
        before, x = x, _progressive(b, left, right, width, stride=stride)
    return b.finish(b.linear(b.global_pool(b.activate(x)), 1000))


def _squeezed(b: Builder, x: str, width: int, *, stride: int = 1) -> str:
    return b.norm(b.conv(b.activate(x), width, 1, stride=stride))


def _halved(b: Builder, x: str, width: int) -> str:
    """Every other position, and the ones beside them, each with half of the channels."""
    y = b.activate(x)
    paths = [b.conv(b.pool(y, 1, stride=2, reduce_op="add"), width // 2, 1) for _ in range(2)]
    return b.norm(b.concat(*paths))


def _separable(
    b: Builder, x: str, width: int, kernel: int, *, stride: int = 1, is_stem: bool = False
) -> str:
    """Two depthwise separable convolutions; those of the stem widen in the first."""
    depth = b.shape(x)[1]
    y = b.conv(b.activate(x), depth, kernel, stride=stride, groups=depth)
    middle = width if is_stem else depth
    y = b.activate(b.norm(b.conv(y, middle, 1)))
    y = b.conv(y, middle, kernel, groups=middle)
    return b.norm(b.conv(y, width, 1))


def _max(b: Builder, x: str, *, stride: int) -> str:
    return b.pool(x, 3, stride=stride, padding=1)


def _mean(b: Builder, x: str, *, stride: int = 1) -> str:
    return b.pool(x, 3, stride=stride, padding=1, reduce_op="add")


def _normal(b: Builder, right: str, left: str) -> str:
    width = b.shape(right)[1]
    sums = [
        b.add(_separable(b, right, width, 5), _separable(b, left, width, 3)),
        b.add(_separable(b, left, width, 5), _separable(b, left, width, 3)),
        b.add(_mean(b, right), left),
        b.add(_mean(b, left), _mean(b, left)),
        b.add(_separable(b, right, width, 3), right),
    ]
    return b.concat(left, *sums)


def _stem_reduction(b: Builder, image: str, width: int) -> str:
    return _reduction_of(b, _squeezed(b, image, width), image)


def _reduction_of(b: Builder, right: str, left: str) -> str:
    width = b.shape(right)[1]
    widens = b.shape(left)[1] != width

    def wide(kernel: int) -> str:
        return _separable(b, left, width, kernel, stride=2, is_stem=widens)

    first = b.add(_separable(b, right, width, 5, stride=2), wide(7))
    second = b.add(_max(b, right, stride=2), wide(7))
    third = b.add(_mean(b, right, stride=2), wide(5))
    fourth = b.add(_mean(b, first), second)
    fifth = b.add(_separable(b, first, width, 3), _max(b, right, stride=2))
    return b.concat(second, third, fourth, fifth)


def _progressive(
    b: Builder, left: str, right: str, width: int, *, stride: int, is_stem: bool = False
) -> str:
    def from_left(kernel: int) -> str:
        return _separable(b, left, width, kernel, stride=stride, is_stem=is_stem)

    def from_right(kernel: int) -> str:
        return _separable(b, right, width, kernel, stride=stride)

    large, pooled = from_left(5), _max(b, left, stride=stride)
    if is_stem:
        pooled = b.norm(b.conv(pooled, width, 1))
    sums = [b.add(large, pooled)]
    sums.append(b.add(from_right(7), _max(b, right, stride=stride)))
    sums.append(b.add(from_right(5), from_right(3)))
    sums.append(b.add(_separable(b, sums[2], width, 3), _max(b, right, stride=stride)))
    small = from_left(3)
    other = right if stride == 1 else _squeezed(b, right, width, stride=2)
    sums.append(b.add(small, other))
    return b.concat(*sums)
