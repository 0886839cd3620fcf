"""Graphs to try: small ones written by hand and random ones of every kind of node."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from netwright.formats import Bipolar, Rounding, smallest_int
from netwright.ir import AttrValue, Bounds, Graph, Node, TensorType, check, spec_of

WINDOW: dict[str, AttrValue] = {"strides": (1, 1), "pads": (0, 0, 0, 0), "dilations": (1, 1)}


class Sketch:
    """Builds a graph node by node; integer tensors get the narrowest format of their bounds."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.nodes: list[Node] = []
        self.types = {"x": TensorType(shape)}
        self.constants: dict[str, np.ndarray] = {}
        self.bounds: dict[str, Bounds] = {}

    def constant(self, name: str, value: np.ndarray, *, scale: tuple[float, ...] = (1.0,)) -> str:
        self.constants[name] = value
        low, high = int(value.min()), int(value.max())
        self.bounds[name] = Bounds(low, high, max(abs(low), abs(high)))
        axis = None if len(scale) == 1 else (1 if value.ndim == 2 else 0)
        self.types[name] = TensorType(value.shape, smallest_int(low, high), scale, axis)
        return name

    def real(self, name: str, value: np.ndarray) -> str:
        self.constants[name] = np.asarray(value, dtype=np.float64)
        self.types[name] = TensorType(self.constants[name].shape)
        return name

    def shape(self, name: str) -> tuple[int, ...]:
        return self.types[name].shape

    def integer(
        self,
        op: str,
        inputs: tuple[str, ...],
        attrs: Mapping[str, AttrValue] | None = None,
        *,
        scale: tuple[float, ...] = (1.0,),
        axis: int | None = None,
    ) -> str:
        name = f"n{len(self.nodes)}"
        node = Node(name, op, inputs, f"{name}_out", attrs or {})
        spec = spec_of(node)
        shape = spec.shape(node, [self.types[i].shape for i in inputs])
        assert spec.bounds is not None
        limits = spec.bounds(
            node,
            [self.bounds.get(i, Bounds(0, 0)) for i in inputs],
            [self.constants.get(i) for i in inputs],
        )
        self.nodes.append(node)
        self.bounds[node.output] = limits
        dtype = Bipolar() if op == "Sign" else smallest_int(limits.low, limits.high)
        self.types[node.output] = TensorType(shape, dtype, scale, axis)
        return node.output

    def quantized(
        self,
        op: str,
        inputs: tuple[str, ...],
        attrs: Mapping[str, AttrValue] | None = None,
        *,
        name: str = "",
    ) -> str:
        name = name or f"n{len(self.nodes)}"
        node = Node(name, op, inputs, f"{name}_out", attrs or {})
        shape = spec_of(node).shape(node, [self.types[i].shape for i in inputs])
        self.nodes.append(node)
        self.types[node.output] = TensorType(shape)
        return node.output

    def graph(self, *outputs: str) -> Graph:
        return check(
            Graph("sketch", ("x",), outputs, tuple(self.nodes), self.types, self.constants)
        )


def quant(
    bits: int,
    scale: float | tuple[float, ...],
    *,
    signed: int = 1,
    narrow: int = 0,
    rounding: str = "half-even",
    axis: int | None = None,
    zero_point: int = 0,
) -> dict[str, AttrValue]:
    """Attributes of a Quant."""
    return {
        "bits": bits,
        "signed": signed,
        "narrow": narrow,
        "rounding": rounding,
        "scale": scale if isinstance(scale, tuple) else (scale,),
        "axis": axis,
        "zero_point": zero_point,
    }


def quantized_mlp(
    rng: np.random.Generator,
    *,
    widths: tuple[int, ...] = (6, 9, 4),
    power_of_two: bool = True,
    bias: str = "float",
    weight_bits: int = 5,
    bits: int = 6,
    rounding: str = "half-even",
    head: bool = False,
) -> Graph:
    """A multilayer perceptron with quantized weights and activations.

    Args:
        rng: Source of the weights.
        widths: Inputs, hidden widths, outputs.
        power_of_two: Whether all scales are powers of two.
        bias: ``"none"``, ``"float"`` or ``"quant"`` (on the accumulator grid).
        weight_bits: Width of the weights.
        bits: Width of the activations.
        rounding: Rounding of the activations.
        head: Whether a softmax follows.
    """
    sketch = Sketch((1, widths[0]))
    scale = 2.0**-4 if power_of_two else 0.037
    last = sketch.quantized("Quant", ("x",), quant(8, scale, rounding=rounding), name="input_quant")
    for i, (inputs, outputs) in enumerate(pairwise(widths)):
        step = 2.0**-3 if power_of_two else 0.0913 + 0.01 * i
        weights = sketch.real(f"w{i}", rng.normal(size=(inputs, outputs)))
        weights = sketch.quantized(
            "Quant", (weights,), quant(weight_bits, step, narrow=1), name=f"weight_quant{i}"
        )
        last = sketch.quantized("MatMul", (last, weights), name=f"fc{i}")
        if bias != "none":
            addend = sketch.real(f"b{i}", rng.normal(size=outputs))
            if bias == "quant":
                addend = sketch.quantized(
                    "Quant", (addend,), quant(16, scale * step), name=f"bias_quant{i}"
                )
            last = sketch.quantized("Add", (last, addend), name=f"bias{i}")
        if i < len(widths) - 2:
            scale = 2.0**-2 if power_of_two else 0.211
            last = sketch.quantized("Relu", (last,), name=f"relu{i}")
            attrs = quant(bits, scale, signed=0, rounding=rounding)
            last = sketch.quantized("Quant", (last,), attrs, name=f"act{i}")
    if head:
        last = sketch.quantized("Softmax", (last,), {"axis": -1}, name="softmax")
    return sketch.graph(last)


