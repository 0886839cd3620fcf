"""Quantizers become host quantization, requantization or signs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from netwright.errors import GraphError, NumericsError
from netwright.formats import Rounding
from netwright.ir import AttrValue, Node, round_quotient
from netwright.ir.ops.quant import code_type, precision_of, rounding_of
from netwright.passes.carried import Carried, HostValues, compact
from netwright.passes.integer_builder import IntegerBuilder
from netwright.passes.integerize_clamps import clamp_channels
from netwright.passes.integerize_host import step_attributes
from netwright.passes.integerize_pending import along_one_axis, flipped
from netwright.passes.plan_rescaling import Plan, plan
from netwright.passes.rationals import Exact, along, exact, integers, is_whole, largest, reals, snap
from netwright.passes.staircase import Staircase


@dataclass(frozen=True, slots=True)
class Grid:
    """What a quantizer makes: ``clip(round(x / scale + zero_point), low, high) - zero_point``."""

    scale: Exact
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


def is_plain_quantizer(node: Node) -> bool:
    """Whether the node is a quantizer to the codes of a :class:`Grid`."""
    if node.op != "Quant":
        return False
    dtype = code_type(node)
    return not (dtype.bits == 1 and dtype.signed)


def quantizer_grid(builder: IntegerBuilder, node: Node) -> Grid:
    """What a plain quantizer makes."""
    dtype, zero_point = code_type(node), node.integer("zero_point", 0)
    return Grid(_scale(builder, node), dtype.min, dtype.max, zero_point, rounding_of(node))


def quant(builder: IntegerBuilder, node: Node) -> Carried:
    """Translate a Quant of an activation."""
    if not is_plain_quantizer(node):
        return _sign(builder, node, _scale(builder, node))
    grid = quantizer_grid(builder, node)
    source = builder.state.get(node.inputs[0])
    if isinstance(source, HostValues):
        return host_quantized(builder, node, source, grid)
    carried = builder.take(node.inputs[0], node)
    return requantize(builder, node, carried, grid)


def bipolar_quant(builder: IntegerBuilder, node: Node) -> Carried:
    """Translate a BipolarQuant of an activation."""
    return _sign(builder, node, _scale(builder, node))


def _scale(builder: IntegerBuilder, node: Node) -> Exact:
    rank = len(builder.graph.types[node.inputs[0]].shape)
    return along(exact(node.reals("scale")), node.axis(), rank)


def trunc(builder: IntegerBuilder, node: Node) -> Carried:
    """Translate a Trunc: codes on its input grid, shifted right."""
    dtype, unit = code_type(node), exact(node.reals("scale")[0])
    if node.integer("shift") < 0:
        raise GraphError("shift must be 0 or more", node=node.name)
    carried = builder.take(node.inputs[0], node)
    ratio = snap(carried.scale / unit)
    direct = not carried.is_shifted and bool(np.all(carried.high == np.inf))
    direct &= bool(np.all((carried.low == -np.inf) | (carried.low == 0)))
    if not (direct and np.all(ratio >= 1) and is_whole(ratio)):
        reach = largest(carried.offset / unit)
        reach += largest(ratio) * (carried.bounds.magnitude + 1)
        bits = int(np.ceil(np.log2(reach + 1))) + 1
        whole = Grid(unit, -(1 << bits), (1 << bits) - 1, 0, Rounding.HALF_EVEN)
        name = builder.free_name(f"{node.name}_codes")
        inner = replace(node, name=name, output=name)
        carried = requantize(builder, inner, carried, whole)
    step = unit * (1 << node.integer("shift"))
    steps = int(np.ceil(largest(carried.scale / unit)))
    span = (carried.bounds.magnitude + 1) * steps
    low, high = max(dtype.min, -span), min(dtype.max, span)
    grid = Grid(step, low, high, 0, rounding_of(node))
    return requantize(
        builder, node, carried, grid, result_scale=exact(node.reals("output_scale")[0])
    )


def requantize(
    builder: IntegerBuilder,
    node: Node,
    carried: Carried,
    grid: Grid,
    *,
    result_scale: Exact | None = None,
) -> Carried:
    """Bring a tensor, with what is pending, to another grid.

    The codes are those of exact arithmetic for every code that can come in; where no integers of
    reasonable width do that, there is a note.

    Args:
        builder: The graph being built.
        node: The quantizer.
        carried: What it reads.
        grid: What it makes.
        result_scale: Scale of the codes afterwards, where it is not the grid's.
    """
    shape = builder.shape(carried.name)
    lows, highs, clamp_axis = _clamp(carried, grid, node, shape)
    if clamp_axis is not None:
        bare = replace(carried.unclamped(), exclusive=carried.exclusive)
        name = builder.free_name(f"{node.name}_unlimited")
        inner = replace(node, name=name, output=name)
        made = requantize(builder, inner, bare, grid, result_scale=result_scale)
        zero = exact(grid.zero_point)
        return clamp_channels(builder, node, made, lows - zero, highs - zero, clamp_axis)
    low, high = int(lows[0]), int(highs[0])
    ratio = snap(carried.scale / grid.scale)
    offset = carried.offset / grid.scale
    scale = grid.scale if result_scale is None else result_scale
    widened = 1.0 if result_scale is None else largest(scale / grid.scale)
    inside = low - grid.zero_point <= carried.bounds.low
    inside &= carried.bounds.high <= high - grid.zero_point
    if inside and np.all(ratio == 1) and not np.any(offset):
        return replace(carried.unclamped(), scale=scale, drift=carried.drifted(widened))
    ratios, offsets, axis = along_one_axis(node.name, ratio, offset + grid.zero_point, shape)
    found = plan(
        [
            Staircase(a, b, carried.bounds.low, carried.bounds.high, low, high, grid.rounding)
            for a, b in zip(*np.broadcast_arrays(ratios, offsets), strict=True)
        ]
    )
    step = largest(scale)
    drift = {
        number: min(bound + step, step * (high - low))
        for number, bound in carried.drifted(widened).items()
    }
    if found.miss is not None and any(item.multiplier == 0 for item in found.rescalings):
        bits = carried.bounds.magnitude.bit_length()
        raise NumericsError(
            f'node "{node.name}" reads codes of {bits + 1} bits, for which no multiplier is left',
            tensor=carried.name,
            hint="put a quantizer between it and the sums or comparisons before it",
        )
    if found.miss is not None:
        bound = min(found.miss.steps, high - low) * step
        drift |= builder.note(node.name, f"{found} (by {bound:.2g})", found.miss.error, bound)
    attrs: dict[str, AttrValue] = {**grid.clamp, "low": low, "high": high}
    source = carried.name
    if found.finer_bits:
        source = _finer(builder, node, carried, attrs, found, axis, scale)
        attrs |= {"multiplier": (1,), "offset": (0,), "shift": found.finer_bits, "axis": None}
    else:
        attrs |= found.attrs(axis)
    return builder.emit(
        "Requantize",
        node.name,
        (source,),
        node.output,
        attrs,
        scale=scale,
        origin=node.origin or node.name,
        drift=drift,
    )


def _finer(
    builder: IntegerBuilder,
    node: Node,
    carried: Carried,
    clamp: dict[str, AttrValue],
    found: Plan,
    axis: int | None,
    scale: Exact,
) -> str:
    """Rescale to the finer grid on which ties are exact; its codes include the zero point."""
    name = builder.free_name(f"{node.name}_finer")
    attrs: dict[str, AttrValue] = {
        **found.attrs(axis),
        "rounding": "floor",
        "low": int(clamp["low"]) << found.finer_bits,  # type: ignore[arg-type]
        "high": int(clamp["high"]) << found.finer_bits,  # type: ignore[arg-type]
        "zero_point": 0,
    }
    return builder.emit(
        "Requantize",
        name,
        (carried.name,),
        name,
        attrs,
        scale=scale / (1 << found.finer_bits),
        origin=node.origin or node.name,
    ).name


def _clamp(
    carried: Carried, grid: Grid, node: Node, shape: tuple[int, ...]
) -> tuple[Exact, Exact, int | None]:
    """The quantizer's limits with the pending clamp folded in; exact, for rounding is monotone."""
    low = np.minimum(np.maximum(_limit_codes(carried.low, grid), grid.low), grid.high)
    high = np.maximum(np.minimum(_limit_codes(carried.high, grid), grid.high), grid.low)
    lows, highs, axis = along_one_axis(node.name, low, high, shape)
    if axis is None:
        return lows, highs, None
    each = np.broadcast_arrays(lows, highs)
    return np.minimum(each[0], each[1]), each[1], axis


