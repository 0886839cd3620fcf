"""Turning pending offsets, signs and clamps into integer arithmetic."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from netwright.errors import GraphError, NumericsError
from netwright.ir import AttrValue, Node, operators
from netwright.ir.ops.filters import channel_axis
from netwright.passes.carried import Carried, compact
from netwright.passes.integer_builder import Codes, IntegerBuilder, unchanged_codes
from netwright.passes.integerize_clamps import clamp_channels
from netwright.passes.rationals import Exact, exact, integers, largest, rounded, signs

OUTPUT = "an output"
"""The operator of a node that stands for an output of the graph."""

FINER_BITS = 8
"""How many bits finer than its tensor's grid an offset may be between two operators."""

OUTPUT_BITS = 16
"""The same at an output; one that needs up to :data:`EXACT_OUTPUT_BITS` to be exact gets them."""

EXACT_OUTPUT_BITS = 24

CODE_BITS = 48
"""Widest codes that a finer grid may lead to."""

ROUNDED_CODE_BITS = 24
"""The same where the grid is not exact all the same: files in float32 and QONNX hold no more."""

_CHANGED_FACTOR = 4
"""Largest factor that is put into weights; larger ones are a shift behind the product."""


def plain(
    builder: IntegerBuilder, name: str, node: Node, *, finer_bits: int = FINER_BITS
) -> Carried:
    """The tensor `name` as codes with positive scales and nothing pending, for use by `node`.

    Offsets are put into the producing product where nobody else reads it, else into a Requantize.
    An offset or a clamp that does not lie on the tensor's grid gets a finer one; where that is not
    enough it is rounded, with a note. Other readers still see what is pending.
    """
    carried = builder.take(name, node)
    if carried.is_plain:
        return carried
    key = name, finer_bits
    if key not in builder.settled:
        settled = _settle_offset(builder, carried, node, finer_bits)
        builder.settled[key] = _settle_clamp(builder, settled, node)
    settled = builder.settled[key]
    return settled if carried.exclusive else replace(settled, exclusive=False)


def flipped(builder: IntegerBuilder, carried: Carried) -> Carried:
    """The tensor with positive scales: codes of the others are negated; the rest stays pending."""
    if np.all(carried.scale > 0):
        return carried
    nothing = np.zeros(1, dtype=np.int64)
    made = scaled_codes(builder, carried, signs(carried.scale), nothing, np.abs(carried.scale))
    return replace(made, offset=carried.offset)


def scaled_codes(
    builder: IntegerBuilder, carried: Carried, factor: Codes, addend: Codes, scale: Exact
) -> Carried:
    """The tensor with codes ``factor * codes + addend`` and `scale`; pending clamps stay.

    Args:
        builder: The graph being built.
        carried: The tensor; its offset is dropped.
        factor: Integers that broadcast against it.
        addend: Integers that broadcast against it.
        scale: The new scale.
    """
    if np.all(factor == 1) and np.all(addend == 0):
        return replace(carried, scale=scale, offset=exact(0))
    shape = builder.shape(carried.name)
    factors, addends, axis = along_one_axis(carried.name, factor, addend, shape)
    product = builder.changeable(carried, *operators("product"))
    if product is not None and np.max(np.abs(factors)) <= _CHANGED_FACTOR:
        grouped = product.op == "ConvTranspose" and product.integer("group") > 1
        if axis is None or (axis == channel_axis(product, len(shape)) and not grouped):
            changed = builder.change_product(product, factors, addends, scale)
            return replace(changed, low=carried.low, high=carried.high, drift=carried.drift)
    name = builder.free_name(f"{carried.name}_shifted")
    low, high = carried.bounds.low, carried.bounds.high
    each = np.broadcast_arrays(factors.astype(object), addends.astype(object))
    ends = [int(f * c + a) for f, a in zip(*each, strict=True) for c in (low, high)]
    attrs: dict[str, AttrValue] = {
        **unchanged_codes(carried.bounds),
        "multiplier": tuple(map(int, factors)),
        "offset": tuple(map(int, addends)),
        "axis": axis,
        "low": min(ends),
        "high": max(ends),
    }
    shifted = builder.emit(
        "Requantize",
        name,
        (carried.name,),
        name,
        attrs,
        scale=scale,
        origin=carried.name,
        drift=carried.drift,
    )
    return replace(shifted, low=carried.low, high=carried.high, exclusive=carried.exclusive)


def along_one_axis(
    node: str, first: Exact, second: Exact, shape: tuple[int, ...]
) -> tuple[Exact, Exact, int | None]:
    """Two arrays that broadcast against `shape`, as one value or values along one common axis."""
    a, axis = compact(first, shape, node=node)
    b, other = compact(second, shape, node=node)
    if None not in (axis, other) and axis != other:
        raise GraphError(
            f"scale and offset vary along different axes ({axis} and {other})",
            node=node,
            hint="use one scale for each tensor before this node",
        )
    return a, b, other if axis is None else axis


