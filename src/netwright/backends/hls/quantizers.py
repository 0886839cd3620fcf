"""Requantizers, signs and rectifiers: rounding and saturation done by registers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from netwright.backends.hls.layers import View
from netwright.backends.hls.lowering import Lowering
from netwright.backends.hls.registers import clamping, exponent_of_scale, holding, reals
from netwright.formats import Fixed, Overflow, Rounding
from netwright.ir import Node, round_shift
from netwright.ir.ops.quant import rounding_of


def lower_relu(lowering: Lowering, node: Node) -> View:
    """The rectifier of hls4ml, with nothing to round."""
    view = lowering.views[node.inputs[0]]
    register = lowering.register(node.output, view.exponent)
    return _activation(lowering, node, view, "relu", register)


def recast(lowering: Lowering, node: Node, view: View, register: Fixed, suffix: str = "") -> View:
    """The values assigned to another register; no layer if it is the same."""
    return _activation(lowering, node, view, "linear", register, suffix)


def add_constant(
    lowering: Lowering,
    node: Node,
    view: View,
    codes: NDArray[np.int64],
    register: Fixed,
    suffix: str = "",
) -> View:
    """The values plus `codes`, which have the tensor's shape (batch left out)."""
    spread = _spread(view, codes)
    if not np.any(spread):
        return recast(lowering, node, view, register, suffix)
    ones = np.ones(view.shape, dtype=np.int64)
    return _affine(lowering, node, view, ones, 0, spread, view.exponent, register, suffix=suffix)


def masked(
    lowering: Lowering, node: Node, view: View, mask: NDArray[np.int64], suffix: str
) -> View:
    """The values where `mask`, of zeros and ones in the shape of the layer's output, is one."""
    zeros = np.zeros_like(mask)
    return _affine(
        lowering, node, view, mask, 0, zeros, view.exponent, view.register, suffix=suffix
    )


def lower_sign(lowering: Lowering, node: Node) -> View:
    """``2 * (x + offset) + 1`` is odd, so saturating it to -1 … 1 gives the sign with no tie."""
    view = lowering.views[node.inputs[0]]
    offsets = 2 * _per_element(lowering, node, view, "offset") + 1
    ones = np.full_like(offsets, 2)
    result = Fixed(2, 2, overflow=Overflow.SATURATE, narrow=True)
    return _affine(lowering, node, view, ones, -view.exponent, offsets, 0, result)


def lower_requantize(lowering: Lowering, node: Node) -> View:
    """A change of register if nothing is multiplied, else a scale and a bias; see the module.

    A clamp that no register performs takes up to three more layers, on exact integers.

    Raises:
        UnsupportedOp: The values are rounded away from zero and have both signs.
    """
    view, shift = lowering.views[node.inputs[0]], node.integer("shift")
    multipliers = _per_element(lowering, node, view, "multiplier")
    offsets = _per_element(lowering, node, view, "offset")
    ends = _ends(lowering, node)
    rounding, extra = _floor_or_native(lowering, node, ends)
    offsets, ends = offsets + extra, ends + extra
    rounded = round_shift(ends, shift, rounding)
    reach = (int(rounded.min()), int(rounded.max()))
    limits = (node.integer("low"), node.integer("high"))
    zero_point = node.integer("zero_point", 0)

    octaves = _common_octaves(multipliers)
    plain = octaves is not None and not np.any(offsets)
    exponent = exponent_of_scale(lowering.graph.types[node.output].scale)
    if octaves is not None and plain:
        exponent = view.exponent + shift - octaves
    register = clamping(reach, limits, exponent, rounding)
    exact = register is not None and zero_point == 0
    if register is None or not exact:
        register = replace(holding(*reach, exponent), rounding=rounding)
    if plain:
        kind = "relu" if exact and not register.signed and reach[0] < 0 == limits[0] else "linear"
        result = _activation(lowering, node, view, kind, register)
    else:
        result = _affine(
            lowering,
            node,
            view,
            multipliers,
            exponent - view.exponent - shift,
            offsets,
            exponent - shift,
            register,
        )
    if not exact:
        result = _clamped(lowering, node, result, reach, limits, zero_point)
    if lowering.wraps(node.output):
        wrapped = lowering.register(node.output, exponent)
        result = recast(lowering, node, result, wrapped, "_wrap")
    return result


def _common_octaves(multipliers: NDArray[np.int64]) -> int | None:
    """The k for which every multiplier is 2**k, else ``None``."""
    first = int(multipliers.flat[0])
    if first < 1 or first & (first - 1) or bool(np.any(multipliers != first)):
        return None
    return first.bit_length() - 1


def _ends(lowering: Lowering, node: Node) -> NDArray[np.int64]:
    """Smallest and largest values of every channel before rounding, as one array."""
    low, high = lowering.reach(node.inputs[0])
    multipliers = np.asarray(node.integers("multiplier"), dtype=np.int64)
    offsets = np.asarray(node.integers("offset"), dtype=np.int64)
    return np.concatenate([multipliers * low + offsets, multipliers * high + offsets])


