"""HGQ2's layers over windows and axes: convolutions, pooling, sums, joins, functions of codes.

HGQ2 keeps channels last, the graph has them first; moves stand in between.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from netwright.errors import GraphError, UnsupportedOp
from netwright.exchange.hgq.builder import HgqBuilder, Value, in_steps
from netwright.exchange.hgq.formats import Formats, is_uneven, quantized
from netwright.exchange.steps import Reals, whole
from netwright.ir import AttrValue, Note

MOST_ENTRIES = 1 << 16
"""Entries of the table of one element."""

_ALL_ENTRIES = 1 << 22


@dataclass(frozen=True, slots=True)
class Window:
    """Where the windows of a layer lie; one figure for each axis.

    Attributes:
        kernel: Extents of a window.
        strides: Steps between windows.
        dilations: Steps between the elements of a window.
        padding: ``"valid"``, ``"same"`` or ``"causal"``, as in Keras.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    padding: str

    def pads(self, extents: Sequence[int]) -> tuple[int, ...]:
        """Zeros in front of every axis, then behind every axis, as TensorFlow puts them."""
        before, after = [], []
        for extent, size, stride, dilation in zip(
            extents, self.kernel, self.strides, self.dilations, strict=True
        ):
            span = dilation * (size - 1) + 1
            total = 0
            if self.padding == "same":
                total = max((-(-extent // stride) - 1) * stride + span - extent, 0)
            first = span - 1 if self.padding == "causal" else total // 2
            before.append(first)
            after.append(total - first if self.padding == "same" else 0)
        return (*before, *after)

    def attrs(self, extents: Sequence[int]) -> dict[str, AttrValue]:
        """The attributes that operators over windows share."""
        return {"strides": self.strides, "pads": self.pads(extents)}


def convolve(
    builder: HgqBuilder,
    source: Value,
    kernel: Reals,
    bias: Reals | None,
    window: Window,
    groups: int,
    layer: str,
) -> Value:
    """A convolution with a kernel ``(*window, inputs of a group, outputs)``."""
    source = builder.rectify(builder.even(source, keep_last=groups == 1), layer)
    weights, scale, unit = in_steps(source, kernel, bias)
    rank = len(window.kernel)
    weights = np.moveaxis(weights, (-1, -2), (0, 1))
    same = bool(np.all(scale == scale[0]))
    inputs = [
        moved(builder, source, (rank, *range(rank)), f"{layer}_first").name,
        builder.constant(f"{layer}_weights", weights, scale[:1] if same else scale, axis=1),
    ]
    if bias is not None and np.any(bias):
        inputs.append(builder.constant(f"{layer}_bias", bias / 2.0**unit, np.full(1, 2.0**unit)))
    extents = source.shape[:-1]
    attrs = window.attrs(extents) | {"dilations": window.dilations, "group": groups}
    made_extents = _made(extents, window)
    exponents = np.full((kernel.shape[-1], *made_extents), unit)
    made = builder.emit("Conv", layer, tuple(inputs), attrs, exponents)
    return moved(builder, made, (*range(1, rank + 1), 0), f"{layer}_last")


def pool(builder: HgqBuilder, source: Value, window: Window, layer: str, *, largest: bool) -> Value:
    """The largest or the mean of every window; means over 2**n elements only.

    Raises:
        UnsupportedOp: A mean is over another number of elements, or over fewer at the border.
    """
    source = builder.rectify(builder.even(source, keep_last=True), layer)
    rank, extents = len(window.kernel), source.shape[:-1]
    size = math.prod(window.kernel)
    if not largest and (size & (size - 1) or any(window.pads(extents))):
        raise UnsupportedOp(
            f"average of {size} elements{' with padding' if any(window.pads(extents)) else ''}",
            node=layer,
            where="read_hgq",
            hint="supported: windows of 2**n elements without padding, as HGQ2's means over other "
            "numbers lie on no grid",
        )
    first = moved(builder, source, (rank, *range(rank)), f"{layer}_first")
    attrs = window.attrs(extents) | {"kernel": window.kernel}
    channels = first.exponents.reshape(first.shape[0], -1)[:, :1].reshape(-1, *(1,) * rank)
    exponents = np.broadcast_to(channels, (first.shape[0], *_made(extents, window)))
    if not largest:
        exponents = exponents - (size.bit_length() - 1)
    made = builder.emit("MaxPool" if largest else "SumPool", layer, (first.name,), attrs, exponents)
    return moved(builder, made, (*range(1, rank + 1), 0), f"{layer}_last")


def total(
    builder: HgqBuilder, source: Value, axes: Sequence[int], factor: float, layer: str
) -> Value:
    """The sum over axes of a row, times a power of two; the axes stay, with the extent 1."""
    shape = source.shape
    kept = [axis for axis in range(len(shape)) if axis not in axes]
    size = math.prod(shape[axis] for axis in axes)
    even = builder.even(source, keep_last=False)
    lined = moved(builder, even, (*kept, *axes), f"{layer}_lined")
    rows = math.prod(shape[axis] for axis in kept)
    flat = builder.reshape(lined, (rows, size), f"{layer}_rows")
    summed = builder.product(flat, np.full((size, 1), factor), None, layer)
    left = tuple(1 if axis in axes else extent for axis, extent in enumerate(shape))
    return builder.reshape(summed, left, f"{layer}_sum")


def join(builder: HgqBuilder, sources: Sequence[Value], axis: int, layer: str) -> Value:
    """Tensors behind each other along an axis of a row."""
    last = axis == len(sources[0].shape) - 1
    parts = []
    for number, source in enumerate(sources):
        name = f"{layer}_{number}"
        parts.append(builder.rectify(builder.even(source, keep_last=last), name))
    if not last:
        lowest = min(int(part.exponents.min()) for part in parts)
        parts = [
            builder.stepped(part, np.full(part.shape, lowest), f"{layer}_step{number}")
            for number, part in enumerate(parts)
        ]
    exponents = np.concatenate([part.exponents for part in parts], axis=axis)
    names = tuple(part.name for part in parts)
    made = builder.emit("Concat", layer, names, {"axis": axis + 1}, exponents)
    return replace(made, is_zero=np.concatenate([part.is_zero for part in parts], axis=axis))


def moved(builder: HgqBuilder, source: Value, order: Sequence[int], layer: str) -> Value:
    """The same elements, the axes of a row in another order."""
    if tuple(order) == tuple(range(len(order))):
        return source
    attrs: dict[str, AttrValue] = {"order": (0, *(axis + 1 for axis in order))}
    return builder.rearranged("Transpose", source, attrs, lambda part: part.transpose(order), layer)


def _made(extents: Sequence[int], window: Window) -> tuple[int, ...]:
    rank, pads = len(extents), window.pads(extents)
    return tuple(
        (extents[i] + pads[i] + pads[rank + i] - window.dilations[i] * (window.kernel[i] - 1) - 1)
        // window.strides[i]
        + 1
        for i in range(rank)
    )


def _softplus(values: Reals) -> Reals:
    return np.logaddexp(values, 0.0)


FUNCTIONS: Mapping[str, Callable[[Reals], Reals]] = MappingProxyType(
    {
        "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        "exponential": np.exp,
        "sigmoid": lambda x: np.exp(-_softplus(-x)),
        "silu": lambda x: x * np.exp(-_softplus(-x)),
        "softplus": _softplus,
        "softsign": lambda x: x / (1 + np.abs(x)),
        "tanh": np.tanh,
    }
)
"""Functions of one element that become tables, by their names in Keras."""

_ULPS = 8.0
"""How far a float32 library may be off a function, in units of the last place."""


def tabulate(
    builder: HgqBuilder, source: Value, function: str, formats: Formats, layer: str
) -> Value:
    """A function of every element, quantized: a table with an entry for each code.

    Entries that lie so near a tie that two libraries may round them otherwise are noted.

    Raises:
        GraphError: The elements have too many codes.
    """
    own = formats.over(source.shape)
    source = builder.rectify(source, layer)
    if len(source.shape) > 1 and (own.is_uneven or is_uneven(source.exponents)):
        flat = builder.reshape(source, (source.exponents.size,), f"{layer}_flat")
        made = tabulate(builder, flat, function, own.reshaped(flat.shape), layer)
        even = builder.even(made, keep_last=False)
        return builder.reshape(even, source.shape, f"{layer}_rows")
    source = builder.even(source, keep_last=True)
    features = source.shape[-1]
    if len(source.shape) > 1 and np.any(_line(own.fractions, features) != own.fractions):
        flat = builder.reshape(source, (source.exponents.size,), f"{layer}_flat")
        made = tabulate(builder, flat, function, own.reshaped(flat.shape), layer)
        even = builder.even(made, keep_last=False)
        return builder.reshape(even, source.shape, f"{layer}_rows")
    low, high = builder.limits(source)
    count = high - low + 1
    if count > MOST_ENTRIES or count * features > _ALL_ENTRIES:
        raise GraphError(
            f"a table of {function} would need {count} entries for each of {features} elements",
            node=layer,
            hint="quantize what the function reads: enable_iq=True, or a Quantizer before it",
        )
    steps = np.exp2(source.exponents.reshape(-1, features)[0].astype(np.float64))
    codes = np.arange(low, high + 1, dtype=np.float64)
    with np.errstate(over="ignore", under="ignore"):
        exact = FUNCTIONS[function](codes * steps[:, None])
    one = _first_line(own, features)
    column = one.reshaped((features, 1))
    with np.errstate(over="ignore"):  # every library gives what single precision holds exactly
        error = np.where(exact == exact.astype(np.float32), 0.0, _ULPS * 2.0**-24)
    ends = [_quantized(exact * (1 + sign * error), column) for sign in (-1, 1)]
    unsure = ends[0] != ends[1]
    entries = _quantized(exact, column)
    if np.any(unsure):
        text = f"{int(unsure.sum())} entries of a table of {function} lie so near a tie that HGQ2"
        peak = float(np.abs(entries).max()) or 1.0
        largest = float(np.abs(ends[0] - ends[1]).max()) / peak
        builder.notes.append(
            Note(layer, f"{text} may round them otherwise on other machines", largest)
        )
    fractions = np.where(one.is_empty, 0, one.fractions)
    tables = whole(entries * np.exp2(fractions[:, None].astype(np.float64)), layer)
    name = builder.constant(f"{layer}_table", tables[:, None, :].astype(np.float64), np.ones(1))
    exponents = np.broadcast_to(-fractions, source.shape)
    return builder.emit("Lookup", layer, (source.name, name), {"first": low}, exponents)


def _quantized(values: Reals, formats: Formats) -> Reals:
    with np.errstate(over="ignore"):
        return quantized(values.astype(np.float32), formats)


def _line(values: NDArray[np.int64], features: int) -> NDArray[np.int64]:
    """The first row of values along the last axis, in the shape of all."""
    return np.broadcast_to(values.reshape(-1, features)[0], values.shape)


def _first_line(formats: Formats, features: int) -> Formats:
    return replace(
        formats,
        signed=formats.signed.reshape(-1, features)[0],
        integers=formats.integers.reshape(-1, features)[0],
        fractions=formats.fractions.reshape(-1, features)[0],
    )
