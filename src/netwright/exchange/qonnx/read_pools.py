"""Pools, and what is made of them where windows are dilated, cut off, or of three axes."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from netwright.errors import GraphError
from netwright.exchange.onnx.attributes import flag, integers
from netwright.exchange.onnx.source_model import SourceNode
from netwright.exchange.qonnx.read_select import select
from netwright.exchange.qonnx.read_windows import window_attrs
from netwright.exchange.qonnx.reader import Reader, Reals
from netwright.ir import AttrValue

_MOST_ELEMENTS = 1 << 20
"""Most elements that the windows along one axis hold together."""


def pool(reader: Reader, node: SourceNode) -> None:
    """Read MaxPool or AveragePool."""
    if len(node.outputs) > 1 and any(reader.uses[name] for name in node.outputs[1:]):
        raise GraphError(
            "the second output of MaxPool is not supported",
            node=node.name,
            hint="export without the indices (return_indices=False)",
        )
    emit_pool(reader, node, reader.activation(node))


def global_pool(reader: Reader, node: SourceNode) -> None:
    """Read GlobalAveragePool or GlobalMaxPool as one window."""
    emit_pool(reader, node, reader.activation(node), everywhere=True)


@dataclass(frozen=True, slots=True)
class _Axis:
    """Windows along one axis.

    Attributes:
        extent: Positions.
        kernel: Elements of a window.
        stride: From one window to the next.
        dilation: From one element to the next.
        before: Padding in front.
        after: Padding behind, as the file says.
        count: Windows.
    """

    extent: int
    kernel: int
    stride: int
    dilation: int
    before: int
    after: int
    count: int

    @property
    def reach(self) -> int:
        """Padding behind that holds the last window."""
        last = (self.count - 1) * self.stride + self.dilation * (self.kernel - 1) + 1
        return max(self.after, last - self.extent - self.before)

    def places(self, window: int) -> list[int]:
        """Positions that a window looks at, beyond the ends too."""
        first = window * self.stride - self.before
        return [first + tap * self.dilation for tap in range(self.kernel)]

    def held(self, window: int) -> list[int]:
        """The positions among these that there are."""
        return [place for place in self.places(window) if 0 <= place < self.extent]

    def counted(self, *, padding: bool) -> Reals:
        """How many elements each window counts, with or without the padding of the file."""
        low, high = (-self.before, self.extent + self.after) if padding else (0, self.extent)
        windows = map(self.places, range(self.count))
        return np.array([sum(low <= place < high for place in places) for places in windows], float)


def _axes(node: SourceNode, extents: tuple[int, ...]) -> list[_Axis]:
    """The windows of a node along each axis.

    Raises:
        GraphError: Its attributes contradict each other or the input, or there is no window.
    """
    kernel = integers(node, "kernel_shape", ())
    if not kernel:
        raise GraphError(f"{node.op} needs the attribute kernel_shape", node=node.name)
    dilations = integers(node, "dilations", (1,) * len(kernel))
    attrs = window_attrs(node, extents, kernel, dilations)
    pads, strides = attrs["pads"], attrs["strides"]
    assert isinstance(pads, tuple)
    assert isinstance(strides, tuple)
    rank, ceil = len(kernel), flag(node, "ceil_mode", 0)
    if len(pads) != 2 * rank or min(pads) < 0:
        raise GraphError(f"pads must be {2 * rank} values of 0 or more, not {pads}", node=node.name)
    found = []
    for at, extent in enumerate(extents):
        before, after, stride = int(pads[at]), int(pads[rank + at]), int(strides[at])
        room = extent + before + after - dilations[at] * (kernel[at] - 1) - 1
        count = (-(-room // stride) if ceil else room // stride) + 1
        if ceil and (count - 1) * stride >= extent + before:
            count -= 1  # a window that begins behind the input is none
        if room < 0 or count < 1:
            raise GraphError(
                f"a window of {kernel} with dilations {dilations} does not fit {extents}",
                node=node.name,
            )
        if kernel[at] * count > _MOST_ELEMENTS:
            raise GraphError(
                f"windows of {kernel} at {count} places hold more than {_MOST_ELEMENTS} elements "
                "along an axis", node=node.name, hint="pool in several steps",
            )  # fmt: skip
        found.append(_Axis(extent, kernel[at], stride, dilations[at], before, after, count))
    return found


def emit_pool(
    reader: Reader,
    node: SourceNode,
    source: str,
    *,
    everywhere: bool = False,
    output: str | None = None,
) -> str:
    """Add a pooling with the attributes of `node`.

    Args:
        reader: The graph.
        node: The file's node.
        source: The tensor of the graph that is pooled.
        everywhere: Take all positions as one window.
        output: As for :meth:`Reader.emit`.
    """
    op = "MaxPool" if "Max" in node.op else "AveragePool"
    shape = reader.shape(source)
    if len(shape) < 3:
        raise GraphError(
            f"{node.op} reads (batch, channels, positions), not {shape}", node=node.name,
            hint="put a Reshape in front that gives it an axis of positions",
        )  # fmt: skip
    if everywhere:
        return _global(reader, node, source, op, output)
    axes = _axes(node, shape[2:])
    made = _largest(reader, node, source, axes) if op == "MaxPool" else _mean(
        reader, node, source, axes
    )  # fmt: skip
    if isinstance(made, dict):
        return reader.emit(node, op, (source,), output, made)
    return reader.emit(node, "Reshape", (made,), output, {"shape": reader.shape(made)})


def _global(reader: Reader, node: SourceNode, source: str, op: str, output: str | None) -> str:
    """One window over all positions."""
    shape = reader.shape(source)
    extents = shape[2:]
    if len(extents) > 2:
        flat = (*shape[:2], prod(extents))
        line = reader.emit(node, "Reshape", (source,), "positions", {"shape": flat})
        made = reader.emit(node, op, (line,), "pooled", _window(flat[2:], (1,), (0, 0)))
        whole = (*shape[:2], *(1,) * len(extents))
        return reader.emit(node, "Reshape", (made,), output, {"shape": whole})
    ones = (1,) * len(extents)
    return reader.emit(node, op, (source,), output, _window(extents, ones, (0, 0) * len(extents)))


def _window(
    kernel: tuple[int, ...], strides: tuple[int, ...], pads: tuple[int, ...]
) -> dict[str, AttrValue]:
    return {"kernel": kernel, "strides": strides, "pads": pads}


def _padded(axes: list[_Axis]) -> dict[str, AttrValue]:
    """The attributes of windows that lie close together, padded as far as they reach."""
    ends = (*(axis.before for axis in axes), *(axis.reach for axis in axes))
    strides = tuple(axis.stride for axis in axes)
    return _window(tuple(axis.kernel for axis in axes), strides, ends)


def _largest(
    reader: Reader, node: SourceNode, source: str, axes: list[_Axis]
) -> str | dict[str, AttrValue]:
    """The attributes of a MaxPool of the graph, or the result of what stands for one.

    Where it has none, each axis is pooled for itself: the elements of all windows are selected one
    behind the other, and of each window the largest is taken. Instead of elements beyond an end,
    windows hold another one of theirs twice, which changes no maximum.

    Raises:
        GraphError: A window holds padding only.
    """
    if any(not axis.held(window) for axis in axes for window in range(axis.count)):
        raise GraphError(
            "a window of MaxPool would hold padding only", node=node.name,
            hint="make the pads smaller than the kernel",
        )  # fmt: skip
    direct = len(axes) < 3 and all(axis.dilation == 1 for axis in axes)
    if direct and all(max(axis.before, axis.reach) < axis.kernel for axis in axes):
        return _padded(axes)
    for at, axis in enumerate(axes, start=2):
        chosen = []
        for window in range(axis.count):
            held = axis.held(window)
            chosen += [place if place in held else held[0] for place in axis.places(window)]
        source = _pooled_axis(reader, node, source, at, chosen, axis.kernel)
    return source


def _pooled_axis(
    reader: Reader, node: SourceNode, source: str, at: int, chosen: list[int], kernel: int
) -> str:
    """The largest of every `kernel` elements among those chosen along one axis."""
    if kernel == 1 and chosen == list(range(reader.shape(source)[at])):
        return source
    source = select(reader, node, source, {at: chosen}, output=f"axis{at}_windows")
    if kernel == 1:
        return source
    shape = reader.shape(source)
    plain = len(shape) == 4
    if not plain:
        flat = (1, prod(shape[1:at]), shape[at], prod(shape[at + 1 :]))
        source = reader.emit(node, "Reshape", (source,), f"axis{at}_flat", {"shape": flat})
    where = at if plain else 2
    size = tuple(kernel if axis == where else 1 for axis in (2, 3))
    made = reader.emit(
        node, "MaxPool", (source,), f"axis{at}_largest", _window(size, size, (0, 0, 0, 0))
    )
    if plain:
        return made
    whole = (*shape[:at], shape[at] // kernel, *shape[at + 1 :])
    return reader.emit(node, "Reshape", (made,), f"axis{at}_shaped", {"shape": whole})


def _mean(
    reader: Reader, node: SourceNode, source: str, axes: list[_Axis]
) -> str | dict[str, AttrValue]:
    """The attributes of an AveragePool of the graph, or the result of what stands for one.

    A window that counts fewer elements than the kernel has is a mean with padding, times a factor
    of its own.
    """
    padding = bool(flag(node, "count_include_pad", 0))
    counts = [axis.counted(padding=padding) for axis in axes]
    if any(np.any(count == 0) for count in counts):
        raise GraphError(
            "a window of AveragePool would hold padding only", node=node.name,
            hint="make the pads smaller than the kernel",
        )  # fmt: skip
    full = all(np.all(n == a.kernel) for n, a in zip(counts, axes, strict=True))
    dilated = any(axis.dilation > 1 for axis in axes)
    if full and not dilated and len(axes) < 3:
        return _padded(axes)
    size = prod(axis.kernel for axis in axes)
    if dilated:
        made, size = _dilated_sum(reader, node, source, axes), 1
    elif len(axes) == 3:
        made = _mean_of_volumes(reader, node, source, axes)
    else:
        made = reader.emit(node, "AveragePool", (source,), "windows", _padded(axes))
    held = np.ones(())
    for at, count in enumerate(counts):
        held = held * count.reshape(-1, *(1,) * (len(axes) - 1 - at))
    factor = size / held
    factor = factor.reshape(-1)[:1] if np.all(factor == factor.flat[0]) else factor
    return reader.scaled(node, made, factor, 0.0, "counted")


def _dilated_sum(reader: Reader, node: SourceNode, source: str, axes: list[_Axis]) -> str:
    """Sums over dilated windows: a convolution of each channel with ones."""
    if len(axes) > 2:
        raise GraphError(
            f"dilated {node.op} over {len(axes)} axes of positions is not supported",
            node=node.name,
            hint="export it with dilations of 1",
        )
    channels = reader.shape(source)[1]
    kernel = tuple(axis.kernel for axis in axes)
    ones = reader.place_values(f"{node.name}.ones", np.ones((channels, 1, *kernel)))
    window = _padded(axes)
    attrs: dict[str, AttrValue] = {
        "strides": window["strides"], "pads": window["pads"],
        "dilations": tuple(axis.dilation for axis in axes), "group": channels,
    }  # fmt: skip
    return reader.emit(node, "Conv", (source, ones), "sums", attrs)


def _mean_of_volumes(reader: Reader, node: SourceNode, source: str, axes: list[_Axis]) -> str:
    """Means over three axes of positions: over the last two, then over the first."""
    _, channels, depth, height, width = reader.shape(source)
    flat = (1, channels * depth, height, width)
    made = reader.emit(node, "Reshape", (source,), "slices", {"shape": flat})
    made = reader.emit(node, "AveragePool", (made,), "slices_mean", _padded(axes[1:]))
    rows, columns = reader.shape(made)[2:]
    stack = (1, channels, depth, rows * columns)
    made = reader.emit(node, "Reshape", (made,), "stack", {"shape": stack})
    line = _Axis(rows * columns, 1, 1, 1, 0, 0, rows * columns)
    made = reader.emit(node, "AveragePool", (made,), "stack_mean", _padded([axes[0], line]))
    shape = (1, channels, axes[0].count, rows, columns)
    return reader.emit(node, "Reshape", (made,), "volumes", {"shape": shape})
