"""Layers as dataflow templates see them: a grouped convolution of two axes, windows included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from netwright.arch import Direction
from netwright.errors import GraphError
from netwright.mapping.operation import Operation
from netwright.mapping.zeros import not_plain
from netwright.workload.view import radix

CACHED = 1 << 16


@dataclass(frozen=True, slots=True)
class Window:
    """One axis of an image on which windows slide.

    Attributes:
        made: Places of the result.
        taps: Places of the filter.
        stride: Places of the image from one window to the next.
        dilation: Places of the image from one tap to the next.
        padding: Places of padding before the image.
        extent: Places of the image.
    """

    made: int = 1
    taps: int = 1
    stride: int = 1
    dilation: int = 1
    padding: int = 0
    extent: int = 1

    def reach(self, made: int) -> int:
        """Places of the image, at most, that some neighboring places of the result need."""
        span = 1 + self.stride * (made - 1) + self.dilation * (self.taps - 1)
        return min(self.extent, span, made * self.taps)


@dataclass(frozen=True, slots=True)
class Tiled:
    """An axis cut into tiles of the result.

    Attributes:
        sizes: Places of the image that each tile needs.
        shared: Places that each tile shares with the one before it; 0 for the first.
        wrapped: Places that the first tile shares with the last; all of them if there is one.
        pairs: Pairs of places of the result and of the filter that do not fall on padding.
        pairs_of: Likewise, of each tile.
    """

    sizes: tuple[int, ...]
    shared: tuple[int, ...]
    wrapped: int
    pairs: int
    pairs_of: tuple[int, ...]

    @property
    def fetched(self) -> int:
        """Places that are fetched, tile by tile, if what two neighbors share stays."""
        return sum(self.sizes) - sum(self.shared)


@lru_cache(maxsize=CACHED)
def tiled(window: Window, tile: int) -> Tiled:
    """An axis in tiles of some places of the result; the last one may be smaller."""
    parts: list[frozenset[int]] = []
    pairs: list[int] = []
    for first in range(0, window.made, tile):
        touched = [
            window.stride * place + window.dilation * tap - window.padding
            for place in range(first, min(first + tile, window.made))
            for tap in range(window.taps)
        ]
        inside = [place for place in touched if 0 <= place < window.extent]
        parts.append(frozenset(inside))
        pairs.append(len(inside))
    shared = (0, *(len(a & b) for a, b in pairwise(parts)))
    return Tiled(
        tuple(map(len, parts)), shared, len(parts[0] & parts[-1]), sum(pairs), tuple(pairs)
    )


@dataclass(frozen=True, slots=True)
class Shape:
    """A layer: a grouped convolution, or a product of matrices.

    Attributes:
        groups: Groups, each with channels and features of its own.
        batch: Images.
        features: Output channels of a group.
        channels: Input channels of a group.
        rows: The axis of rows.
        columns: The axis of columns.
        bits: Width of inputs, of weights and of results.
    """

    groups: int
    batch: int
    features: int
    channels: int
    rows: Window
    columns: Window
    bits: tuple[int, int, int]

    @property
    def images(self) -> int:
        """Images, those of all groups."""
        return self.groups * self.batch

    @property
    def num_weights(self) -> int:
        """Weights of a group."""
        return self.features * self.channels * self.rows.taps * self.columns.taps

    @property
    def num_results(self) -> int:
        """Elements of the result."""
        return self.images * self.features * self.rows.made * self.columns.made

    @property
    def num_macs(self) -> int:
        """Multiply-accumulates, those on padding included."""
        return self.num_results * self.channels * self.rows.taps * self.columns.taps


def shape_of(operation: Operation) -> tuple[Shape, Mapping[Direction, str]]:
    """An operation as templates see it, and its rank of each direction.

    Raises:
        GraphError: No template counts it; the message says why.
    """
    ranks: dict[Direction, str] = {}
    for rank, meant in operation.directions.items():
        if meant in ranks:
            raise GraphError(
                f"has two ranks of the kind {meant}, {ranks[meant]} and {rank}; no template has",
                node=operation.name,
            )
        ranks[meant] = rank
    if len(operation.tensors) != 3:
        raise GraphError("multiplies more than two tensors; no template does", node=operation.name)
    for name, own in operation.tensors.items():
        if reason := not_plain(own):
            raise GraphError(f'"{name}" {reason}; no template knows that', node=operation.name)
    sizes = {meant: operation.extents[rank] for meant, rank in ranks.items()}
    rows = _window(operation, ranks, "P", "R")
    columns = _window(operation, ranks, "Q", "S")
    _check_plain(operation, ranks)
    bits = tuple(
        operation.tensors[operation.of(role)].bits for role in ("input", "weight", "output")
    )
    found = Shape(
        sizes.get("G", 1), sizes.get("N", 1), sizes.get("M", 1), sizes.get("C", 1), rows, columns,
        (bits[0], bits[1], bits[2]),
    )  # fmt: skip
    return found, ranks


def _window(
    operation: Operation, ranks: Mapping[Direction, str], place: Direction, tap: Direction
) -> Window:
    """The axis of the input along which one pair of ranks walks."""
    own = [ranks[letter] for letter in (place, tap) if letter in ranks]
    if not own:
        return Window()
    name = operation.of("input")
    for axis, extent in operation.along(name):
        walked = dict(axis.terms)
        if not set(walked) & set(own):
            continue
        if set(walked) != set(own) or min(walked.values()) < 1:
            break
        made, taps = (operation.extents[ranks[n]] if n in ranks else 1 for n in (place, tap))
        stride, dilation = (walked.get(ranks.get(n, ""), 1) for n in (place, tap))
        return Window(made, taps, stride, dilation, -axis.offset, extent)
    raise GraphError(
        f"walks along its image in a way that no template has ({place} and {tap})",
        node=operation.name,
    )


def _check_plain(operation: Operation, ranks: Mapping[Direction, str]) -> None:
    """All other axes must have an element for each combination of their ranks."""
    sliding = {ranks[letter] for letter in ("P", "Q", "R", "S") if letter in ranks}
    for name in operation.tensors:
        for axis, _ in operation.along(name):
            walked = {rank for rank, _ in axis.terms}
            if name == operation.of("input") and walked & sliding:
                continue
            if axis.offset or radix(axis, dict(operation.extents)) is None:
                raise GraphError(
                    f'reads or writes "{operation.tensors[name].name}" in a way that no template '
                    "has",
                    node=operation.name,
                )