def _settle_offset(
    builder: IntegerBuilder, carried: Carried, node: Node, finer_bits: int
) -> Carried:
    scale = np.abs(carried.scale)
    wanted = carried.offset / scale
    bits = _finer_bits(carried, wanted, finer_bits)
    grid = scale / (1 << bits)
    codes = rounded(wanted * (1 << bits))
    missed = np.abs(codes * grid - carried.offset)
    drift: dict[int, float] = {}
    if np.any(missed):
        steps, bound = largest(missed / scale), largest(missed)
        drift = builder.note(
            builder.maker(carried),
            f"offset rounded to the grid before {_place(node)}, by up to {steps:.2g} of one step "
            f"({bound:.2g})",
            largest(missed / np.maximum(np.abs(carried.offset), scale)),
            bound,
        )
    made = scaled_codes(
        builder,
        carried,
        signs(carried.scale) * (1 << bits),
        whole_codes(codes, carried.name),
        grid,
    )
    return replace(made, drift={**made.drift, **drift})


def _place(node: Node) -> str:
    return "the output" if node.op == OUTPUT else node.name


def whole_codes(codes: Exact, tensor: str) -> Codes:
    """Whole numbers as int64.

    Raises:
        NumericsError: One is too large for a float64 to be sure of it.
    """
    greatest = largest(codes)
    if not greatest < 2.0**53:
        raise NumericsError(
            f"an offset of {greatest:.3g} steps does not fit 53 bits",
            tensor=tensor,
            hint="use a smaller bias or addend, or a larger scale for what it is added to",
        )
    return integers(codes)


def _finer_bits(carried: Carried, wanted: Exact, finer_bits: int) -> int:
    """How many bits finer the grid should be: exact if possible, else as near as is allowed."""
    points = list(dict.fromkeys(wanted.flat))
    for limit in (carried.low, carried.high):
        steps: list[Any] = np.ravel(limit / np.abs(carried.scale)).tolist()
        points += dict.fromkeys(step for step in steps if isinstance(step, Fraction))
    width = (carried.bounds.magnitude + int(largest(wanted)) + 1).bit_length() + 1
    room = CODE_BITS - width
    most = EXACT_OUTPUT_BITS if finer_bits == OUTPUT_BITS else finer_bits
    for bits in range(max(min(most, room), 0) + 1):
        if all((point * (1 << bits)).denominator == 1 for point in points):
            return bits
    finer_bits = min(finer_bits, max(ROUNDED_CODE_BITS - width, FINER_BITS), max(room, 0))
    near = Fraction(1, 2 << finer_bits)
    for bits in range(finer_bits):
        finer = [point * (1 << bits) for point in points]
        if all(abs(round(point) - point) <= near * (1 << bits) for point in finer):
            return bits
    return finer_bits


def _settle_clamp(builder: IntegerBuilder, carried: Carried, node: Node) -> Carried:
    if not carried.is_clamped:
        return carried
    bounds, scale = carried.bounds, carried.scale
    shape = builder.shape(carried.name)
    highs, first = _clamp_codes(builder, carried.high, scale, node, bounds.high)
    lows, second = _clamp_codes(builder, carried.low, scale, node, bounds.low)
    highs = np.where(carried.high == np.inf, np.maximum(lows, highs), highs)
    lows = np.where(carried.low == -np.inf, np.minimum(lows, highs), lows)
    lows, highs, axis = along_one_axis(node.name, lows, highs, shape)
    drift = {**carried.drift, **first, **second}
    low, high = int(max(lows)), int(min(highs))
    if axis is None:
        high = max(low, high)
    if low <= bounds.low and bounds.high <= high:
        return replace(carried.unclamped(), drift=drift)
    if axis is not None:
        name = builder.free_name(f"{carried.name}_clip")
        inner = Node(name, "Clip", (carried.name,), name, {}, carried.name)
        each = np.broadcast_arrays(lows, highs)
        bare = replace(carried.unclamped(), drift=drift)
        made = clamp_channels(builder, inner, bare, each[0], each[1], axis)
        return replace(made, exclusive=carried.exclusive)
    quantizer = builder.changeable(carried, "Requantize", "Quantize")
    if quantizer is not None:
        return replace(builder.tighten(quantizer, low, high, scale=scale), drift=drift)
    if low == 0 and high >= bounds.high:
        name = builder.free_name(f"{carried.name}_relu")
        made = builder.emit(
            "Relu", name, (carried.name,), name, {}, scale=scale, origin=carried.name, drift=drift
        )
    else:
        name = builder.free_name(f"{carried.name}_clip")
        attrs = {**unchanged_codes(bounds), "low": low, "high": high}
        made = builder.emit(
            "Requantize",
            name,
            (carried.name,),
            name,
            attrs,
            scale=scale,
            origin=carried.name,
            drift=drift,
        )
    return replace(made, exclusive=carried.exclusive)


def _clamp_codes(
    builder: IntegerBuilder, limit: Exact, scale: Exact, node: Node, otherwise: int
) -> tuple[Exact, dict[int, float]]:
    """The codes of a clamp limit and the drift of rounding it; `otherwise` for no limit."""
    steps = limit / scale
    finite = np.abs(steps) < np.inf
    steps = np.where(finite, steps, exact(otherwise))
    codes = rounded(steps)
    missed = np.abs(codes - steps) * scale
    if not np.any(missed):
        return codes, {}
    where = np.broadcast_to(finite, codes.shape)
    least = np.minimum(np.where(where, np.abs(steps), exact(1)), exact(1)) * scale
    return codes, builder.note(
        node.name,
        f"a clamp rounded to the grid (by up to {largest(missed):.2g})",
        largest(missed / np.maximum(least, scale)),
        largest(missed),
    )
