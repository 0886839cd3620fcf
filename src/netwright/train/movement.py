"""Values in other places, and the largest and the mean of windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from netwright.errors import NumericsError
from netwright.ir import AttrValue, Node
from netwright.ir.ops.shape import chosen
from netwright.train.emission import Emission
from netwright.train.grid import Grid
from netwright.train.operations import Operation


class Concat(Operation):
    """Joins tensors of one grid."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis

    def grid(self, *sources: Grid) -> Grid:
        """The grid that all have."""
        first = sources[0]
        if any(g.axis is not None or not torch.equal(g.scale, first.scale) for g in sources):
            raise NumericsError("tensors that are joined must lie on one grid")
        return first.within(min(g.low for g in sources), max(g.high for g in sources))

    def simulate(self, *values: Tensor) -> Tensor:
        """The tensors, one behind the other."""
        return torch.cat(values, self.axis)

    def codes(self, sources: Sequence[Grid], *codes: Tensor) -> Tensor:
        """The same for codes."""
        return torch.cat(codes, self.axis)

    def emit(self, at: Emission) -> None:
        """A ``Concat``."""
        at.node("Concat", {"axis": self.axis})


class Move(Operation):
    """Gives values another place: ``Reshape``, ``Transpose``, ``Resize``, ``Slice``.

    Args:
        op: The operator of the graph.
        attrs: Its attributes.
        shape: Shape of one row that comes in, with its batch axis.
    """

    def __init__(self, op: str, attrs: Mapping[str, AttrValue], shape: Sequence[int]) -> None:
        super().__init__()
        self.op = op
        self.attrs = dict(attrs)
        self.shape = tuple(shape)

    def grid(self, *sources: Grid) -> Grid:
        """The grid of the source, along the axis on which its scales lie now."""
        return sources[0].moved(self.shape, self._move)

    def simulate(self, *values: Tensor) -> Tensor:
        """The values."""
        return self._move(values[0])

    def codes(self, sources: Sequence[Grid], *codes: Tensor) -> Tensor:
        """The same for codes."""
        return self._move(codes[0])

    def _move(self, values: Tensor) -> Tensor:
        match self.op:
            case "Reshape":
                return values.reshape(len(values), *_ints(self.attrs["shape"])[1:])
            case "Transpose":
                return values.permute(_ints(self.attrs["order"]))
            case "Slice":
                return values[chosen(Node("slice", "Slice", ("x",), "y", self.attrs))]
            case _:
                for axis, factor in enumerate(_ints(self.attrs["factors"]), start=2):
                    values = values.repeat_interleave(factor, axis)
                return values

    def emit(self, at: Emission) -> None:
        """The same operator."""
        at.node(self.op, self.attrs)


class MaxPool(Operation):
    """The largest value of every window."""

    def __init__(self, attrs: Mapping[str, AttrValue]) -> None:
        super().__init__()
        self.attrs = dict(attrs)

    def grid(self, *sources: Grid) -> Grid:
        """That of the source."""
        return sources[0]

    def simulate(self, *values: Tensor) -> Tensor:
        """The largest values."""
        kernel, strides, pads = _window(self.attrs)
        pool = functional.max_pool1d if len(kernel) == 1 else functional.max_pool2d
        return pool(values[0], kernel, strides, pads)

    def codes(self, sources: Sequence[Grid], *codes: Tensor) -> Tensor:
        """The largest codes."""
        return self.simulate(*codes)

    def emit(self, at: Emission) -> None:
        """A ``MaxPool``."""
        at.node("MaxPool", self.attrs)


class AveragePool(Operation):
    """The mean of every window: codes are added, the division is in the scale."""

    def __init__(self, attrs: Mapping[str, AttrValue]) -> None:
        super().__init__()
        self.attrs = dict(attrs)

    def grid(self, *sources: Grid) -> Grid:
        """A finer grid."""
        count, source = _count(self.attrs), sources[0]
        low, high = source.low, source.high
        if any(_ints(self.attrs["pads"])):
            low, high = min(low, 0), max(high, 0)
        return Grid(source.scale / count, source.axis, 0, 0).within(count * low, count * high)

    def simulate(self, *values: Tensor) -> Tensor:
        """The means."""
        kernel, strides, pads = _window(self.attrs)
        pool = functional.avg_pool1d if len(kernel) == 1 else functional.avg_pool2d
        return pool(values[0], kernel, strides, pads)

    def codes(self, sources: Sequence[Grid], *codes: Tensor) -> Tensor:
        """The sums."""
        kernel, strides, pads = _window(self.attrs)
        if len(kernel) == 2:
            return functional.avg_pool2d(codes[0], kernel, strides, pads, divisor_override=1)
        flat = functional.avg_pool2d(
            codes[0].unsqueeze(2), (1, *kernel), (1, *strides), (0, *pads), divisor_override=1
        )
        return flat.squeeze(2)

    def emit(self, at: Emission) -> None:
        """A ``SumPool``."""
        at.node("SumPool", self.attrs)


def _ints(value: AttrValue) -> tuple[int, ...]:
    assert isinstance(value, tuple)
    return tuple(int(item) for item in value)


def _count(attrs: Mapping[str, AttrValue]) -> int:
    count = 1
    for extent in _ints(attrs["kernel"]):
        count *= extent
    return count


def _window(
    attrs: Mapping[str, AttrValue],
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Kernel, strides and the zeros on each side."""
    kernel, pads = _ints(attrs["kernel"]), _ints(attrs["pads"])
    return kernel, _ints(attrs["strides"]), pads[: len(kernel)]
