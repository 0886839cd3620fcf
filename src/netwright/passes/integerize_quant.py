"""Quantizers become host quantization, requantization or signs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from netwright.dtypes import Rounding
from netwright.errors import GraphError
from netwright.ir import AttrValue, Node, dyadic, round_real
from netwright.ir.ops.quant import code_type, rounding_of
from netwright.ir.types import along_axis
from netwright.passes.carried import Carried, HostValues, Reals, compact, snap
from netwright.passes.integer_builder import IntegerBuilder
from netwright.passes.integerize_host import step_attributes
from netwright.passes.integerize_pending import integers_along_axis, scaled_codes

EXACT_BITS = 51
"""Accumulator and multiplier bits together, so that products stay exact in float64."""

MIN_MULTIPLIER_BITS = 12
"""Fewest significant bits of a multiplier, whatever the accumulator needs."""


@dataclass(frozen=True, slots=True)
class Grid:
    """What a quantizer makes: ``clip(round(x / scale + zero_point), low, high) - zero_point``."""

    scale: Reals
    low: int
    high: int
    zero_point: int
    rounding: Rounding

    @property
    def clamp(self) -> dict[str, AttrValue]:
        """The attributes that all integer quantizers share."""
        return {
            "rounding": str(self.rounding),
            "low": self.low,
            "high": self.high,
            "zero_point": self.zero_point,
        }


def quant(builder: IntegerBuilder, node: Node, multiplier_bits: int) -> Carried:
    """Translate a Quant of an activation."""
    dtype, rank = code_type(node), len(builder.graph.types[node.inputs[0]].shape)
    scale = along_axis(node.reals("scale"), node.axis(), rank)
    if dtype.bits == 1 and dtype.signed:
        return _sign(builder, node, scale)
    zero_point = node.integer("zero_point", 0)
    grid = Grid(scale, dtype.min, dtype.max, zero_point, rounding_of(node))
    source = builder.state.get(node.inputs[0])
    if isinstance(source, HostValues):
        return _host(builder, node, source, grid)
    carried = builder.take(node.inputs[0], node)
    return requantize(builder, node, carried, grid, multiplier_bits)


def bipolar_quant(builder: IntegerBuilder, node: Node) -> Carried:
    """Translate a BipolarQuant of an activation."""
    rank = len(builder.graph.types[node.inputs[0]].shape)
    return _sign(builder, node, along_axis(node.reals("scale"), node.axis(), rank))


def trunc(builder: IntegerBuilder, node: Node, multiplier_bits: int) -> Carried:
    """Translate a Trunc: codes on its input grid, shifted right."""
    dtype, unit = code_type(node), np.array(node.reals("scale")[0])
    if node.integer("shift") < 0:
        raise GraphError("shift must be 0 or more", node=node.name)
    carried = builder.take(node.inputs[0], node)
    ratio = carried.scale / unit
    direct = not carried.is_shifted and carried.low in (-np.inf, 0) and carried.high == np.inf
    if not (direct and np.all(ratio >= 1) and np.all(snap(ratio) == np.rint(ratio))):
        largest = np.max(np.abs(carried.offset / unit)) + np.max(np.abs(ratio)) * (
            carried.bounds.magnitude + 1
        )
        bits = int(np.ceil(np.log2(largest + 1))) + 1
        whole = Grid(unit, -(1 << bits), (1 << bits) - 1, 0, Rounding.HALF_EVEN)
        name = builder.free_name(f"{node.name}_codes")
        inner = replace(node, name=name, output=name)
        carried = requantize(builder, inner, carried, whole, multiplier_bits)
    step = unit * 2.0 ** node.integer("shift")
    reach = (carried.bounds.magnitude + 1) * int(np.max(np.rint(carried.scale / unit)))
    low, high = max(dtype.min, -reach), min(dtype.max, reach)
    grid = Grid(step, low, high, 0, rounding_of(node))
    result_scale = np.array(node.reals("output_scale")[0])
    return requantize(builder, node, carried, grid, multiplier_bits, result_scale=result_scale)


def requantize(
    builder: IntegerBuilder,
    node: Node,
    carried: Carried,
    grid: Grid,
    multiplier_bits: int,
    *,
    result_scale: Reals | None = None,
) -> Carried:
    """Bring a tensor, with what is pending, to another grid.

    Exact in real arithmetic when the ratios of the scales are powers of two; otherwise the ratios
    become integers over one power of two, with a note.

    Args:
        builder: The graph being built.
        node: The quantizer.
        carried: What it reads.
        grid: What it makes.
        multiplier_bits: Largest width of a multiplier that is no power of two.
        result_scale: Scale of the codes afterwards, where it is not the grid's.
    """
    low, high = _clamp(carried, grid, node)
    ratio = snap(carried.scale / grid.scale)
    offset = carried.offset / grid.scale
    inside = low - grid.zero_point <= carried.bounds.low
    inside &= carried.bounds.high <= high - grid.zero_point
    if inside and np.all(ratio == 1) and not np.any(offset):
        scale = grid.scale if result_scale is None else result_scale
        return replace(carried, scale=scale, low=-np.inf, high=np.inf)
    factors = _factors(builder, node, carried, ratio, offset + grid.zero_point, multiplier_bits)
    attrs = {**grid.clamp, **factors, "low": low, "high": high}
    return builder.emit(
        "Requantize",
        node.name,
        (carried.name,),
        node.output,
        attrs,
        scale=grid.scale if result_scale is None else result_scale,
        origin=node.origin or node.name,
    )


def _factors(
    builder: IntegerBuilder,
    node: Node,
    carried: Carried,
    ratio: Reals,
    offset: Reals,
    multiplier_bits: int,
) -> dict[str, AttrValue]:
    """Multiplier, offset, shift and axis for ``ratio * codes + offset``."""
    shape = builder.shape(carried.name)
    ratios, axis = compact(ratio, shape, node=node.name)
    bits = _multiplier_bits(carried, ratios, offset / ratio, multiplier_bits)
    multipliers, shift = dyadic(tuple(map(float, ratios)), multiplier_bits=bits)
    error = float(np.max(np.abs(np.array(multipliers) * 2.0**-shift / ratios - 1)))
    if error == 0:
        addend, more = _exact_offset(offset, shift)
    else:
        more = max(min(bits - max(map(abs, multipliers)).bit_length(), 62 - shift), 0)
        addend = np.rint(offset * 2.0 ** (shift + more))
        missed = float(np.max(np.abs(addend * 2.0 ** -(shift + more) - offset)))
        text = f"scale ratio written as a {bits}-bit integer over 2**{shift}"
        text += f", offset rounded by {missed:.2g} of one step" if missed else ""
        builder.note(node.name, text, error)
    multipliers, shift = tuple(m << more for m in multipliers), shift + more
    values = np.array(multipliers, dtype=np.float64)
    shaped = values if axis is None else along_axis(multipliers, axis, len(shape))
    factors, addends, common = integers_along_axis(node.name, shaped, addend, shape)
    factors, addends, shift = _reduced(factors, addends, shift)
    return {"multiplier": factors, "offset": addends, "shift": shift, "axis": common}


def _multiplier_bits(carried: Carried, ratios: Reals, offset: Reals, largest_bits: int) -> int:
    """As many bits as keep products exact in float64, within reason."""
    largest = int(max(carried.bounds.magnitude, float(np.max(np.abs(offset))), 1.0))
    bits = max(min(largest_bits, EXACT_BITS - largest.bit_length()), MIN_MULTIPLIER_BITS)
    return max(min(bits, 62 + int(np.frexp(np.abs(ratios).max())[1])), 1)


def _exact_offset(offset: Reals, shift: int) -> tuple[Reals, int]:
    """The offset as integers over a power of two, such that every rounding comes out exact.

    Products are integers, so a sum changes its rounding only where it crosses a multiple of one
    half (in units of ``2**-shift``). A fraction between two such points may be replaced by any
    other between them; quarters therefore represent every real offset without error.

    Returns:
        The integers, and by how many bits they are finer than `shift`.
    """
    scaled = offset * 2.0**shift
    whole = np.floor(scaled)
    rest = scaled - whole
    if not np.any(rest):
        return whole, 0
    quarters = np.select([rest == 0, rest < 0.5, rest == 0.5], [0.0, 1.0, 2.0], 3.0)
    return whole * 4 + quarters, 2


def _reduced(
    factors: tuple[int, ...], addends: tuple[int, ...], shift: int
) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    while shift and all(value % 2 == 0 for value in (*factors, *addends)):
        factors, addends = tuple(v // 2 for v in factors), tuple(v // 2 for v in addends)
        shift -= 1
    return factors, addends, shift


def _clamp(carried: Carried, grid: Grid, node: Node) -> tuple[int, int]:
    """The quantizer's limits with the pending clamp folded in; exact, for rounding is monotone."""
    low = _limit_code(carried.low, grid, node)
    high = _limit_code(carried.high, grid, node)
    return min(max(grid.low, low), grid.high), max(min(grid.high, high), grid.low)


