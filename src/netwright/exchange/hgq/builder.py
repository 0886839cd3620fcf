"""An integer graph in the making, every element of its tensors with a power of two of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import GraphError, NumericsError, UnsupportedOp
from netwright.exchange.hgq.formats import Codes, Formats, is_uneven
from netwright.exchange.limits import check_row
from netwright.exchange.steps import (
    NO_EXPONENT,
    Reals,
    along,
    interval_pairs,
    lowest_exponent,
    whole,
)
from netwright.formats import Int, Overflow, Rounding, smallest_int
from netwright.ir import AttrValue, Bounds, Graph, Node, Note, TensorType, check, spec_of

LARGEST_INPUT = 1 << 23
"""Steps that an input may count before it wraps: beyond, single precision has no half steps."""


@dataclass(frozen=True, eq=False)
class Value:
    """What a tensor of the source model has become.

    Attributes:
        name: The integer tensor.
        exponents: The real value of one code step of every element, as a power of two; in the
            shape of a row.
        is_zero: Where the elements are always zero.
        rectified: Whether negative codes still have to become zero.
        is_shared: Whether several layers read it, so that none may change how it is made.
        function: A function that still has to be applied to every element, by a table, where the
            result is quantized.
    """

    name: str
    exponents: Codes
    is_zero: NDArray[np.bool_]
    rectified: bool = False
    is_shared: bool = False
    function: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a row."""
        return self.exponents.shape


def in_steps(source: Value, kernel: Reals, bias: Reals | None) -> tuple[Reals, Reals, int]:
    """A kernel whose products, and the bias, are whole steps of the result.

    Args:
        source: What is multiplied.
        kernel: Weights ``(..., inputs, outputs)``; inputs are the last axis of the source, or those
            of one of its groups.
        bias: What is added, if anything.

    Returns:
        The weights in steps, zero where the source always is; the scale of every input; and the
        step of the result as a power of two.
    """
    channels, inputs = source.shape[-1], kernel.shape[-2]
    exponents = source.exponents.reshape(-1, channels)[0][:inputs]
    if inputs == channels:
        zero: NDArray[np.bool_] = np.all(source.is_zero.reshape(-1, channels), axis=0)
        kernel = np.where(zero[:, None], 0.0, kernel)
    products = kernel * np.exp2(exponents[:, None].astype(np.float64))
    unit = _common_exponent(products, np.zeros(1) if bias is None else bias)
    scale = np.exp2((unit - exponents).astype(np.float64))
    return kernel / scale[:, None], scale, unit


def _common_exponent(products: Reals, offsets: Reals) -> int:
    """The power of two of which all are multiples; 0 if all are zero."""
    unit = min(lowest_exponent(products), lowest_exponent(offsets))
    return 0 if unit > NO_EXPONENT - 1 else unit


