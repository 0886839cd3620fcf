"""Products, biases, normalizations and sums."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from netwright.dtypes import Bipolar, Int, Rounding
from netwright.errors import GraphError
from netwright.ir import Blocks, Graph, Node
from netwright.ir.ops.quant import code_type
from netwright.ir.types import along_axis
from netwright.passes.carried import (
    NOISE,
    Carried,
    HostValues,
    Reals,
    are_powers_of_two,
    compact,
    snap,
    step_of,
)
from netwright.passes.integer_builder import Codes, IntegerBuilder
from netwright.passes.integerize_host import host_affine
from netwright.passes.integerize_pending import plain, scaled_codes, whole_codes
from netwright.passes.integerize_quant import Grid, requantize

MAX_PLAIN_WEIGHT_BITS = 24
"""Widest weights that are recognized without a quantizer, on a power-of-two grid."""

BIAS_NOISE = 2.0**-21
"""Relative distance of a bias from the accumulator grid that is float32 rounding noise."""


def product(builder: IntegerBuilder, node: Node) -> Carried:
    """Translate a MatMul or Conv with constant weights and an optional bias."""
    source = plain(builder, node.inputs[0], node)
    codes, scale, dtype = _weights(builder, node)
    channel_axis = len(builder.graph.types[node.output].shape) - 1 if node.op == "MatMul" else 1
    inner, outer = _source_scale(builder, node, source, codes)
    codes, unit, changed = _fold_contraction(node, codes, inner * scale)
    channels = unit.size
    rank = len(builder.graph.types[node.output].shape)
    result_scale = outer * along_axis(tuple(map(float, unit)), channel_axis, rank)
    if np.all(unit == unit[0]):
        result_scale = outer * unit[0]
    weight_unit = np.broadcast_to(unit, (channels,)) / float(inner.flat[0])
    shaped = weight_unit if node.op == "MatMul" else weight_unit.reshape(-1, *(1,) * (rank - 1))
    weights = builder.constant(
        builder.free_name(f"{node.name}.weight"),
        codes,
        shaped,
        dtype=None if changed else dtype,
        pattern=_pattern(builder.graph, node.inputs[1]),
    )
    inputs: tuple[str, ...] = (source.name, weights)
    offset = np.zeros(())
    if len(node.inputs) == 3:
        bias = _bias(builder, node, unit)
        if bias is None:
            values = tuple(map(float, builder.values[node.inputs[2]].reshape(-1)))
            offset = along_axis(values, channel_axis, rank)
        else:
            inputs = (*inputs, builder.constant(builder.free_name(f"{node.name}.bias"), bias, unit))
    made = builder.emit(
        node.op,
        node.name,
        inputs,
        node.output,
        node.attrs,
        scale=result_scale,
        origin=node.origin or node.name,
    )
    return replace(made, offset=offset)


def affine(builder: IntegerBuilder, node: Node) -> Carried | HostValues:
    """Translate a BatchNormalization, or a Mul or Add with a constant."""
    data, factor, addend = _factor_and_addend(builder, node)
    source = builder.state.get(data)
    if isinstance(source, HostValues):
        return host_affine(builder, node, source, factor, addend)
    carried = builder.take(data, node)
    if carried.is_clamped:
        carried = plain(builder, data, node)
    zero = factor == 0
    if np.any(zero):
        keep = np.where(zero, 0, 1).astype(np.int64)
        offset = np.where(zero, 0.0, carried.offset)
        nothing = np.zeros((), dtype=np.int64)
        carried = replace(
            scaled_codes(builder, carried, keep, nothing, carried.scale), offset=offset
        )
        factor = np.where(zero, 1.0, factor)
    return replace(carried, scale=carried.scale * factor, offset=carried.offset * factor + addend)


def add(builder: IntegerBuilder, node: Node, guard_bits: int, multiplier_bits: int) -> Carried:
    """Translate a sum of two activations: bring both to one grid, exactly if possible."""
    parts = []
    for name in node.inputs:
        carried = builder.take(name, node)
        settled = carried.is_clamped or bool(np.any(carried.scale < 0))
        parts.append(plain(builder, name, node) if settled else carried)
    first, second = parts
    ratio = snap(first.scale / second.scale)
    common = np.minimum(first.scale, second.scale)
    if not are_powers_of_two(ratio):
        common = common * 2.0**-guard_bits
    aligned = [
        _align(builder, node, part, common, index, multiplier_bits)
        for index, part in enumerate(parts)
    ]
    made = builder.emit(
        "Add",
        node.name,
        (aligned[0].name, aligned[1].name),
        node.output,
        {},
        scale=common,
        origin=node.origin or node.name,
    )
    return replace(made, offset=first.offset + second.offset)


def _align(
    builder: IntegerBuilder,
    node: Node,
    part: Carried,
    common: Reals,
    index: int,
    multiplier_bits: int,
) -> Carried:
    """Bring one term of a sum to the common scale; its offset stays pending elsewhere."""
    ratio = float(np.max(part.scale / common))
    reach = int(np.ceil(part.bounds.magnitude * ratio)) + 1
    name = builder.free_name(f"{node.name}_term{index + 1}")
    grid = Grid(common, -reach, reach, 0, Rounding.HALF_EVEN)
    bare = replace(part, offset=np.zeros(()))
    inner = Node(name, node.op, node.inputs, name, {}, node.origin or node.name)
    return requantize(builder, inner, bare, grid, multiplier_bits)


def _factor_and_addend(builder: IntegerBuilder, node: Node) -> tuple[str, Reals, Reals]:
    """The data input, and the constant factor and addend applied to it."""
    values = builder.values
    rank = len(builder.graph.types[node.output].shape)
    if node.op == "BatchNormalization":
        missing = [name for name in node.inputs[1:] if name not in values]
        if missing:
            raise GraphError(f'parameter "{missing[0]}" must be a constant', node=node.name)
        gamma, beta, mean, variance = (
            along_axis(tuple(map(float, values[name])), 1, rank) for name in node.inputs[1:]
        )
        factor = gamma / np.sqrt(variance + node.reals("epsilon")[0])
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
        raise GraphError(f'"{other}" must not enlarge "{data}"', node=node.name)
    nothing = np.zeros(())
    return (data, constant, nothing) if node.op == "Mul" else (data, np.ones(()), constant)


def _pattern(graph: Graph, name: str) -> Blocks | None:
    """The pattern of a constant, looked up through its quantizer: codes of 0 are 0."""
    maker = graph.producers.get(name)
    if maker is not None and maker.op == "Quant":
        name = maker.inputs[0]
    return graph.types[name].pattern


def _weights(builder: IntegerBuilder, node: Node) -> tuple[Codes, Reals, Int | Bipolar | None]:
    """Codes, scale (broadcasting against them) and format of the node's weights."""
    name = node.inputs[1]
    if name not in builder.values:
        raise GraphError(
            "weights must be constants",
            node=node.name,
            hint="products of two activations are not supported",
        )
    values = builder.values[name]
    maker = builder.graph.producers.get(name)
    if maker is not None and maker.op in {"Quant", "BipolarQuant"}:
        scale = along_axis(maker.reals("scale"), maker.axis(), values.ndim)
        codes = np.rint(values / scale).astype(np.int64)
        if maker.op == "BipolarQuant":
            return codes, scale, Bipolar()
        dtype = code_type(maker)
        if dtype.bits == 1 and dtype.signed:
            return codes, scale, Bipolar()
        return codes, scale, None if maker.integer("zero_point", 0) else dtype
    grid = step_of(values)
    codes = np.rint(values / grid)
    if np.abs(codes).max(initial=0) >= 1 << MAX_PLAIN_WEIGHT_BITS:
        raise GraphError(
            "the weights are not quantized",
            node=node.name,
            hint="put a Quant node behind the weights",
        )
    return codes.astype(np.int64), np.array(grid), None


