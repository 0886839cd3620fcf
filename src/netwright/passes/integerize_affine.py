"""Products, biases, normalizations and sums."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from netwright.errors import GraphError
from netwright.formats import Bipolar, NumberFormat, Pattern
from netwright.ir import Graph, Node
from netwright.ir.ops.filters import channel_axis, filters_as_stored, filters_first, num_filters
from netwright.ir.ops.quant import code_type
from netwright.ir.types import along_axis
from netwright.passes.carried import Carried, HostValues, compact, step_of, with_axes
from netwright.passes.integer_builder import Codes, IntegerBuilder, stored_scale
from netwright.passes.integerize_formats import integer_format
from netwright.passes.integerize_grids import common_grid, on_grid, one_scale
from netwright.passes.integerize_host import host_affine
from netwright.passes.integerize_pending import flipped, plain, scaled_codes, whole_codes
from netwright.passes.rationals import (
    NOISE,
    UNLIMITED_HIGH,
    UNLIMITED_LOW,
    Exact,
    along,
    exact,
    exact_factors,
    integers,
    is_power_of_two,
    largest,
    reals,
    root,
    rounded,
    snap,
)

MAX_PLAIN_WEIGHT_BITS = 24
"""Widest weights that are recognized without a quantizer, on a power-of-two grid."""

BIAS_NOISE = Fraction(1, 1 << 21)
"""Relative distance of a bias from the accumulator grid that is float32 rounding noise."""


def product(builder: IntegerBuilder, node: Node) -> Carried:
    """Translate a product with constant weights and an optional bias.

    Codes and scales of the weights are kept with the outputs first, then the terms of each sum.
    """
    codes, scale, dtype = _weights(builder, node)
    source, shift = _source(builder, node, codes, scale)
    rank = len(builder.graph.types[node.output].shape)
    outputs = channel_axis(node, rank)
    inner, outer = _source_scale(builder, node, source, codes)
    gain = _gain(node, codes, scale) if source.drift else 0.0
    codes, unit, changed = _fold_contraction(node, codes, inner, scale)
    result_scale = outer * along(unit, outputs, rank)
    if np.all(unit == unit[0]):
        result_scale = outer * unit[0]
    stored = filters_as_stored(node, codes)
    weights = builder.constant(
        f"{node.name}.weight",
        stored,
        stored_scale(node, unit / inner.flat[0], stored.shape),
        dtype=None if changed else dtype,
        pattern=_pattern(builder.graph, node.inputs[1]),
        group_axis=_group_axis(builder.graph, node.inputs[1]),
    )
    inputs: tuple[str, ...] = (source.name, weights)
    offset = along(shift, outputs, rank) if np.any(shift) else exact(0)
    if len(node.inputs) == 3:
        bias, rest = _bias(builder, node, unit)
        offset = offset + along(rest, outputs, rank) if np.any(rest) else offset
        if bias is not None:
            inputs = (*inputs, builder.constant(f"{node.name}.bias", bias, unit))
    made = builder.emit(
        node.op,
        node.name,
        inputs,
        node.output,
        node.attrs,
        scale=result_scale,
        origin=node.origin or node.name,
        drift=source.drifted(gain),
    )
    return replace(made, offset=offset)


def _source(
    builder: IntegerBuilder, node: Node, codes: Codes, scale: Exact
) -> tuple[Carried, Exact]:
    """What a product reads, with one scale in each sum, and what its pending offset adds.

    An offset goes through the weights exactly, unless a convolution pads with zeros.
    """
    carried = builder.take(node.inputs[0], node)
    axis = channel_axis(node, len(builder.shape(carried.name)))
    padded = node.op == "ConvTranspose" or (node.op == "Conv" and any(node.integers("pads")))
    moved = exact(0)
    try:
        offsets, own = compact(carried.offset, builder.shape(carried.name), node=node.name)
    except GraphError:
        own = -1
    if carried.is_clamped or padded or not carried.is_shifted or own not in (None, axis):
        carried = plain(builder, node.inputs[0], node)
    else:
        moved = _through_weights(node, offsets, codes, scale)
        carried = replace(flipped(builder, carried), offset=exact(0))
    varies = len(node.inputs) == 3 or scale.size > 1 or bool(np.any(moved))
    if not _has_one_scale_in_sums(builder, node, carried, axis, varies=varies):
        carried = one_scale(builder, node, carried)
    return carried, moved


def _through_weights(node: Node, offsets: Exact, codes: Codes, scale: Exact) -> Exact:
    """What a constant input adds to each output channel."""
    weights = codes.astype(object) * scale
    groups = node.integer("group", 1)
    line = np.broadcast_to(offsets, (codes.shape[1] * groups,))
    index = _channels_read(codes, groups)
    sums = weights.reshape(*codes.shape[:2], -1).sum(axis=2)
    return np.asarray((line[index] * sums).sum(axis=1))


def _channels_read(codes: Codes, groups: int) -> NDArray[np.int64]:
    """The input channel that each weight reads: (outputs, channels of a group)."""
    each = codes.shape[0] // groups
    first = np.arange(codes.shape[0])[:, None] // each * codes.shape[1]
    return np.asarray(first + np.arange(codes.shape[1])[None, :])


def _has_one_scale_in_sums(
    builder: IntegerBuilder, node: Node, carried: Carried, axis: int, *, varies: bool
) -> bool:
    """Whether scales are powers of two apart along the summed axis, or vary along another one.

    A product whose outputs have unlike scales or offsets (`varies`) keeps none along another axis.
    """
    scales, own = compact(carried.scale, builder.shape(carried.name), node=node.name)
    if own is None:
        return True
    if node.op == "MatMul" and own != axis:
        return not varies
    weights = builder.graph.types[node.inputs[1]].shape
    if node.op == "ConvTranspose" and 1 < node.integer("group") < num_filters(node, weights):
        return False  # no axis of its weights has scales within groups and between them
    ratios = snap(scales / np.min(scales))
    near = all(is_power_of_two(value) and value < 1 << 30 for value in ratios)
    depthwise = node.integer("group", 1) == len(scales)
    return own == axis and (near or depthwise)


def _gain(node: Node, codes: Codes, scale: Exact) -> float:
    """By how much a result changes at most when every input changes by 1."""
    weights = np.abs(codes * reals(scale))
    return float(np.max(weights.reshape(len(weights), -1).sum(axis=1)))


def affine(builder: IntegerBuilder, node: Node) -> Carried | HostValues:
    """Translate a BatchNormalization, or a Mul or Add with a constant."""
    data, factor, addend = _factor_and_addend(builder, node)
    source = builder.state.get(data)
    if isinstance(source, HostValues):
        return host_affine(builder, node, source, reals(factor), reals(addend))
    carried = builder.take(data, node)
    made = _after_affine(builder, carried, factor, addend)
    shape = builder.shape(carried.name)
    if made.lies_on_one_axis(shape) or not carried.lies_on_one_axis(shape):
        return made
    carried = one_scale(builder, node, plain(builder, data, node))
    return _after_affine(builder, carried, factor, addend)


def _after_affine(
    builder: IntegerBuilder, carried: Carried, factor: Exact, addend: Exact
) -> Carried:
    low, high = carried.low, carried.high
    zero = factor == 0
    if np.any(zero):
        keep = np.where(zero, 0, 1).astype(np.int64)
        offset = np.where(zero, exact(0), carried.offset)
        nothing = np.zeros(1, dtype=np.int64)
        carried = scaled_codes(builder, carried, keep, nothing, carried.scale)
        carried = replace(carried, offset=offset)
        factor = np.where(zero, exact(1), factor)
        low, high = np.where(zero, UNLIMITED_LOW, low), np.where(zero, UNLIMITED_HIGH, high)
    return replace(
        carried,
        scale=carried.scale * factor,
        offset=carried.offset * factor + addend,
        low=np.where(factor > 0, low, high) * factor + addend,
        high=np.where(factor > 0, high, low) * factor + addend,
        drift=carried.drifted(largest(factor)),
    )


def add(builder: IntegerBuilder, node: Node, guard_bits: int) -> Carried:
    """Translate a sum of two activations: bring both to one grid, exactly if possible."""
    parts = [builder.take(name, node) for name in node.inputs]
    parts = [
        plain(builder, name, node) if part.is_clamped else part
        for part, name in zip(parts, node.inputs, strict=True)
    ]
    first, second = parts
    magnitude = max(part.bounds.magnitude for part in parts)
    grid = common_grid([first.scale, second.scale], magnitude, guard_bits=guard_bits)
    aligned = [
        on_grid(
            builder,
            node,
            replace(part, offset=exact(0)),
            grid,
            builder.free_name(f"{node.name}_term{index + 1}"),
        )
        for index, part in enumerate(parts)
    ]
    drift = {
        note: sum(part.drift.get(note, 0.0) for part in aligned)
        for part in aligned
        for note in part.drift
    }
    made = builder.emit(
        "Add",
        node.name,
        (aligned[0].name, aligned[1].name),
        node.output,
        {},
        scale=grid,
        origin=node.origin or node.name,
        drift=drift,
    )
    return replace(made, offset=first.offset + second.offset)


def _factor_and_addend(builder: IntegerBuilder, node: Node) -> tuple[str, Exact, Exact]:
    """The data input, and the constant factor and addend applied to it."""
    values = builder.values
    rank = len(builder.graph.types[node.output].shape)
    if node.op == "BatchNormalization":
        missing = [name for name in node.inputs[1:] if name not in values]
        if missing:
            raise GraphError(f'parameter "{missing[0]}" must be a constant', node=node.name)
        gamma, beta, mean, variance = (
            along(exact(values[name].reshape(-1)), 1, rank) for name in node.inputs[1:]
        )
        factor = gamma / root(variance + Fraction(node.reals("epsilon")[0]))
        return node.inputs[0], factor, beta - mean * factor
    data, other = node.inputs if node.inputs[1] in values else node.inputs[::-1]
    if other not in values:
        raise GraphError(
            f"{node.op} of two activations has no integer meaning here",
            node=node.name,
            hint="one factor must be a constant",
        )
    constant = values[other]
    if builder.graph.types[data].shape != builder.graph.types[node.output].shape:
        raise GraphError(
            f'"{other}" must not enlarge "{data}"',
            node=node.name,
            hint="give the constant one value, or one for each channel of the activation",
        )
    if node.op == "Mul":
        return data, exact_factors(constant), exact(0)
    return data, exact(1), exact(constant)


def _pattern(graph: Graph, name: str) -> Pattern | None:
    """The pattern of a constant, looked up through its quantizer: codes of 0 are 0."""
    maker = graph.producers.get(name)
    if maker is not None and maker.op in {"Quant", "FormatQuant"}:
        name = maker.inputs[0]
    return graph.types[name].pattern


def _group_axis(graph: Graph, name: str) -> int:
    """The axis along which neighbors of a constant are coded together; -1 where none are."""
    maker = graph.producers.get(name)
    if maker is None or maker.op != "FormatQuant":
        return -1
    return integer_format(maker).group_axis


def _weights(builder: IntegerBuilder, node: Node) -> tuple[Codes, Exact, NumberFormat | None]:
    """Codes, scale (broadcasting against them) and format of the weights, outputs first."""
    name = node.inputs[1]
    if name not in builder.values:
        raise GraphError(
            "weights must be constants",
            node=node.name,
            hint="products of two activations are not supported",
        )
    values = builder.values[name]
    maker = builder.graph.producers.get(name)
    if maker is not None and maker.op in {"Quant", "BipolarQuant", "FormatQuant"}:
        scale = along_axis(maker.reals("scale"), maker.axis(), values.ndim)
        codes = filters_first(node, np.rint(values / scale).astype(np.int64), values.shape)
        unit = filters_first(node, exact(scale), values.shape)
        if maker.op == "BipolarQuant":
            return codes, unit, Bipolar()
        if maker.op == "FormatQuant":
            return codes, unit, integer_format(maker).number
        dtype = code_type(maker)
        if dtype.bits == 1 and dtype.signed:
            return codes, unit, Bipolar()
        return codes, unit, None if maker.integer("zero_point", 0) else dtype
    grid = step_of(values)
    codes = np.rint(values / grid)
    if np.abs(codes).max(initial=0) >= 1 << MAX_PLAIN_WEIGHT_BITS:
        raise GraphError(
            "the weights are not quantized",
            node=node.name,
            hint="put a Quant node behind the weights",
        )
    return filters_first(node, codes.astype(np.int64), values.shape), exact(grid), None


def _source_scale(
    builder: IntegerBuilder, node: Node, source: Carried, codes: Codes
) -> tuple[Exact, Exact]:
    """The activation's scale: the part inside the sum, shaped like weights, and the rest."""
    shape = builder.shape(source.name)
    values, axis = compact(source.scale, shape, node=node.name)
    one = exact(1)
    if axis is None:
        return values, one
    if node.op == "MatMul":
        if axis == len(shape) - 1:
            return values.reshape(1, -1), one
        return one, along(values, axis, len(shape))
    index = _channels_read(codes, node.integer("group"))
    return values[index].reshape(*index.shape, *(1,) * (codes.ndim - 2)), one