def _limit_codes(limit: Exact, grid: Grid) -> Exact:
    """The codes of limits; infinities stay."""
    steps = limit / grid.scale + grid.zero_point

    def code(step: Fraction | float) -> int | float:
        if not isinstance(step, Fraction):
            return step
        top = np.array([step.numerator], dtype=object)
        return int(round_quotient(top, step.denominator, grid.rounding)[0])

    return np.asarray(np.frompyfunc(code, 1, 1)(steps))


def host_quantized(builder: IntegerBuilder, node: Node, source: HostValues, grid: Grid) -> Carried:
    """Quantize a graph input, then repeat the moves it went through."""
    shape = builder.graph.types[source.source].shape
    values, axis = compact(
        reals(grid.scale), builder.graph.types[node.inputs[0]].shape, node=node.name
    )
    if axis is not None and source.moves:
        raise GraphError(
            f'input "{source.source}" is moved before it is quantized with a scale per channel',
            node=node.name,
            hint="quantize the input first",
        )
    attrs: dict[str, AttrValue] = {**grid.clamp, "scale": tuple(map(float, values)), "axis": axis}
    attrs |= step_attributes(builder, node, source)
    if precision_of(node) is not None:
        attrs["precision"] = node.text("precision")
    outputs = [builder.free_name(f"{node.name}_{move}") for move in source.moves]
    outputs.append(node.output)
    carried = builder.emit(
        "Quantize",
        node.name,
        (source.source,),
        outputs[0],
        attrs,
        scale=grid.scale if axis is not None else grid.scale.reshape(-1)[:1],
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


def _sign(builder: IntegerBuilder, node: Node, scale: Exact) -> Carried:
    """Translate a quantizer to -1 and +1; zero becomes +1."""
    source = builder.state.get(node.inputs[0])
    if isinstance(source, HostValues):
        inner = replace(node, output=builder.free_name(f"{node.output}_codes"))
        inner = replace(inner, name=inner.output)
        divides = node.op == "Quant" and precision_of(node) is not None
        grid = Grid(scale if divides else exact(1), -1, 0, 0, Rounding.FLOOR)
        carried = host_quantized(builder, inner, source, grid)
    else:
        carried = builder.take(node.inputs[0], node)
    carried = flipped(builder, carried)
    reached = np.frompyfunc(lambda value: Fraction(value.__floor__()), 1, 1)
    always = exact(carried.bounds.magnitude + 1)
    wanted = reached(carried.offset / carried.scale)
    wanted = np.where(carried.low >= 0, always, np.where(carried.high < 0, -always, wanted))
    offsets, axis = compact(wanted, builder.shape(carried.name), node=node.name)
    return builder.emit(
        "Sign",
        node.name,
        (carried.name,),
        node.output,
        {"offset": tuple(map(int, integers(offsets))), "axis": axis},
        scale=scale,
        origin=node.origin or node.name,
        drift={number: 2 * largest(scale) for number in carried.drift},
    )