def _limit_code(limit: float, grid: Grid, node: Node) -> int:
    if np.isinf(limit):
        return grid.low if limit < 0 else grid.high
    codes = round_real(np.asarray(limit / grid.scale + grid.zero_point), grid.rounding).reshape(-1)
    codes = np.clip(codes, grid.low, grid.high)
    if not np.all(codes == codes[0]):
        raise GraphError(
            f"a clamp at {limit:g} means another code in each channel",
            node=node.name,
            hint="use one scale for the whole tensor",
        )
    return int(codes[0])


def _host(builder: IntegerBuilder, node: Node, source: HostValues, grid: Grid) -> Carried:
    """Quantize a graph input, then repeat the moves it went through."""
    shape = builder.graph.types[source.source].shape
    values, axis = compact(grid.scale, builder.graph.types[node.inputs[0]].shape, node=node.name)
    if axis is not None and source.moves:
        raise GraphError(
            f'input "{source.source}" is moved before it is quantized with a scale per channel',
            node=node.name,
            hint="quantize the input first",
        )
    attrs: dict[str, AttrValue] = {**grid.clamp, "scale": tuple(map(float, values)), "axis": axis}
    attrs |= step_attributes(builder, node, source)
    outputs = [builder.free_name(f"{node.name}_{move}") for move in source.moves]
    outputs.append(node.output)
    carried = builder.emit(
        "Quantize",
        node.name,
        (source.source,),
        outputs[0],
        attrs,
        scale=grid.scale if axis is not None else values.reshape(()),
        origin=node.origin or node.name,
    )
    assert builder.shape(carried.name) == shape
    for move, output in zip(source.moves, outputs[1:], strict=True):
        moved = builder.graph.node(move)
        carried = builder.emit(
            moved.op,
            builder.free_name(f"{node.name}_{move}"),
            (carried.name,),
            output,
            moved.attrs,
            scale=carried.scale,
            origin=moved.origin or moved.name,
        )
    return carried


