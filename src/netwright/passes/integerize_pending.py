"""Turning pending offsets, signs and clamps into integer arithmetic."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from netwright.errors import GraphError, NumericsError
from netwright.ir import AttrValue, Node
from netwright.passes.carried import Carried, Reals, compact
from netwright.passes.integer_builder import Codes, IntegerBuilder, unchanged_codes

MAX_FINER_BITS = 8
"""How many bits finer than its tensor's grid an offset may be and still be kept exactly."""


def plain(builder: IntegerBuilder, name: str, node: Node) -> Carried:
    """The tensor `name` as codes with positive scales and nothing pending, for use by `node`.

    Offsets are put into the producing product where nobody else reads it, else into a Requantize.
    One that does not lie on the tensor's grid is rounded to it, with a note.
    """
    carried = builder.take(name, node)
    if carried.is_plain:
        return carried
    alone = carried.exclusive
    carried = _settle_clamp(builder, _settle_offset(builder, carried, node), node)
    builder.state[name] = carried
    return carried if alone else replace(carried, exclusive=False)


def scaled_codes(
    builder: IntegerBuilder, carried: Carried, factor: Codes, addend: Codes, scale: Reals
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
        return replace(carried, scale=scale, offset=np.zeros(()))
    shape = builder.shape(carried.name)
    factors, addends, axis = integers_along_axis(carried.name, factor, addend, shape)
    product = builder.changeable(carried, "MatMul", "Conv")
    if product is not None:
        channel_axis = len(shape) - 1 if product.op == "MatMul" else 1
        if axis in (None, channel_axis):
            changed = builder.change_product(product, np.array(factors), np.array(addends), scale)
            return replace(changed, low=carried.low, high=carried.high)
    name = builder.free_name(f"{carried.name}_shifted")
    low, high = carried.bounds.low, carried.bounds.high
    ends = [f * c + a for f in factors for a in addends for c in (low, high)]
    attrs: dict[str, AttrValue] = {
        **unchanged_codes(carried.bounds),
        "multiplier": factors,
        "offset": addends,
        "axis": axis,
        "low": min(ends),
        "high": max(ends),
    }
    shifted = builder.emit(
        "Requantize", name, (carried.name,), name, attrs, scale=scale, origin=carried.name
    )
    return replace(shifted, low=carried.low, high=carried.high, exclusive=carried.exclusive)


def integers_along_axis(
    node: str, first: Reals | Codes, second: Reals | Codes, shape: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...], int | None]:
    """Two integer arrays that broadcast against `shape`, as values along one common axis."""
    a, axis = compact(first.astype(np.float64), shape, node=node)
    b, other = compact(second.astype(np.float64), shape, node=node)
    if None not in (axis, other) and axis != other:
        raise GraphError(
            f"scale and offset vary along different axes ({axis} and {other})",
            node=node,
            hint="use one scale for each tensor before this node",
        )
    common = other if axis is None else axis
    return tuple(int(v) for v in a), tuple(int(v) for v in b), common


def _settle_offset(builder: IntegerBuilder, carried: Carried, node: Node) -> Carried:
    signs = np.sign(carried.scale).astype(np.int64)
    scale = np.abs(carried.scale)
    wanted = carried.offset / scale
    bits = _finer_bits(wanted)
    factor = signs * (1 << bits)
    rounded = np.rint(wanted * 2.0**bits)
    error = float(np.max(np.abs(rounded - wanted * 2.0**bits)))
    if error:
        largest = max(carried.bounds.magnitude, float(np.max(np.abs(wanted))), 1.0)
        builder.note(
            builder.maker(carried),
            f"offset rounded to the grid before {node.name}, by up to {error:.3g} of one step",
            error / largest,
        )
    addend = whole_codes(rounded, carried.name)
    return scaled_codes(builder, carried, factor, addend, scale * 2.0**-bits)


def whole_codes(rounded: Reals, tensor: str) -> Codes:
    """Integers given as floats.

    Raises:
        NumericsError: One is too large for a float64 to be sure of it.
    """
    largest = float(np.max(np.abs(rounded), initial=0.0))
    if not largest < 2.0**53:
        raise NumericsError(
            f"an offset of {largest:.3g} steps does not fit 53 bits",
            tensor=tensor,
            hint="the scale is too small for the bias",
        )
    return rounded.astype(np.int64)


def _finer_bits(wanted: Reals) -> int:
    """How many bits finer a grid must be to hold the offsets; 0 if no allowed grid does."""
    for bits in range(MAX_FINER_BITS + 1):
        finer = wanted * 2.0**bits
        if np.all(finer == np.rint(finer)):
            return bits
    return 0


def _settle_clamp(builder: IntegerBuilder, carried: Carried, node: Node) -> Carried:
    if not carried.is_clamped:
        return carried
    bounds, scale = carried.bounds, carried.scale
    steps, _ = compact(scale, builder.shape(carried.name), node=node.name)
    low = _clamp_code(builder, carried.low, steps, node, bounds.low)
    high = _clamp_code(builder, carried.high, steps, node, max(bounds.high, low))
    if low <= bounds.low and bounds.high <= high:
        return replace(carried, low=-np.inf, high=np.inf)
    quantizer = builder.changeable(carried, "Requantize", "Quantize")
    if quantizer is not None:
        return builder.tighten(quantizer, low, high, scale=scale)
    if low == 0 and high >= bounds.high:
        name = builder.free_name(f"{carried.name}_relu")
        made = builder.emit(
            "Relu", name, (carried.name,), name, {}, scale=scale, origin=carried.name
        )
    else:
        name = builder.free_name(f"{carried.name}_clip")
        attrs = {**unchanged_codes(bounds), "low": low, "high": high}
        made = builder.emit(
            "Requantize", name, (carried.name,), name, attrs, scale=scale, origin=carried.name
        )
    return replace(made, exclusive=carried.exclusive)


def _clamp_code(
    builder: IntegerBuilder, limit: float, steps: Reals, node: Node, otherwise: int
) -> int:
    """The code of a clamp limit; `otherwise` for no limit."""
    if np.isinf(limit):
        return otherwise
    codes = limit / steps
    rounded = np.rint(codes)
    if not np.all(rounded == rounded[0]):
        raise GraphError(
            f"a clamp at {limit:g} means another code in each channel",
            node=node.name,
            hint="use one scale for each tensor, or quantize right after the clamp",
        )
    error = float(np.max(np.abs(rounded - codes)))
    if error:
        largest = float(np.max(np.abs(codes)))
        builder.note(node.name, f"clamp at {limit:g} rounded to the grid", error / largest)
    return int(rounded[0])