def _source_scale(
    builder: IntegerBuilder, node: Node, source: Carried, codes: Codes
) -> tuple[Reals, Reals]:
    """The activation's scale: the part inside the sum, shaped like weights, and the rest."""
    shape = builder.shape(source.name)
    values, axis = compact(source.scale, shape, node=node.name)
    one = np.ones(())
    if axis is None:
        return values.reshape(()), one
    if node.op == "MatMul":
        if axis == len(shape) - 1:
            return values.reshape(-1, 1), one
        return one, along_axis(tuple(map(float, values)), axis, len(shape))
    if axis != 1:
        raise GraphError(
            "the activation's scale must not vary over the positions of a convolution",
            node=node.name,
        )
    groups = node.integer("group")
    each = codes.shape[0] // groups
    inputs = np.arange(codes.shape[0])[:, None] // each * codes.shape[1]
    index = inputs + np.arange(codes.shape[1])[None, :]
    return values[index].reshape(*index.shape, *(1,) * (codes.ndim - 2)), one


def _fold_contraction(node: Node, codes: Codes, scale: Reals) -> tuple[Codes, Reals, bool]:
    """Make the scale constant along the summed axes by exact shifts of the weights.

    Returns:
        The codes, the scale of each output channel, and whether codes changed.
    """
    out = 1 if node.op == "MatMul" else 0
    full = np.broadcast_to(scale, codes.shape)
    rows = np.moveaxis(full, out, 0).reshape(codes.shape[out], -1)
    unit = rows.min(axis=1)
    if np.all(rows == unit[:, None]):
        return codes, unit, False
    shaped = along_axis(tuple(map(float, unit)), out, codes.ndim)
    ratio = snap(full / shaped)
    if not are_powers_of_two(ratio):
        raise GraphError(
            "the scales along the summed axis are not powers of two apart",
            node=node.name,
            hint="use one activation scale for the tensor, or power-of-two scales",
        )
    if np.max(ratio) >= 2.0**40:
        raise GraphError("the scales along the summed axis are too far apart", node=node.name)
    return codes * ratio.astype(np.int64), unit, True


def _bias(builder: IntegerBuilder, node: Node, unit: Reals) -> Codes | None:
    """The bias on the accumulator grid, or ``None`` if it does not lie there."""
    name = node.inputs[2]
    if name not in builder.values:
        raise GraphError("the bias must be a constant", node=node.name)
    wanted = builder.values[name].reshape(-1) / unit
    rounded = np.rint(wanted)
    distance = np.abs(wanted - rounded)
    if are_powers_of_two(unit):
        return None if np.any(distance) else whole_codes(rounded, node.output)
    if np.any(distance > np.minimum(BIAS_NOISE * np.abs(rounded), 0.01)):
        return None
    relative = float(np.max(distance / np.maximum(np.abs(rounded), 1)))
    if relative > NOISE:
        builder.note(node.name, "bias lies on the accumulator grid but for float noise", relative)
    return whole_codes(rounded, node.output)
