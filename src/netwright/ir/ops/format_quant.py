"""Quantizers to any number format: pairs with outliers, groups with a scale, small floats."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from netwright.errors import DataError, GraphError, NumericsError
from netwright.formats import Format, IntegerFormat, NumberFormat, holds_integers
from netwright.ir.einsums.lower import every
from netwright.ir.format_records import number_from, record_of
from netwright.ir.graph import Array, AttrValue, Node
from netwright.ir.spec import Attribute, Bounds, OpSpec, Shape
from netwright.reading import parse_json

MAX_TEXT = 1000


def format_attributes(format: Format) -> dict[str, AttrValue]:
    """The attributes of a ``FormatQuant`` that makes values of `format`."""
    return {
        "number": number_text(format.number),
        "scale": format.scale,
        "axis": format.axis,
        "group_axis": format.group_axis,
    }


def number_text(number: NumberFormat) -> str:
    """A number format as the attribute ``number`` holds it: its record as JSON."""
    return json.dumps(record_of(number), sort_keys=True)


def format_of(node: Node) -> Format:
    """What a ``FormatQuant`` or ``FormatCodes`` node makes.

    Raises:
        GraphError: Its attributes describe no format.
    """
    try:
        number = _number(node.text("number"))
    except NumericsError as error:
        raise GraphError(f"the number format: {error.message}", node=node.name) from None
    return Format(
        number,
        node.reals("scale") if "scale" in node.attrs else (1.0,),
        node.axis(),
        group_axis=node.integer("group_axis", -1),
    )


@lru_cache(maxsize=256)
def _number(text: str) -> NumberFormat:
    try:
        record = parse_json(text.encode(), "number") if len(text) <= MAX_TEXT else None
    except DataError:
        record = None
    if not isinstance(record, dict):
        raise NumericsError(f"must be a record as JSON, not {text[:40]!r}")
    return number_from(record)


def _shape(node: Node, shapes: Sequence[Shape]) -> Shape:
    shape, format = shapes[0], format_of(node)
    if fault := format.group_fault(shape):
        raise GraphError(fault, node=node.name)
    axis = format.axis
    if axis is not None and not 0 <= axis < len(shape):
        raise GraphError(f"axis must be from 0 to {len(shape) - 1}, not {axis}", node=node.name)
    extent = 1 if axis is None else shape[axis]
    if len(format.scale) != extent:
        raise GraphError(
            f"scale must hold {extent} values, not {len(format.scale)}", node=node.name
        )
    return shape


def _quant_shape(node: Node, shapes: Sequence[Shape]) -> Shape:
    node.reals("scale")
    return _shape(node, shapes)


def _quant(node: Node, inputs: Sequence[Array]) -> Array:
    return format_of(node).nearest(inputs[0])


def _integer_number(node: Node) -> IntegerFormat:
    number = format_of(node).number
    if not holds_integers(number):
        raise GraphError(f"{number} holds no integers", node=node.name)
    return number


def _codes_shape(node: Node, shapes: Sequence[Shape]) -> Shape:
    _integer_number(node)
    if not 0 <= node.integer("shift") <= 30:
        raise GraphError(f"shift must be from 0 to 30, not {node.integer('shift')}", node=node.name)
    return _shape(node, shapes)


def _codes(node: Node, inputs: Sequence[Array]) -> Array:
    """The nearest codes: inputs below 2**53 are exact in float64, and powers of two keep that."""
    steps = np.ldexp(inputs[0].astype(np.float64), -node.integer("shift"))
    return format_of(node).nearest(steps).astype(inputs[0].dtype)


def _codes_bounds(node: Node, limits: Sequence[Bounds], values: Sequence[Array | None]) -> Bounds:
    number, source = _integer_number(node), limits[0]
    if source.magnitude >= 1 << 53:
        raise GraphError("must read codes of less than 53 bits", node=node.name)
    ends = np.zeros((2, number.group))
    ends[:, 0] = np.ldexp(np.array([source.low, source.high], np.float64), -node.integer("shift"))
    low, high = (int(group[0]) for group in number.decode(number.encode(ends)))
    if number.group > 1:  # a neighbor may make it 0
        low, high = min(low, 0), max(high, 0)
    return Bounds(low, high, max(source.magnitude, abs(low), abs(high)))


def _from_reals_shape(node: Node, shapes: Sequence[Shape]) -> Shape:
    _integer_number(node)
    return _quant_shape(node, shapes)


def _from_reals(node: Node, inputs: Sequence[Array]) -> Array:
    format = format_of(node)
    source = np.asarray(inputs[0], np.float64)
    return np.rint(format.nearest(source) / format.scale_array(source.shape))


def _from_reals_bounds(
    node: Node, limits: Sequence[Bounds], values: Sequence[Array | None]
) -> Bounds:
    number = _integer_number(node)
    return Bounds(number.min, number.max, max(abs(number.min), abs(number.max)))


_SCALE = {
    "scale": Attribute("reals", not_zero=True),
    "axis": Attribute("axis", required=False),
}
_FORMAT = {
    "number": Attribute("text"),
    "group_axis": Attribute("int", default=-1, required=False),
}

SPECS = (
    OpSpec(
        name="FormatQuant",
        category="quantizer",
        einsums=every("copy", "quantize"),
        form="quantized",
        num_inputs=(1, 1),
        shape=_quant_shape,
        execute=_quant,
        attributes={**_FORMAT, **_SCALE},
    ),
    OpSpec(
        name="FormatQuantize",
        category="quantizer",
        einsums=every("copy", "quantize"),
        form="integer",
        num_inputs=(1, 1),
        shape=_from_reals_shape,
        execute=_from_reals,
        bounds=_from_reals_bounds,
        reads=("reals",),
        attributes={**_FORMAT, **_SCALE},
    ),
    OpSpec(
        name="FormatCodes",
        category="quantizer",
        einsums=every("copy", "quantize"),
        form="integer",
        num_inputs=(1, 1),
        shape=_codes_shape,
        execute=_codes,
        bounds=_codes_bounds,
        attributes={**_FORMAT, "shift": Attribute("int")},
    ),
)
"""``FormatQuant`` makes the real values of a format nearest to real values, ``FormatQuantize``
their codes. ``FormatCodes`` makes the values of an integer format nearest to codes in steps of
``2**-shift``."""
