"""The state of a lowering: layers made so far, and where they keep the tensors of the graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import permutations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from netwright.backends.hls.layers import Layer, Shape, View, plain_index
from netwright.backends.hls.registers import wrapping
from netwright.errors import NumericsError, UnsupportedOp
from netwright.escape import Identifiers
from netwright.formats import Fixed, holds_integers, reach
from netwright.ir import Graph, Node
from netwright.ir.spec import Bounds

IoType = Literal["io_parallel", "io_stream"]
WHERE = "the HLS backend"


@dataclass
class Lowering:
    """A lowering in progress.

    Attributes:
        graph: The integer graph.
        io_type: How tensors travel between layers: as arrays or as streams of pixels.
        limits: Limits of every tensor, before any wrap to its declared format.
        layers: Layers made so far.
        views: Where the tensors made so far are kept.
    """

    graph: Graph
    io_type: IoType
    limits: Mapping[str, Bounds]
    layers: list[Layer] = field(default_factory=list)
    views: dict[str, View] = field(default_factory=dict)
    _names: Identifiers = field(
        default_factory=lambda: Identifiers(separator="_", default="layer", lower=False)
    )

    @property
    def streams(self) -> bool:
        """Whether tensors travel as streams."""
        return self.io_type == "io_stream"

    def extents(self, tensor: str) -> Shape:
        """Extents of `tensor`, the batch left out."""
        return self.graph.types[tensor].shape[1:]

    def reach(self, tensor: str) -> tuple[int, int]:
        """Smallest and largest code that `tensor` can hold."""
        dtype, limit = self.graph.types[tensor].dtype, self.limits[tensor]
        if holds_integers(dtype) and self.wraps(tensor):
            return dtype.min, dtype.max
        return limit.low, limit.high

    def wraps(self, tensor: str) -> bool:
        """Whether values of `tensor` can exceed its declared format."""
        dtype, limit = self.graph.types[tensor].dtype, self.limits[tensor]
        return dtype.wraps and (limit.low < dtype.min or limit.high > dtype.max)

    def register(self, tensor: str, exponent: int) -> Fixed:
        """The wrapping register of the declared format of `tensor`.

        Raises:
            NumericsError: Values wrap to an interval that no register has.
        """
        dtype = self.graph.types[tensor].dtype
        if self.wraps(tensor) and holds_integers(dtype) and dtype.max != reach(dtype)[1]:
            raise NumericsError(
                f"values wrap to the narrow format {dtype}, which no register does",
                tensor=tensor,
                hint="declare a format that is wide enough, or not narrow",
            )
        return wrapping(self.graph, tensor, exponent)

    def name(self, text: str) -> str:
        """A new layer name that resembles `text`."""
        return self._names.of(text)

    def add(
        self,
        kind: str,
        node: Node,
        inputs: tuple[str, ...],
        registers: Mapping[str, Fixed],
        *,
        attributes: Mapping[str, int | str | Shape] | None = None,
        arrays: Mapping[str, NDArray[np.float64]] | None = None,
        products: tuple[int, int] | None = None,
        suffix: str = "",
    ) -> str:
        """Append a layer and return its name."""
        name = self.name(node.name + suffix)
        self.layers.append(
            Layer(
                name,
                kind,
                inputs,
                dict(registers),
                dict(attributes or {}),
                dict(arrays or {}),
                node.name,
                products,
            )
        )
        return name

    def refuse(self, node: Node, hint: str) -> UnsupportedOp:
        """The error for a node that cannot be made exactly."""
        return UnsupportedOp(node.op, node=node.name, where=WHERE, hint=hint)

    def arranged(self, node: Node, tensor: str, shape: Shape, index: NDArray[np.int64]) -> View:
        """The tensor with its elements in the places `index` of an output of `shape`.

        Adds the layers that move them, if any are needed.

        Raises:
            UnsupportedOp: No transposition of the axes does it.
        """
        view = self.views[tensor]
        if view.is_laid_out(shape, index):
            return view
        if np.array_equal(view.index, index):
            return self._reshaped(node, view, shape)
        extents = view.index.shape
        for order in permutations(range(len(extents))):
            stored = tuple(extents[axis] for axis in order)
            if not np.array_equal(view.index.transpose(order), plain_index(stored)):
                continue
            for step in permutations(range(len(extents))):
                moved = plain_index(tuple(stored[axis] for axis in step))
                wanted = index.transpose([order[axis] for axis in step])
                if np.array_equal(moved, wanted):
                    source = self._reshaped(node, view, stored)
                    return self._reshaped(node, self._transposed(node, source, step), shape, index)
        raise self.refuse(
            node,
            f'"{tensor}" reaches it with its values in an order that no transposition restores; '
            "move the Reshape or Transpose before it elsewhere",
        )

    def _reshaped(
        self, node: Node, view: View, shape: Shape, index: NDArray[np.int64] | None = None
    ) -> View:
        index = view.index if index is None else index
        if view.shape == shape:
            return View(view.layer, shape, index, view.exponent, view.register)
        layer = self.add(
            "Reshape",
            node,
            (view.layer,),
            {"result": view.register},
            attributes={"target_shape": shape},
            suffix="_reshape",
        )
        return View(layer, shape, index, view.exponent, view.register)

    def _transposed(self, node: Node, view: View, order: tuple[int, ...]) -> View:
        layer = self.add(
            "Transpose",
            node,
            (view.layer,),
            {"result": view.register},
            attributes={"perm": order},
            suffix="_transpose",
        )
        shape = tuple(view.shape[axis] for axis in order)
        return View(layer, shape, plain_index(shape), view.exponent, view.register)

    def at_exponent(self, node: Node, view: View, exponent: int) -> View:
        """The same codes with another binary point."""
        if view.exponent == exponent:
            return view
        shift = exponent - view.exponent
        old = view.register
        register = Fixed(old.bits, old.integer_bits + shift, old.signed)
        layer = self.add(
            "BatchNormalization",
            node,
            (view.layer,),
            {"result": register, "scale": Fixed(1, 1 + shift, False), "bias": Fixed(1, 1, False)},
            attributes={"n_in": view.size, "n_filt": 1},
            arrays={"scale_data": np.ldexp(np.ones(1), shift), "bias_data": np.zeros(1)},
            suffix="_align",
        )
        return View(layer, view.shape, view.index, exponent, register)