def inputs_for(graph: Graph, rng: np.random.Generator, rows: int = 40) -> np.ndarray:
    """Random rows, multiples of small steps (ties) and extremes among them."""
    shape = graph.types["x"].shape[1:]
    values = rng.normal(size=(rows, *shape)) * 3
    values[: rows // 3] = np.round(values[: rows // 3] * 32) / 32
    values[0], values[1] = 1e4, -1e4
    return values


def _random_scale(rng: np.random.Generator, count: int) -> tuple[float, ...]:
    if rng.random() < 0.5:
        return tuple(float(v) for v in 2.0 ** rng.integers(-6, 2, count))
    return tuple(float(v) for v in rng.uniform(0.01, 1.0, count))


def _clamp(rng: np.random.Generator) -> dict[str, AttrValue]:
    bits = int(rng.integers(2, 12))
    kind = rng.integers(4)
    low, high = [
        (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
        (0, (1 << bits) - 1),
        (-(1 << (bits - 1)) + 1, (1 << (bits - 1)) - 1),
        (-int(rng.integers(0, 40)), int(rng.integers(1, 90))),
    ][int(kind)]
    return {
        "rounding": str(rng.choice([str(mode) for mode in Rounding])),
        "low": low,
        "high": high,
        "zero_point": int(rng.integers(-3, 4)) if rng.random() < 0.3 else 0,
    }


def _requantize(sketch: Sketch, rng: np.random.Generator, source: str) -> str:
    channels = sketch.shape(source)[1]
    wide = rng.random() < 0.5
    count = channels if wide else 1
    if rng.random() < 0.5:
        multipliers = tuple(int(v) for v in 1 << rng.integers(0, 4, count))
    else:
        multipliers = tuple(int(v) for v in rng.integers(-(1 << 16), 1 << 16, count))
    limit = max(sketch.bounds[source].magnitude, 1)
    span = int(np.max(np.abs(multipliers))) * limit
    shift = min(max(span.bit_length() - int(rng.integers(3, 10)), 0), 40)
    attrs = {
        **_clamp(rng),
        "multiplier": multipliers,
        "offset": tuple(int(v) for v in rng.integers(-span // 4 - 1, span // 4 + 2, count)),
        "shift": shift,
        "axis": 1 if wide else None,
    }
    per_channel = rng.random() < 0.3
    scale = _random_scale(rng, channels if per_channel else 1)
    return sketch.integer(
        "Requantize", (source,), attrs, scale=scale, axis=1 if per_channel else None
    )


def random_integer_graph(seed: int, *, convolutional: bool) -> Graph:
    """A random graph in the integer form, with one input and one or two outputs."""
    rng = np.random.default_rng(seed)
    shape = (1, int(rng.integers(1, 4)), 6, 6) if convolutional else (1, int(rng.integers(2, 9)))
    sketch = Sketch(shape)
    scale = _random_scale(rng, 1)
    attrs = {**_clamp(rng), "scale": scale, "axis": None}
    last = sketch.integer("Quantize", ("x",), attrs, scale=scale)
    for _ in range(int(rng.integers(1, 4))):
        last = _layer(sketch, rng, last)
    outputs = [last]
    if len(sketch.shape(last)) == 4:
        extents = sketch.shape(last)
        last = sketch.integer("Reshape", (last,), {"shape": (1, int(np.prod(extents)))})
    size = sketch.shape(last)[1]
    weights = sketch.constant("head.weight", rng.integers(-7, 8, (size, 3)), scale=(0.5,))
    outputs[0] = sketch.integer("MatMul", (last, weights), scale=_random_scale(rng, 1))
    if rng.random() < 0.3:
        outputs.append(_requantize(sketch, rng, outputs[0]))
    return sketch.graph(*outputs)


def _layer(sketch: Sketch, rng: np.random.Generator, last: str) -> str:
    shape, index = sketch.shape(last), len(sketch.nodes)
    bits, outputs = int(rng.integers(2, 9)), int(rng.integers(1, 6))
    extents = (outputs, shape[1], 3, 3) if len(shape) == 4 else (shape[1], outputs)
    codes = rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), extents)
    count = outputs if rng.random() < 0.4 else 1
    weights = sketch.constant(f"w{index}", codes, scale=_random_scale(rng, count))
    inputs: tuple[str, ...] = (last, weights)
    if rng.random() < 0.6:
        bias = rng.integers(-500, 500, outputs)
        inputs = (*inputs, sketch.constant(f"b{index}", bias, scale=(1.0,)))
    if len(shape) == 4:
        attrs = {**WINDOW, "pads": (1, 1, 1, 1), "group": 1}
        last = sketch.integer("Conv", inputs, attrs)
    else:
        last = sketch.integer("MatMul", inputs)
    if rng.random() < 0.4:
        last = sketch.integer("Relu", (last,))
    last = _requantize(sketch, rng, last)
    kind = rng.integers(6)
    if kind == 0:
        last = sketch.integer("Add", (last, _requantize(sketch, rng, last)))
    elif kind == 1:
        last = sketch.integer("Concat", (last, _requantize(sketch, rng, last)), {"axis": 1})
    elif kind == 2:
        offset = (int(rng.integers(-5, 5)),)
        last = sketch.integer("Sign", (last,), {"offset": offset, "axis": None}, scale=(0.5,))
    elif kind >= 4 and len(shape) == 4 and min(sketch.shape(last)[2:]) >= 2:
        side = int(rng.integers(2, 4))
        side = min(side, *sketch.shape(last)[2:])
        op = "SumPool" if kind == 4 else "MaxPool"
        attrs = {"kernel": (side, side), "strides": (2, 2), "pads": (0, 0, 0, 0)}
        last = sketch.integer(op, (last,), attrs)
    return last