def _sign(builder: IntegerBuilder, node: Node, scale: Reals) -> Carried:
    """Translate a quantizer to -1 and +1; zero becomes +1."""
    source = builder.state.get(node.inputs[0])
    if isinstance(source, HostValues):
        inner = replace(node, output=builder.free_name(f"{node.output}_codes"))
        inner = replace(inner, name=inner.output)
        grid = Grid(np.array(1.0), -1, 0, 0, Rounding.FLOOR)
        carried = _host(builder, inner, source, grid)
    else:
        carried = builder.take(node.inputs[0], node)
    if carried.low >= 0 or carried.high < 0:
        raise GraphError(
            "the sign of a value that is clamped at zero is always the same",
            node=node.name,
            hint="remove the Relu in front of the bipolar quantizer",
        )
    if np.any(carried.scale < 0):
        signs = np.sign(carried.scale).astype(np.int64)
        offset = carried.offset
        zero = np.zeros((), dtype=np.int64)
        carried = scaled_codes(builder, carried, signs, zero, np.abs(carried.scale))
        carried = replace(carried, offset=offset)
    offsets, axis = compact(
        np.floor(carried.offset / carried.scale), builder.shape(carried.name), node=node.name
    )
    return builder.emit(
        "Sign",
        node.name,
        (carried.name,),
        node.output,
        {"offset": tuple(int(v) for v in offsets), "axis": axis},
        scale=scale,
        origin=node.origin or node.name,
    )