def _floor_or_native(
    lowering: Lowering, node: Node, ends: NDArray[np.int64]
) -> tuple[Rounding, int]:
    """A mode that ``ap_fixed`` has, and what to add so that it rounds like the node's."""
    mode, shift = rounding_of(node), node.integer("shift")
    if shift == 0:
        return Rounding.FLOOR, 0
    if mode is Rounding.AWAY_FROM_ZERO:
        if ends.min() >= 0:
            mode = Rounding.CEIL
        elif ends.max() <= 0:
            mode = Rounding.FLOOR
        else:
            raise lowering.refuse(
                node,
                "ap_fixed cannot round away from zero when values have both signs; use "
                f"rounding {Rounding.HALF_AWAY}, {Rounding.HALF_EVEN} or {Rounding.FLOOR}",
            )
    if mode is Rounding.CEIL:
        return Rounding.FLOOR, (1 << shift) - 1
    return mode, 0


def _clamped(
    lowering: Lowering,
    node: Node,
    view: View,
    reach: tuple[int, int],
    limits: tuple[int, int],
    zero_point: int,
) -> View:
    """``clip(x, low, high) - zero_point`` by saturating at zero twice.

    ``u = max(high - x, 0)``, then ``w = max(high - low - u, 0) = clip(x, low, high) - low``.
    """
    low, high = limits
    exponent = view.exponent
    below = holding(0, max(high - reach[0], 1), exponent)
    span = holding(0, max(high - low, 1), exponent)
    view = _reflected(lowering, node, view, high, below, "_top")
    view = _reflected(lowering, node, view, high - low, span, "_bottom")
    if low == zero_point:
        return view
    result = holding(low - zero_point, high - zero_point, exponent)
    moves = np.full(view.index.shape, low - zero_point)
    return add_constant(lowering, node, view, moves, result, suffix="_shift")


def _reflected(
    lowering: Lowering, node: Node, view: View, mirror: int, register: Fixed, suffix: str
) -> View:
    minus, mirrors = np.full(view.shape, -1), np.full(view.shape, mirror)
    register = replace(register, overflow=Overflow.SATURATE)
    return _affine(lowering, node, view, minus, 0, mirrors, view.exponent, register, suffix=suffix)


def _per_element(lowering: Lowering, node: Node, view: View, name: str) -> NDArray[np.int64]:
    """The attribute `name` for every value of the layer's output, in its order."""
    values = np.asarray(node.integers(name), dtype=np.int64)
    axis = node.axis()
    extents = lowering.extents(node.inputs[0])
    if axis is not None:
        values = values.reshape([-1 if i + 1 == axis else 1 for i in range(len(extents))])
    elif values.size == 1:
        values = values.reshape(())  # of a tensor without axes, too
    return _spread(view, np.broadcast_to(values, extents))


def _spread(view: View, values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Values in the shape of the tensor, moved to the places of the layer's output."""
    spread = np.empty(view.size, dtype=np.int64)
    spread[view.index.ravel()] = values.ravel()
    return spread.reshape(view.shape)


def _activation(
    lowering: Lowering, node: Node, view: View, kind: str, register: Fixed, suffix: str = ""
) -> View:
    if kind == "linear" and register == view.register:
        return view
    layer = lowering.add(
        "Activation",
        node,
        (view.layer,),
        {"result": register},
        attributes={"activation": kind, "n_in": view.size},
        suffix=suffix,
    )
    exponent = register.integer_bits - register.bits
    return View(layer, view.shape, view.index, exponent, register)


def _affine(
    lowering: Lowering,
    node: Node,
    view: View,
    scales: NDArray[np.int64],
    scale_exponent: int,
    biases: NDArray[np.int64],
    bias_exponent: int,
    register: Fixed,
    suffix: str = "",
) -> View:
    """A product and a sum in full precision, then one assignment to `register`."""
    num_filters = _period(scales, biases)
    scales, biases = (
        values.ravel()[: num_filters if num_filters > 0 else None] for values in (scales, biases)
    )
    layer = lowering.add(
        "BatchNormalization",
        node,
        (view.layer,),
        {
            "result": register,
            "scale": holding(int(scales.min()), int(scales.max()), scale_exponent),
            "bias": holding(int(biases.min()), int(biases.max()), bias_exponent),
        },
        attributes={"n_in": view.size, "n_filt": num_filters},
        arrays={
            "scale_data": reals(scales, scale_exponent),
            "bias_data": reals(biases, bias_exponent),
        },
        suffix=suffix,
    )
    exponent = register.integer_bits - register.bits
    return View(layer, view.shape, view.index, exponent, register)


def _period(*arrays: NDArray[np.int64]) -> int:
    """1 if all values are equal, the number of channels if they repeat with it, else -1."""
    channels = arrays[0].shape[-1]
    rows = [values.reshape(-1, channels) for values in arrays]
    if not all(np.all(values == values[0]) for values in rows):
        return -1
    return 1 if all(np.all(values[0] == values[0, 0]) for values in rows) else channels