def _fold_contraction(
    node: Node, codes: Codes, inner: Exact, scale: Exact
) -> tuple[Codes, Exact, bool]:
    """Make the scale constant along the summed axes by exact shifts of the weights.

    Returns:
        The codes, the scale of each output channel, and whether codes changed.
    """
    channels = len(codes)
    factors = inner * scale
    full = with_axes(factors, codes.ndim)
    rows = full.reshape(len(full), -1)
    unit = rows.min(axis=1)
    line = np.broadcast_to(unit, (channels,))
    if np.all(rows == unit[:, None]):
        return codes, line, False
    shaped = along(unit, 0, codes.ndim) if len(unit) > 1 else unit
    ratio = snap(full / shaped)
    if not all(is_power_of_two(value) for value in ratio.flat):
        raise GraphError(
            "the scales along the summed axis are not powers of two apart",
            node=node.name,
            hint="one scale along it is enough for activations and weights, or powers of two",
        )
    if np.max(ratio) >= 1 << 40:
        raise GraphError(
            "the scales along the summed axis are too far apart",
            node=node.name,
            hint="activations and weights need one scale along it",
        )
    return codes * integers(ratio), line, True


def _bias(builder: IntegerBuilder, node: Node, unit: Exact) -> tuple[Codes | None, Exact]:
    """The bias on the accumulator grid, and what is left of it for later.

    Where the bias lies on the grid but for float32 noise, it is put there, and the noise is left;
    elsewhere all of it is left.
    """
    name = node.inputs[2]
    if name not in builder.values:
        raise GraphError("the bias must be a constant", node=node.name)
    values = exact(builder.values[name].reshape(-1))
    wanted = values / unit
    codes = rounded(wanted)
    distance = np.abs(wanted - codes)
    noise = np.minimum(BIAS_NOISE * np.abs(codes), exact(Fraction(1, 100)))
    if np.any(distance > noise):
        return None, values
    real = np.where(distance <= NOISE * np.abs(codes), exact(0), (wanted - codes) * unit)
    return whole_codes(codes, node.output), real
