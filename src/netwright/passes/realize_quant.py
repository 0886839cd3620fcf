"""Integer quantizers written as quantizers on real values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from netwright.errors import NumericsError
from netwright.formats import Int, Rounding, holds_integers, smallest_int
from netwright.ir import AttrValue, Node
from netwright.ir.ops.format_quant import format_attributes, format_of
from netwright.ir.ops.quant import precision_of, rounding_of, steps_of
from netwright.ir.types import along_axis
from netwright.passes.carried import Reals, are_powers_of_two, compact
from netwright.passes.real_builder import (
    MAX_QUANT_BITS,
    RealBuilder,
    carrier_of,
    enclosing_format,
    format_attrs,
)

_HALVES = {Rounding.HALF_UP: (Rounding.FLOOR, 0.5), Rounding.HALF_DOWN: (Rounding.CEIL, -0.5)}
"""Roundings without a QONNX name, as another rounding after adding a constant; exact."""


def quantize(builder: RealBuilder, node: Node) -> None:
    """Write the quantization of a real input.

    A scale that is no power of two cannot be carried: the real result is divided by it again and
    rounded to the code it came from.
    """
    rank = len(builder.types[node.inputs[0]].shape)
    scale = along_axis(node.reals("scale"), node.axis(), rank)
    rounding = rounding_of(node)
    carried = carrier_of(builder.graph.types[node.output])
    exact = are_powers_of_two(scale) and np.array_equal(carried, scale)
    unit = scale if exact and not _needs_clip(node) else np.ones(())
    source = _prepared(builder, node, node.inputs[0])
    if rounding in _HALVES:
        _quantize_by_halves(builder, node, source, scale, unit)
        return
    steps = unit is scale
    output = node.output if steps else builder.free_name(f"{node.name}_real")
    dtype = enclosing_format(node.integer("low"), node.integer("high"))
    zero_point = node.integer("zero_point", 0)
    source = _quant(builder, node, source, output, scale, dtype, zero_point, rounding, first=True)
    if not steps:
        source = _mul(builder, node, source, 1 / scale, f"{node.name}_divided")
        final = node.output if not _needs_clip(node) else builder.free_name(f"{node.name}_wide")
        wide = enclosing_format(*_range_of(dtype, zero_point))
        source = _quant(builder, node, source, final, unit, wide, 0, Rounding.HALF_EVEN)
    if _needs_clip(node):
        _clip(builder, node, source, unit)
    builder.carriers[node.output] = (node.output, unit)


def _prepared(builder: RealBuilder, node: Node, source: str) -> str:
    """Write what the host does before it quantizes."""
    for word, operand in steps_of(node, len(builder.types[source].shape)):
        if word == "mul":
            source = _mul(builder, node, source, operand, f"{node.name}_multiplied")
        elif word == "add":
            source = _add(builder, node, source, operand, f"{node.name}_added")
        else:
            limits: dict[str, AttrValue] = {"low": (-np.inf,), "high": (np.inf,)}
            limits[word] = (float(operand.reshape(-1)[0]),)
            output = builder.free_name(f"{node.name}_clipped")
            source = builder.emit(node, "Clip", (source,), output, limits)
    return source


def _quantize_by_halves(
    builder: RealBuilder, node: Node, source: str, scale: Reals, unit: Reals
) -> None:
    """Round half up (down) as: floor (ceil) to half steps, add (subtract) half, floor (ceil)."""
    if precision_of(node) is not None:
        raise NumericsError(
            f"rounds {rounding_of(node)} by adding one half in single precision, which QONNX "
            "cannot say",
            tensor=node.output,
            hint="let the network begin with a quantizer of the mode RND_CONV",
        )
    rounding, half = _HALVES[rounding_of(node)]
    low, high = _centered(node)
    wide = smallest_int(2 * low - 2, 2 * high + 2)
    name = builder.free_name(f"{node.name}_halves")
    source = _quant(builder, node, source, name, scale / 2, wide, 0, rounding, first=True)
    if unit is not scale:
        source = _mul(builder, node, source, 1 / scale, f"{node.name}_divided")
        name = builder.free_name(f"{node.name}_codes")
        source = _quant(builder, node, source, name, unit / 2, wide, 0, Rounding.HALF_EVEN)
    source = _add(builder, node, source, half * unit, f"{node.name}_half")
    dtype = enclosing_format(node.integer("low"), node.integer("high"))
    final = node.output if not _needs_clip(node) else builder.free_name(f"{node.name}_wide")
    zero_point = node.integer("zero_point", 0)
    source = _quant(builder, node, source, final, unit, dtype, zero_point, rounding)
    if _needs_clip(node):
        _clip(builder, node, source, unit)
    builder.carriers[node.output] = (node.output, unit)


def format_codes(builder: RealBuilder, node: Node) -> None:
    """Write a choice among the values of a format."""
    source, unit = builder.carried(node.inputs[0])
    steps = np.asarray(np.ldexp(unit, node.integer("shift")))
    shape = builder.graph.types[node.output].shape
    values, axis = compact(steps, shape, node=node.name)
    scaled = replace(format_of(node), scale=tuple(map(float, values)), axis=axis)
    builder.emit(node, "FormatQuant", (source,), node.output, format_attributes(scaled))
    builder.carriers[node.output] = (node.output, steps)


def requantize(builder: RealBuilder, node: Node) -> None:
    """Write a requantization: an exact factor, an exact addend, and a quantizer where needed."""
    source, old = builder.carried(node.inputs[0])
    rank = len(builder.graph.types[node.output].shape)
    axis, shift = node.axis(), node.integer("shift")
    multipliers = _exact(node, "multiplier")
    zero_point = node.integer("zero_point", 0)
    unit = carrier_of(builder.graph.types[node.output])
    inside = _stays_inside(builder, node)
    plain = shift == 0 and _is_wide(builder, node)  # integers, and too many bits for a quantizer
    clip = (_needs_clip(node) or plain) and not inside
    if unit.size > 1 and clip:
        unit = np.ones(())
    factor = along_axis(multipliers, _axis(multipliers, axis), rank) * 2.0**-shift * unit / old
    offsets = tuple(v - (zero_point << shift) for v in _exact(node, "offset"))
    addend = along_axis(offsets, _axis(offsets, axis), rank) * 2.0**-shift * unit
    rounding = rounding_of(node)
    if rounding in _HALVES:
        rounding, half = _HALVES[rounding]
        addend = addend + (half * unit if shift else 0.0)
    if np.any(factor != 1):
        source = _mul(builder, node, source, factor, f"{node.name}_multiplied")
    if np.any(addend != 0):
        source = _add(builder, node, source, addend, f"{node.name}_shifted")
    if plain and not clip:
        builder.carriers[node.output] = (source, unit)
        return
    if plain:
        _clip(builder, node, source, unit)
        builder.carriers[node.output] = (node.output, unit)
        return
    dtype = enclosing_format(node.integer("low"), node.integer("high"))
    final = builder.free_name(f"{node.name}_wide") if clip else node.output
    source = _quant(builder, node, source, final, unit, dtype, zero_point, rounding)
    if clip:
        _clip(builder, node, source, unit)
    builder.carriers[node.output] = (node.output, unit)


def sign(builder: RealBuilder, node: Node) -> None:
    """Write a Sign: an exact addend and a bipolar quantizer."""
    source, old = builder.carried(node.inputs[0])
    rank = len(builder.graph.types[node.output].shape)
    offsets = _exact(node, "offset")
    addend = along_axis(offsets, _axis(offsets, node.axis()), rank) * old
    if np.any(addend != 0):
        source = _add(builder, node, source, addend, f"{node.name}_shifted")
    unit = carrier_of(builder.graph.types[node.output])
    values, axis = compact(unit, builder.graph.types[node.output].shape, node=node.name)
    attrs: dict[str, AttrValue] = {"scale": tuple(map(float, values)), "axis": axis}
    builder.emit(node, "BipolarQuant", (source,), node.output, attrs)
    builder.carriers[node.output] = (node.output, unit)


def _quant(
    builder: RealBuilder,
    node: Node,
    source: str,
    output: str,
    scale: Reals,
    dtype: Int,
    zero_point: int,
    rounding: Rounding,
    *,
    first: bool = False,
) -> str:
    """Append a quantizer; the first one on an input computes in the precision of `node`."""
    values, axis = compact(scale, builder.types[source].shape, node=node.name)
    attrs: dict[str, AttrValue] = {
        **format_attrs(dtype),
        "scale": tuple(map(float, values)),
        "axis": axis,
        "zero_point": zero_point,
        "rounding": str(rounding),
    }
    if first and precision_of(node) is not None:
        attrs["precision"] = node.text("precision")
    return builder.emit(node, "Quant", (source,), output, attrs)


def _mul(builder: RealBuilder, node: Node, source: str, factor: Reals, wanted: str) -> str:
    return _with_constant(builder, node, "Mul", source, factor, wanted)


def _add(builder: RealBuilder, node: Node, source: str, addend: Reals, wanted: str) -> str:
    return _with_constant(builder, node, "Add", source, addend, wanted)


def _with_constant(
    builder: RealBuilder, node: Node, op: str, source: str, value: Reals, wanted: str
) -> str:
    output = builder.free_name(wanted)
    value = value.reshape(()) if value.size == 1 else value
    constant = builder.constant(builder.free_name(f"{output}.constant"), value)
    return builder.emit(node, op, (source, constant), output, {})


def _clip(builder: RealBuilder, node: Node, source: str, unit: Reals) -> None:
    """Clamp at limits that no format has; the quantizer before it made `source`."""
    low, high = _centered(node)
    step = float(unit.reshape(()))
    attrs: dict[str, AttrValue] = {"low": (low * step,), "high": (high * step,)}
    builder.emit(node, "Clip", (source,), node.output, attrs)


def _needs_clip(node: Node) -> bool:
    low, high = node.integer("low"), node.integer("high")
    dtype = enclosing_format(low, high)
    return (dtype.min, dtype.max) != (low, high)


def _centered(node: Node) -> tuple[int, int]:
    zero_point = node.integer("zero_point", 0)
    return node.integer("low") - zero_point, node.integer("high") - zero_point


def _range_of(dtype: Int, zero_point: int) -> tuple[int, int]:
    return dtype.min - zero_point, dtype.max - zero_point


def _is_wide(builder: RealBuilder, node: Node) -> bool:
    """Whether a quantizer for the codes would be wider than qonnx keeps exactly."""
    return builder.limits[node.output].magnitude.bit_length() >= MAX_QUANT_BITS


def _stays_inside(builder: RealBuilder, node: Node) -> bool:
    """Whether no input reaches the clamp."""
    limits = builder.limits[node.inputs[0]]
    tensor = builder.graph.types[node.inputs[0]]
    assert holds_integers(tensor.dtype)
    low, high = max(limits.low, tensor.dtype.min), min(limits.high, tensor.dtype.max)
    multipliers, offsets = node.integers("multiplier"), node.integers("offset")
    width = max(len(multipliers), len(offsets))
    pairs = zip(
        multipliers * (width // len(multipliers)), offsets * (width // len(offsets)), strict=True
    )
    ends = [m * end + o for m, o in pairs for end in (low, high)]
    shift = node.integer("shift")
    first, last = min(ends) >> shift, -(-max(ends) >> shift)
    return node.integer("low") <= first and last <= node.integer("high")


def _exact(node: Node, name: str) -> tuple[int, ...]:
    values = node.integers(name)
    if max(map(abs, values)) >= 2**53:
        raise NumericsError(f'node "{node.name}": {name} does not fit a float64')
    return values


def _axis(values: tuple[int, ...], axis: int | None) -> int | None:
    return axis if len(values) > 1 else None
