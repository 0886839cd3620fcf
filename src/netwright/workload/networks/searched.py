"""Two families of networks to search in, by their shapes: ResNet-9 and U-Net."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netwright.errors import ConfigError
from netwright.workload.builder import Builder
from netwright.workload.workload import Workload

MOST_FILTERS, MOST_REPEATS, MOST_EXTENT = 4096, 4, 4096


def resnet9(
    *,
    image: tuple[int, int, int] = (1, 28, 28),
    classes: int = 10,
    stem: int = 16,
    filters: Sequence[int] = (32, 64, 128),
    skips: Sequence[int] = (1, 0, 1),
) -> Workload:
    """ResNet-9; the arguments are those of :func:`netwright.models.resnet9`.

    Raises:
        ConfigError: A value is out of range.
    """
    check_resnet9(image, classes, stem, filters, skips)
    b = Builder("resnet9")
    x = _convolved(b, b.input((1, *image)), stem)
    for own, number in zip(filters, skips, strict=True):
        x = b.pool(_convolved(b, x, own), 2, stride=2)
        if number:
            x = b.add(x, _convolved(b, x, own, number))
    return b.finish(b.linear(b.global_pool(x), classes))


def unet(
    *,
    image: tuple[int, int, int] = (1, 64, 64),
    classes: int = 2,
    height: int = 2,
    filters: int = 8,
    repeats: int = 1,
) -> Workload:
    """U-Net; the arguments are those of :func:`netwright.models.unet`.

    Raises:
        ConfigError: A value is out of range.
    """
    check_unet(image, classes, height, filters, repeats)
    b = Builder("unet")
    x, kept = b.input((1, *image)), []
    for level in range(height + 1):
        x = b.pool(x, 2, stride=2) if level else x
        x = _convolved(b, x, filters << level, repeats)
        kept.append(x)
    kept.pop()
    for level in reversed(range(height)):
        other = kept.pop()
        wide = b.resize(x, b.shape(other)[2:])
        x = _convolved(b, b.concat(wide, other), filters << level, repeats)
    return b.finish(b.conv(x, classes, 1))


def _convolved(b: Builder, x: str, filters: int, repeats: int = 1) -> str:
    for _ in range(repeats):
        x = b.activate(b.norm(b.conv(x, filters, 3)))
    return x


def check_resnet9(
    image: tuple[int, int, int],
    classes: int,
    stem: int,
    filters: Sequence[int],
    skips: Sequence[int],
) -> None:
    """Refuse arguments that make no ResNet-9.

    Raises:
        ConfigError: With all faults.
    """
    found = [*_image_faults(image), *_faults({"classes": classes}, 2, MOST_FILTERS)]
    sizes = {"stem": stem, **{f"filters[{n}]": own for n, own in enumerate(filters)}}
    found += _faults(sizes, 1, MOST_FILTERS)
    found += _faults({f"skips[{n}]": own for n, own in enumerate(skips)}, 0, MOST_REPEATS)
    if len(filters) != len(skips) or not filters:
        found.append(
            f"filters and skips must be of each block, not {len(filters)} and {len(skips)}"
        )
    elif not found and min(image[1:]) >> len(filters) < 1:
        found.append(f"an image of {image[1]} x {image[2]} cannot be halved {len(filters)} times")
    _refuse(found)


def check_unet(
    image: tuple[int, int, int], classes: int, height: int, filters: int, repeats: int
) -> None:
    """Refuse arguments that make no U-Net.

    Raises:
        ConfigError: With all faults.
    """
    found = [*_image_faults(image), *_faults({"classes": classes}, 1, MOST_FILTERS)]
    found += _faults({"height": height}, 1, 8)
    found += _faults({"filters": filters}, 1, MOST_FILTERS)
    found += _faults({"repeats": repeats}, 1, MOST_REPEATS)
    if not found and any(extent % (1 << height) for extent in image[1:]):
        found.append(
            f"an image of {image[1]} x {image[2]} cannot be halved {height} times without a rest"
        )
    _refuse(found)


def _image_faults(image: tuple[int, int, int]) -> Iterator[str]:
    names = ("channels", "rows", "columns")
    if len(tuple(image)) != len(names):
        raise ConfigError(f"image must be channels, rows and columns, not {tuple(image)}")
    yield from _faults(dict(zip(names, image, strict=True)), 1, MOST_EXTENT)


def _faults(values: dict[str, int], least: int, most: int) -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            yield f"{name} must be a whole number from {least} to {most}, not {value!r}"


def _refuse(faults: list[str]) -> None:
    if faults:
        raise ConfigError(faults)
