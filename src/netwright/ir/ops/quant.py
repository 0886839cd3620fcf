"""Quantizers: on real values (quantized form) and on integers (integer form)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from netwright.errors import GraphError
from netwright.formats import Int, Rounding, round_real
from netwright.ir.einsums.lower import every
from netwright.ir.graph import Array, Node
from netwright.ir.rounding import round_by_halves, round_shift
from netwright.ir.spec import Attribute, Bounds, OpSpec, Shape
from netwright.ir.types import along_axis


def code_type(node: Node) -> Int:
    """The format of the codes that a ``Quant`` or ``Trunc`` node makes."""
    return Int(node.integer("bits"), bool(node.integer("signed")), bool(node.integer("narrow", 0)))


def rounding_of(node: Node) -> Rounding:
    """The rounding mode of a quantizer node."""
    try:
        return Rounding(node.text("rounding"))
    except ValueError:
        raise GraphError(
            f"rounding must be one of {', '.join(Rounding)}, not {node.text('rounding')!r}",
            node=node.name,
        ) from None


STEPS = ("mul", "add", "low", "high")
"""Arithmetic that may precede an input quantizer: a factor, an addend, a lower, an upper limit."""


def steps_of(node: Node, rank: int) -> list[tuple[str, Array]]:
    """What the host does with a real input before it quantizes, in order.

    Returns:
        Names of :data:`STEPS`, each with its operand shaped to broadcast.
    """
    words = str(node.attrs.get("steps") or "").split()
    if not words:
        return []
    operands = node.reals("operands")
    width = len(operands) // len(words)
    axis = node.axis("steps_axis")
    return [
        (word, along_axis(operands[i * width : (i + 1) * width], axis, rank))
        for i, word in enumerate(words)
    ]


def prepared(node: Node, source: Array) -> Array:
    """The real input of a ``Quantize`` after its steps."""
    precision = precision_of(node)
    with np.errstate(over="ignore", invalid="ignore"):  # far beyond the range, as in the file
        for word, operand in steps_of(node, source.ndim):
            if precision is not None:  # one rounding each, as the file's own operators do
                source = source.astype(precision).astype(np.float64)
            match word:
                case "mul":
                    source = source * operand
                case "add":
                    source = source + operand
                case "low":
                    source = np.maximum(source, operand)
                case "high":
                    source = np.minimum(source, operand)
    return source


def unprepared(node: Node, values: Array) -> Array:
    """Real inputs that the steps of a ``Quantize`` turn into `values`, but for rounding.

    They are finite. Where a factor is 0, every input gives the same; the values stay as they are.
    """
    largest = float(np.finfo(precision_of(node) or np.float64).max)
    with np.errstate(over="ignore"):
        for word, operand in reversed(steps_of(node, values.ndim)):
            if word == "mul":
                values = values / np.where(operand == 0, 1.0, operand)
            elif word == "add":
                values = values - operand
            values = np.clip(values, -largest, largest)
    return values


def _step_faults(node: Node, shape: Shape) -> None:
    words = str(node.attrs.get("steps") or "").split()
    operands = node.attrs.get("operands")
    count = len(operands) if isinstance(operands, tuple) else 0
    axis = node.axis("steps_axis")
    if axis is not None and not 0 < axis < len(shape):
        raise GraphError(f"steps_axis must not be {axis} for shape {shape}", node=node.name)
    wanted = len(words) * (1 if axis is None else shape[axis])
    if set(words) - set(STEPS) or count != wanted:
        raise GraphError(
            f"steps must be of {', '.join(STEPS)}, with {wanted} operands, not {count}",
            node=node.name,
        )


def precision_of(node: Node) -> np.dtype[np.floating] | None:
    """The float format in which a quantizer divides, adds and rounds; ``None`` for exact rounding.

    With a format, what is read is first rounded to it, and the arithmetic is that of QONNX there:
    a quotient or a sum may round to the other side of a border between two codes.
    """
    name = node.attrs.get("precision")
    return None if name is None else np.dtype(node.text("precision"))


def _centered_codes(node: Node, source: Array, low: int, high: int) -> Array:
    zero_point, precision = node.integer("zero_point", 0), precision_of(node)
    scale = along_axis(node.reals("scale"), node.axis(), source.ndim)
    with np.errstate(over="ignore", invalid="ignore"):  # far beyond the range: infinity, clipped
        if precision is None:
            rounded = round_real(source / scale + zero_point, rounding_of(node))
        else:
            scaled = source.astype(precision) / scale.astype(precision)
            shifted = scaled + precision.type(zero_point)
            rounded = round_by_halves(shifted, rounding_of(node)).astype(np.float64)
        codes = np.clip(rounded, low, high)
    return codes - zero_point


def _quant(node: Node, inputs: Sequence[Array]) -> Array:
    source, dtype = inputs[0], code_type(node)
    if dtype.bits == 1 and dtype.signed:  # bipolar, as in QONNX
        return _bipolar_quant(node, [_sign_codes(node, source)])
    codes = _centered_codes(node, source, dtype.min, dtype.max)
    return codes * along_axis(node.reals("scale"), node.axis(), source.ndim)


def _sign_codes(node: Node, source: Array) -> Array:
    """Below zero for -1, zero and above for +1; a quotient may be too small to be below zero."""
    if precision_of(node) is None:
        return source
    attrs = {**node.attrs, "rounding": str(Rounding.FLOOR), "zero_point": 0}
    return _centered_codes(replace(node, attrs=attrs), source, -1, 0)


def _bipolar_quant(node: Node, inputs: Sequence[Array]) -> Array:
    source, precision = inputs[0], precision_of(node)
    if precision is not None:
        source = source.astype(precision)
    signs = np.where(source >= 0, 1.0, -1.0)
    return signs * along_axis(node.reals("scale"), node.axis(), source.ndim)


def _trunc(node: Node, inputs: Sequence[Array]) -> Array:
    codes = np.rint(inputs[0] / node.reals("scale")[0])
    dtype, ratio = code_type(node), 2.0 ** node.integer("shift")
    kept = np.clip(round_real(codes / ratio, rounding_of(node)), dtype.min, dtype.max)
    return kept * node.reals("output_scale")[0]


def _per_channel(node: Node, name: str, source: Array) -> Array:
    values = node.integers(name)
    shape = [-1 if i == node.axis() else 1 for i in range(source.ndim)]
    array = np.asarray(values, dtype=np.int64).astype(source.dtype)
    return array.reshape(()) if node.axis() is None else array.reshape(shape)


def _requantize(node: Node, inputs: Sequence[Array]) -> Array:
    source, shift = inputs[0], node.integer("shift")
    multiplied, moved = node.integers("multiplier") != (1,), node.integers("offset") != (0,)
    if source.dtype.kind == "f":  # exact: powers of two only move the binary point
        unit = source.dtype.type(2.0**-shift)
        source = source * (_per_channel(node, "multiplier", source) * unit if multiplied else unit)
        if moved:
            source += _per_channel(node, "offset", source) * unit
        rounded = round_real(source, rounding_of(node))
    else:
        if multiplied:
            source = source * _per_channel(node, "multiplier", source)
        if moved:
            source = source + _per_channel(node, "offset", source)
        rounded = round_shift(source, shift, rounding_of(node))
    zero_point = node.integer("zero_point", 0)
    clipped = np.clip(rounded, node.integer("low"), node.integer("high"))
    return clipped - zero_point if zero_point else clipped


def _requantize_bounds(
    node: Node, limits: Sequence[Bounds], values: Sequence[Array | None]
) -> Bounds:
    multipliers, offsets = node.integers("multiplier"), node.integers("offset")
    shift, low, high = node.integer("shift"), node.integer("low"), node.integer("high")
    width = max(len(multipliers), len(offsets))
    pairs = zip(
        multipliers * (width if len(multipliers) == 1 else 1),
        offsets * (width if len(offsets) == 1 else 1),
        strict=True,
    )
    products = [(limit * m, c) for m, c in pairs for limit in (limits[0].low, limits[0].high)]
    ends = [product + c for product, c in products]
    peak = max(abs(number) for product, c in products for number in (product, product + c))
    peak += 1 << shift
    span = (min(ends) >> shift, -(-max(ends) >> shift))
    zero_point = node.integer("zero_point", 0)
    return Bounds(
        min(max(span[0], low), high) - zero_point,
        max(min(span[1], high), low) - zero_point,
        max(peak, abs(low) + abs(zero_point), abs(high) + abs(zero_point)),
    )


def _dequantize(node: Node, inputs: Sequence[Array]) -> Array:
    codes = inputs[0].astype(np.float64)
    return codes * along_axis(node.reals("scale"), node.axis(), codes.ndim)


def _quantize_bounds(
    node: Node, limits: Sequence[Bounds], values: Sequence[Array | None]
) -> Bounds:
    zero_point = node.integer("zero_point", 0)
    low, high = node.integer("low") - zero_point, node.integer("high") - zero_point
    return Bounds(low, high, max(abs(low), abs(high)) + abs(zero_point))


def _sign(node: Node, inputs: Sequence[Array]) -> Array:
    source = inputs[0]
    reached = source + _per_channel(node, "offset", source) >= 0
    return np.where(reached, 1, -1).astype(source.dtype)


def _sign_bounds(node: Node, limits: Sequence[Bounds], values: Sequence[Array | None]) -> Bounds:
    return Bounds(-1, 1, limits[0].magnitude + max(map(abs, node.integers("offset"))))


def _same_shape(node: Node, shapes: Sequence[Shape]) -> Shape:
    """The shape of the input, after a check that the attributes fit it and each other."""
    axis, rank = node.axis(), len(shapes[0])
    if axis is not None and not 0 <= axis < rank:
        raise GraphError(f"axis must be from 0 to {rank - 1}, not {axis}", node=node.name)
    if "low" in node.attrs:
        _check_clamp(node)
    if node.op == "Quantize":
        _step_faults(node, shapes[0])
    if not 0 <= node.integer("shift", 0) <= 62:
        raise GraphError(f"shift must be from 0 to 62, not {node.integer('shift')}", node=node.name)
    extent = 1 if axis is None else shapes[0][axis]
    for name in ("scale", "multiplier", "offset"):
        value = node.attrs.get(name)
        if isinstance(value, tuple) and len(value) not in (1, extent):
            raise GraphError(
                f"{name} must hold 1 or {extent} values along axis {axis}, not {len(value)}",
                node=node.name,
            )
        if name != "scale" and isinstance(value, tuple):
            _check_whole(node, name, value)
    return shapes[0]


def _check_whole(node: Node, name: str, values: Sequence[object]) -> None:
    """Refuse integers that no machine word holds."""
    for value in values:
        if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
            bits = value.bit_length() + 1
            raise GraphError(f"{name} must fit 64 bits, not take {bits}", node=node.name)


def _check_clamp(node: Node) -> None:
    low, high = node.integer("low"), node.integer("high")
    if low > high:
        raise GraphError(f"low ({low}) must not exceed high ({high})", node=node.name)
    if node.op == "Quantize" and max(abs(low), abs(high)) > _EXACT_IN_FLOAT64:
        raise GraphError(
            f"codes from {low} to {high} must fit 53 bits, as real values do", node=node.name
        )


_EXACT_IN_FLOAT64 = 1 << 53
_ROUNDING = Attribute("text", choices=tuple(Rounding))
_FORMAT = {
    "bits": Attribute("int"),
    "signed": Attribute("int"),
    "narrow": Attribute("int", default=0, required=False),
    "rounding": _ROUNDING,
}
_ZERO_POINT = Attribute("int", default=0, required=False)
_PRECISION = Attribute("text", required=False, choices=("float16", "float32", "float64"))
_CLAMP = {
    "rounding": _ROUNDING,
    "low": Attribute("int"),
    "high": Attribute("int"),
    "zero_point": _ZERO_POINT,
}
_SCALE = {"scale": Attribute("reals", not_zero=True), "axis": Attribute("axis", required=False)}
_STEPS = {
    "steps": Attribute("text", required=False),
    "operands": Attribute("reals", required=False),
    "steps_axis": Attribute("axis", required=False),
}

SPECS = (
    OpSpec(
        name="Quant",
        category="quantizer",
        einsums=every("copy", "quantize"),
        form="quantized",
        num_inputs=(1, 1),
        shape=_same_shape,
        execute=_quant,
        attributes={**_FORMAT, **_SCALE, "zero_point": _ZERO_POINT, "precision": _PRECISION},
    ),
    OpSpec(
        name="BipolarQuant",
        category="quantizer",
        einsums=every("copy", "quantize"),
        form="quantized",
        num_inputs=(1, 1),
        shape=_same_shape,
        execute=_bipolar_quant,
        attributes={**_SCALE, "precision": _PRECISION},
    ),
    OpSpec(
        name="Trunc",
        category="quantizer",
        einsums=every("copy", "quantize"),
        form="quantized",
        num_inputs=(1, 1),
        shape=_same_shape,
        execute=_trunc,
        attributes={
            **_FORMAT,
            "scale": Attribute("reals", not_zero=True),
            "output_scale": Attribute("reals", not_zero=True),
            "shift": Attribute("int"),
            "axis": Attribute("axis", required=False),
        },
    ),
    OpSpec(
        name="Quantize",
        category="quantizer",
        einsums=every("copy", "quantize"),
        form="integer",
        num_inputs=(1, 1),
        shape=_same_shape,
        execute=lambda node, inputs: _centered_codes(
            node, prepared(node, inputs[0]), node.integer("low"), node.integer("high")
        ),
        bounds=_quantize_bounds,
        reads=("reals",),
        attributes={**_SCALE, **_CLAMP, **_STEPS, "precision": _PRECISION},
    ),
    OpSpec(
        name="Dequantize",
        category="quantizer",
        einsums=every("copy", "dequantize"),
        form="quantized",
        num_inputs=(1, 1),
        shape=_same_shape,
        execute=_dequantize,
        reads=("codes",),
        attributes=_SCALE,
    ),
    OpSpec(
        name="Requantize",
        category="quantizer",
        einsums=every("copy", "quantize"),
        form="integer",
        num_inputs=(1, 1),
        shape=_same_shape,
        execute=_requantize,
        bounds=_requantize_bounds,
        attributes={
            "multiplier": Attribute("ints"),
            "offset": Attribute("ints"),
            "shift": Attribute("int"),
            "axis": Attribute("axis", required=False),
            **_CLAMP,
        },
    ),
    OpSpec(
        name="Sign",
        category="elementwise",
        einsums=every("copy", "sign"),
        form="integer",
        num_inputs=(1, 1),
        shape=_same_shape,
        execute=_sign,
        bounds=_sign_bounds,
        attributes={"offset": Attribute("ints"), "axis": Attribute("axis", required=False)},
    ),
)