class HgqBuilder:
    """Collects the nodes, types and constants of the graph.

    Attributes:
        inputs: The shape of a row of every input of the source model.
        notes: What a reader should know.
    """

    def __init__(self) -> None:
        self.inputs: dict[str, tuple[int, ...]] = {}
        self.notes: list[Note] = []
        self._nodes: dict[str, Node] = {}
        self._types: dict[str, TensorType] = {}
        self._constants: dict[str, Codes] = {}
        self._bounds: dict[str, Bounds] = {}

    def enter(self, name: str, shape: tuple[int, ...]) -> None:
        """Add an input of the model."""
        self.inputs[name] = shape
        self._types[name] = TensorType((1, *shape))

    def take(self, name: str, formats: Formats, layer: str) -> Value:
        """Quantize an input of the model; what does not fit its format wraps or is limited.

        An input whose formats vary along several axes becomes a flat one, which is noted.
        """
        shape = self.inputs[name]
        own = formats.over(shape)
        if own.is_uneven and len(self._types[name].shape) > 2:
            if self._is_read(name):
                raise GraphError(
                    f'input "{name}" is read by several quantizers, one of them with formats that '
                    "vary along more than one axis",
                    node=layer,
                    hint="give the quantizers a homogeneous_axis",
                )
            size = int(np.prod(shape))
            self._types[name] = TensorType((1, size))
            text = f"its input of shape {shape} is read as a flat one of {size} values"
            self.notes.append(Note(layer, text))
        if len(self._types[name].shape) == 2 < len(shape) + 1:
            made = self._taken(name, own.reshaped((own.fractions.size,)), layer)
            return self.reshape(self.even(made, keep_last=False), shape, f"{layer}_rows")
        return self._taken(name, own, layer)

    def _taken(self, name: str, own: Formats, layer: str) -> Value:
        exponents = np.where(own.is_empty, 0, -own.fractions)
        low, high = int(own.low.min()), int(own.high.max())
        dtype = smallest_int(low, high)
        ends = low, high
        if own.overflow is Overflow.WRAP:
            ends = min(-LARGEST_INPUT, dtype.min), max(LARGEST_INPUT - 1, dtype.max)
        scale, axis = along(exponents, layer)
        attrs: dict[str, AttrValue] = {
            "scale": tuple(float(2.0**e) for e in scale),
            "axis": axis,
            "rounding": str(own.rounding),
            "low": ends[0],
            "high": ends[1],
            "precision": "float32",
        }
        made = self.emit("Quantize", f"{layer}_quantize", (name,), attrs, exponents, dtype=dtype)
        return self._limit(replace(made, is_zero=own.is_empty), own, layer)

    def quantize(self, source: Value, formats: Formats, layer: str) -> Value:
        """Round every element to the step of its format, and limit or wrap it."""
        own = formats.over(source.shape)
        if own.is_uneven or is_uneven(source.exponents):
            flat = self.reshape(source, (source.exponents.size,), f"{layer}_flat")
            made = self.quantize(flat, own.reshaped(flat.shape), layer)
            return self.reshape(
                self.even(made, keep_last=False), source.shape, f"{layer}_rows"
            )  # fmt: skip
        dead = own.is_empty | source.is_zero
        source = self._without(source, dead)
        moves = np.where(dead, 0, source.exponents + own.fractions)
        shift = max(0, int(-moves.min()))
        factors, axis = along(np.where(dead, shift, moves + shift), layer, dead)
        exponents = np.where(dead, 0, -own.fractions)
        if shift or any(factors) or source.rectified:
            source = self._scaled(
                source, factors, axis, shift, own.rounding, exponents, f"{layer}_round"
            )
        made = replace(source, exponents=exponents, is_zero=dead, rectified=False)
        return self._limit(made, own, layer)

    def _scaled(
        self,
        source: Value,
        powers: Codes,
        axis: int | None,
        shift: int,
        rounding: Rounding,
        exponents: Codes,
        name: str,
    ) -> Value:
        """Multiply by powers of two, drop bits, make negative codes zero where that is due."""
        if max(powers) > 62 or shift > 62:
            raise NumericsError(
                f"formats that differ by 2**{max(*powers, shift)} cannot be aligned", tensor=name
            )
        attrs: dict[str, AttrValue] = {
            "multiplier": tuple(1 << int(power) for power in powers),
            "offset": (0,),
            "shift": shift,
            "axis": axis,
            "rounding": str(rounding),
            "low": 0 if source.rectified else -(1 << 62),
            "high": 1 << 62,
        }
        found = self._result(Node(name, "Requantize", (source.name,), name, attrs))
        attrs |= {"low": found.low, "high": found.high}
        return self.emit("Requantize", name, (source.name,), attrs, exponents)

    def _limit(self, source: Value, own: Formats, layer: str) -> Value:
        """Limit every element to its own format, where the bounds of all say it is needed."""
        known = self._bounds[source.name]
        lows, highs = (np.where(source.is_zero, 0, ends) for ends in (own.low, own.high))
        if np.all(lows <= known.low) and np.all(known.high <= highs):
            return source
        (low, high), axis = interval_pairs(lows, highs, layer)
        attrs: dict[str, AttrValue] = {
            "low": low,
            "high": high,
            "overflow": str(own.overflow),
            "axis": axis,
        }
        made = self.emit("Limit", f"{layer}_limit", (source.name,), attrs, source.exponents)
        return replace(made, is_zero=source.is_zero)

    def _without(self, source: Value, dead: NDArray[np.bool_]) -> Value:
        """Let a product not make what nothing reads: its weights become zero."""
        maker = self._nodes.get(source.name)
        kept = source.is_shared or maker is None or maker.op != "MatMul"
        lines = dead.reshape(-1, dead.shape[-1]).all(axis=0)
        if kept or maker is None or not lines.any():
            return source
        for name in maker.inputs[1:]:
            self._constants[name] = np.where(lines, 0, self._constants[name])
            self._retype(name)
        self._place(maker)
        return source

    def product(
        self, source: Value, kernel: Reals, bias: Reals | None, layer: str
    ) -> Value:  # fmt: skip
        """Multiply the last axis by a matrix ``(inputs, outputs)`` and add a bias."""
        source = self.rectify(self.even(source, keep_last=True), layer)
        weights, scale, unit = in_steps(source, kernel, bias)
        inputs = [source.name, self.constant(f"{layer}_weights", weights, scale)]
        if bias is not None and np.any(bias):
            step = np.full(1, 2.0**unit)
            inputs.append(self.constant(f"{layer}_bias", bias / step, step))
        exponents = np.full((*source.shape[:-1], kernel.shape[1]), unit)
        return self.emit("MatMul", layer, tuple(inputs), {}, exponents)

    def affine(self, source: Value, factors: Reals, offsets: Reals, layer: str) -> Value:
        """Multiply by factors and add offsets, one for every channel of the last axis."""
        source = self.rectify(self.even(source, keep_last=True), layer)
        steps = source.exponents.reshape(-1, source.shape[-1])[0]
        factors = factors * np.exp2(steps.astype(np.float64))
        unit = _common_exponent(factors, offsets)
        multiplier, offset = (whole(values / 2.0**unit, layer) for values in (factors, offsets))
        attrs: dict[str, AttrValue] = {
            "multiplier": tuple(multiplier.tolist()),
            "offset": tuple(offset.tolist()),
            "shift": 0,
            "axis": len(source.shape),
            "rounding": str(Rounding.FLOOR),
            "low": -(1 << 62),
            "high": 1 << 62,
        }
        found = self._result(Node(layer, "Requantize", (source.name,), layer, attrs))
        attrs |= {"low": found.low, "high": found.high}
        exponents = np.full(source.shape, unit)
        return self.emit("Requantize", layer, (source.name,), attrs, exponents)

    def add(self, first: Value, second: Value, layer: str) -> Value:
        """The sum of two tensors of one shape."""
        if first.shape != second.shape:
            raise GraphError(
                f"adds tensors of shapes {first.shape} and {second.shape}; they must be the same",
                node=layer,
            )
        wanted = np.minimum(first.exponents, second.exponents)
        names = []
        for number, value in enumerate((first, second)):
            value = self.rectify(value, f"{layer}_{number}")
            names.append(self.stepped(value, wanted, f"{layer}_step{number}").name)
        return self.emit("Add", layer, tuple(names), {}, wanted)

    def rectify(self, source: Value, layer: str) -> Value:
        """Make negative codes zero, if that is still due.

        Raises:
            UnsupportedOp: A function is still due, which needs a quantizer.
        """
        if source.function:
            raise UnsupportedOp(
                f"{source.function} without a quantizer behind it", node=layer, where="read_hgq",
                hint="let the layer have enable_oq=True, or what reads it enable_iq=True",
            )  # fmt: skip
        if not source.rectified:
            return source
        made = self.emit("Relu", f"{layer}_relu", (source.name,), {}, source.exponents)
        return replace(made, is_zero=source.is_zero)

    def reshape(self, source: Value, shape: tuple[int, ...], layer: str) -> Value:
        """The same elements in rows of another shape."""
        attrs: dict[str, AttrValue] = {"shape": (1, *shape)}
        return self.rearranged("Reshape", source, attrs, lambda part: part.reshape(shape), layer)

    def rearranged(
        self,
        op: str,
        source: Value,
        attrs: Mapping[str, AttrValue],
        places: Callable[[NDArray[Any]], NDArray[Any]],
        layer: str,
    ) -> Value:
        """The same elements at other places; `places` does to an array what the operator does."""
        made = self.emit(op, layer, (source.name,), attrs, places(source.exponents))
        return replace(
            made,
            is_zero=places(source.is_zero),
            rectified=source.rectified,
            function=source.function,
        )

    def finish(self, name: str, output: Value, head: str) -> Graph:
        """The checked graph.

        Raises:
            GraphError: It breaks a rule, or a row of its inputs is too large.
        """
        output = self.rectify(self.even(output, keep_last=True), "output")
        made = check(
            Graph(
                name=name,
                inputs=tuple(self.inputs),
                outputs=(output.name,),
                nodes=tuple(self._nodes.values()),
                types=self._types,
                constants=self._constants,
                head=head,
                notes=tuple(self.notes),
            )
        )
        return check_row(made)

    def even(self, source: Value, *, keep_last: bool) -> Value:
        """The same values, their steps the same but for the last axis."""
        axes = tuple(range(source.exponents.ndim - keep_last))
        live = np.where(source.is_zero, NO_EXPONENT, source.exponents)
        lowest = live.min(axis=axes, keepdims=True) if axes else live
        lowest = np.where(lowest == NO_EXPONENT, 0, lowest)
        return self.stepped(source, np.broadcast_to(lowest, source.shape), f"{source.name}_even")

    def stepped(self, source: Value, wanted: Codes, name: str) -> Value:
        """The same values in other steps, none of which is coarser."""
        powers = np.where(source.is_zero, 0, source.exponents - wanted)
        if not np.any(powers):
            return replace(source, exponents=wanted)
        flat = self.reshape(source, (powers.size,), f"{name}_flat") if powers.ndim > 1 else source
        factors, axis = along(powers.reshape(-1), name)
        made = self._scaled(
            flat, factors, axis, 0, Rounding.FLOOR, wanted.reshape(-1), name
        )  # fmt: skip
        made = replace(made, is_zero=flat.is_zero, function=source.function)
        return self.reshape(made, source.shape, f"{name}_back") if powers.ndim > 1 else made

    def constant(self, name: str, values: Reals, scale: Reals, *, axis: int | None = 0) -> str:
        """Add whole numbers, with one scale or one for each index along an axis."""
        self._constants[name] = whole(values, name)
        axis = axis if len(scale) > 1 else None
        self._types[name] = TensorType(
            values.shape, Int(1), tuple(float(step) for step in scale), axis
        )
        self._retype(name)
        return name

    def _retype(self, name: str) -> None:
        codes = self._constants[name]
        low, high = (int(codes.min()), int(codes.max())) if codes.size else (0, 0)
        self._types[name] = self._types[name].with_number(smallest_int(low, high))
        self._bounds[name] = Bounds(low, high, max(abs(low), abs(high)))

    def limits(self, value: Value) -> tuple[int, int]:
        """The smallest and the largest code that a tensor may hold."""
        found = self._bounds[value.name]
        return found.low, found.high

    def _is_read(self, name: str) -> bool:
        return any(name in node.inputs for node in self._nodes.values())

    def _result(self, node: Node) -> Bounds:
        spec = spec_of(node)
        assert spec.bounds is not None, node.op
        limits = [self._bounds.get(source, Bounds(0, 0)) for source in node.inputs]
        return spec.bounds(node, limits, [self._constants.get(s) for s in node.inputs])

    def emit(
        self,
        op: str,
        name: str,
        inputs: tuple[str, ...],
        attrs: Mapping[str, AttrValue],
        exponents: Codes,
        *,
        dtype: Int | None = None,
    ) -> Value:
        """Add a node whose output has its name, unique in the graph."""
        unique, number = name, 2
        while unique in self._types:
            unique, number = f"{name}_{number}", number + 1
        node = Node(unique, op, inputs, unique, attrs, name)
        steps, axis = along(exponents, name)
        scale = tuple(float(2.0 ** int(step)) for step in steps)
        self._types[unique] = TensorType((1, *exponents.shape), dtype or Int(1), scale, axis)
        self._nodes[unique] = node
        self._place(node, dtype=dtype)
        return Value(unique, exponents, np.zeros(exponents.shape, dtype=bool))

    def _place(self, node: Node, *, dtype: Int | None = None) -> None:
        """Find the limits of a node's result, and the narrowest format for it."""
        found = self._result(node)
        if found.peak >> 63:
            raise NumericsError(
                f'node "{node.name}" makes values of up to {found.peak.bit_length() + 1} bits',
                tensor=node.output,
                hint="use formats of fewer bits",
            )
        if dtype is not None and not dtype.min <= found.low <= found.high <= dtype.max:
            found = Bounds(dtype.min, dtype.max, found.peak)
        held = dtype or smallest_int(found.low, found.high)
        self._bounds[node.output] = found
        self._types[node.output] = self._types[node.output].with_number(held)
