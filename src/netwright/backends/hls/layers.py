"""The firmware as plain values: what will be handed to hls4ml, before hls4ml is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from netwright.formats import Fixed

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of the firmware.

    Attributes:
        name: Unique identifier, also without regard to case.
        kind: Name of the layer class in hls4ml.
        inputs: Names of the layers it reads.
        registers: The register of every quantity in it: ``result``, ``accum``, ``weight``, …
        attributes: What hls4ml wants to know besides: sizes, strides, the activation function.
        arrays: Constants, as the real values that their registers hold exactly.
        node: The graph node it comes from; empty for inputs.
        products: Inputs and outputs of the matrix product in it, where multipliers can be shared.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    registers: Mapping[str, Fixed]
    attributes: Mapping[str, int | str | Shape] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    node: str = ""
    products: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class View:
    """Where the firmware keeps a tensor of the graph.

    A code `c` is held as the real number ``c * 2**exponent``. The tensor's element with the flat
    position `i` (batch left out) is the element ``index.flat[i]`` of the layer's output. So moving
    values about (Reshape, Transpose) costs nothing until a layer needs them in another order.

    Attributes:
        layer: The layer whose output holds the tensor.
        shape: Shape of that output (batch left out, channels last).
        index: Flat positions in that output, in the shape of the tensor (batch left out).
        exponent: Binary point.
        register: Register of that output.
    """

    layer: str
    shape: Shape
    index: NDArray[np.int64]
    exponent: int
    register: Fixed

    @property
    def size(self) -> int:
        """Number of values in the layer's output."""
        return int(np.prod(self.shape))

    def is_laid_out(self, shape: Shape, index: NDArray[np.int64]) -> bool:
        """Whether the output has this shape, with the tensor's elements in these places."""
        return self.shape == shape and np.array_equal(self.index, index)


@dataclass(frozen=True, slots=True)
class Firmware:
    """Everything that becomes the generated project.

    Attributes:
        layers: Layers in execution order, inputs first.
        host: Tensors that are computed on the host and fed to the firmware, with the view of each.
        outputs: Names of the layers whose outputs leave the firmware, each once.
        views: Where every tensor of the graph that the firmware computes is kept.
    """

    layers: tuple[Layer, ...]
    host: Mapping[str, View]
    outputs: tuple[str, ...]
    views: Mapping[str, View]


def plain_index(extents: Shape) -> NDArray[np.int64]:
    """Positions of a tensor that is kept in the order it has in the graph."""
    return np.arange(int(np.prod(extents)), dtype=np.int64).reshape(extents)


def channels_last(extents: Shape) -> tuple[Shape, NDArray[np.int64]]:
    """Shape and positions of a channels-first tensor that is kept with its channels last."""
    shape = (*extents[1:], extents[0])
    return shape, np.moveaxis(plain_index(shape), -1, 0)
