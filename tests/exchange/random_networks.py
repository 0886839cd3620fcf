"""Random ONNX files of quantized networks, and what they mean in exact arithmetic.

The reference works on fractions, node for node as QONNX and ONNX define them, and shares no code
with the package.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

DOMAIN = "qonnx.custom_op.general"
MODES = ("ROUND", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN")
_NAMES = ("{}", "{}_shifted", "{}.weight", "{}.bias", "{}_finer", "{}_out", "{}_copy", "{}_term1")


@dataclass
class Network:
    """An ONNX file in the making; every tensor has the batch first."""

    rng: np.random.Generator
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    inputs: dict[str, tuple[int, ...]] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)

    def pick(self, *options: Any) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def name(self) -> str:
        """Often a name that a converter might make from another one."""
        taken = self.shapes.keys() | self.constants.keys() | {node.name for node in self.nodes}
        old = self.pick(*(list(self.shapes) or ["t"]))
        wanted = self.pick(*_NAMES).format(old) if self.rng.random() < 0.3 else "t"
        number = len(self.nodes)
        return wanted if wanted not in taken and len(wanted) < 40 else f"t{number}_{len(taken)}"

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        name = self.name()
        name = f"c{len(self.constants)}" if name in self.constants else name
        self.constants[name] = np.asarray(value, dtype=dtype)
        return name

    def node(
        self, op: str, inputs: list[str], shape: tuple[int, ...], *, domain: str = "", **attrs: Any
    ) -> str:
        output = self.name()
        name = self.pick(output, self.name(), f"n{len(self.nodes)}")
        name = f"n{len(self.nodes)}" if name in {node.name for node in self.nodes} else name
        self.nodes.append(helper.make_node(op, inputs, [output], name=name, domain=domain, **attrs))
        self.shapes[output] = shape
        return output

    def scale(self, *, shape: tuple[int, ...] = ()) -> np.ndarray:
        kind = self.pick("power", "power", "float", "ratio")
        if kind == "power":
            value: Any = 2.0 ** self.rng.integers(-4, 2, size=shape)
        elif kind == "float":
            value = self.rng.uniform(0.05, 0.9, size=shape)
        else:
            value = self.pick(0.125, 0.25) * self.rng.choice([1.0, 1.5, 3.0, 0.75, 2.0], size=shape)
        return np.asarray(value, dtype=np.float32)

    def quant(self, source: str, *, bits: int, scale: np.ndarray, constant: bool = False) -> str:
        signed = int(constant or self.rng.random() < 0.6)
        zero = 0.0 if constant or self.rng.random() < 0.8 else float(self.rng.integers(-3, 9))
        narrow = int(bits > 1 and self.rng.random() < 0.2)
        mode = "ROUND" if constant else self.pick("ROUND", "ROUND", "ROUND", *MODES)
        shape = self.constants[source].shape if constant else self.shapes[source]
        inputs = [source, self.constant(scale), self.constant(zero), self.constant(float(bits))]
        return self.node(
            "Quant", inputs, shape, domain=DOMAIN, signed=signed, narrow=narrow, rounding_mode=mode
        )

    def weights(self, shape: tuple[int, ...], channel: int) -> str:
        bits = int(self.rng.integers(2, 6))
        full = tuple(extent if i == channel else 1 for i, extent in enumerate(shape))
        scale = self.scale(shape=full) if self.rng.random() < 0.3 else self.scale()
        values = self.constant(self.rng.normal(size=shape) * 0.8)
        if self.rng.random() < 0.1:
            inputs = [values, self.constant(scale)]
            return self.node("BipolarQuant", inputs, shape, domain=DOMAIN)
        return self.quant(values, bits=bits, scale=scale, constant=True)

    def save(self, path: Path) -> Path:
        infos = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in self.inputs.items()
        ]
        outputs = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, self.shapes[name])
            for name in self.outputs
        ]
        values = [numpy_helper.from_array(v, name) for name, v in self.constants.items()]
        graph = helper.make_graph(self.nodes, "random", infos, outputs, values)
        opsets = [helper.make_opsetid("", 13), helper.make_opsetid(DOMAIN, 1)]
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
        return path


def random_network(seed: int) -> Network:
    """A network of a few random steps, with branches and one or two outputs."""
    rng = np.random.default_rng(seed)
    net = Network(rng)
    images = rng.random() < 0.5
    shape = (1, int(rng.integers(1, 4)), 4, 4) if images else (1, int(rng.integers(2, 7)))
    net.inputs["x"] = net.shapes["x"] = shape
    source = "x"
    full = (1, shape[1], *(1,) * (len(shape) - 2))
    scale = 2.0 ** rng.integers(-3, 1, size=full) if rng.random() < 0.1 else net.scale()
    live = [net.quant(source, bits=int(rng.integers(2, 7)), scale=np.asarray(scale, np.float32))]
    for _ in range(int(rng.integers(2, 8))):
        last = live[int(rng.integers(len(live)))] if rng.random() < 0.25 else live[-1]
        step = net.pick(*_STEPS)
        made = step(net, last, live)
        if made is not None:
            live.append(made)
    net.outputs = [live[-1]]
    if rng.random() < 0.2 and len(live) > 2:
        other = live[int(rng.integers(1, len(live) - 1))]
        net.outputs = [other, live[-1]] if rng.random() < 0.5 else [live[-1], other]
    return net


def _product(net: Network, last: str, live: list[str]) -> str:
    shape = net.shapes[last]
    if len(shape) == 4:
        channels = shape[1]
        group = channels if net.rng.random() < 0.2 else 1
        filters = (
            channels * int(net.rng.integers(1, 3)) if group > 1 else int(net.rng.integers(1, 4))
        )
        size = int(min(net.rng.integers(1, 4), shape[2], shape[3]))
        pad = int(net.rng.random() < 0.4 and size > 1)
        weights = net.weights((filters, channels // group, size, size), 0)
        inputs = [last, weights]
        if net.rng.random() < 0.5:
            inputs.append(_bias(net, filters))
        extents = tuple(extent + 2 * pad - size + 1 for extent in shape[2:])
        return net.node(
            "Conv", inputs, (1, filters, *extents),
            kernel_shape=[size, size], pads=[pad] * 4, group=group,
        )  # fmt: skip
    columns = int(net.rng.integers(1, 6))
    if len(shape) == 2 and net.rng.random() < 0.4:
        weights = net.weights((columns, shape[1]), 0)
        alpha = net.pick(1.0, 1.0, 0.5, -0.3)
        return net.node(
            "Gemm", [last, weights, _bias(net, columns)], (1, columns), transB=1, alpha=alpha
        )
    return net.node("MatMul", [last, net.weights((shape[-1], columns), 1)], (*shape[:-1], columns))


def _enlarge(net: Network, last: str, live: list[str]) -> str | None:
    shape = net.shapes[last]
    if len(shape) != 4 or math.prod(shape) > 200:
        return None
    if net.rng.random() < 0.4:
        factors = [int(net.rng.integers(1, 4)) for _ in range(2)]
        larger = tuple(e * f for e, f in zip(shape[2:], factors, strict=True))
        return net.node(
            "Resize", [last, "", net.constant([1, 1, *factors])], (*shape[:2], *larger),
            mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor",
        )  # fmt: skip
    group = shape[1] if net.rng.random() < 0.3 else 1
    each, size = int(net.rng.integers(1, 3)), int(net.rng.integers(1, 4))
    stride, pad = int(net.rng.integers(1, 4)), int(net.rng.random() < 0.4)
    extra = int(net.rng.integers(0, stride))
    extents = tuple(stride * (e - 1) + size + extra - 2 * pad for e in shape[2:])
    if min(extents) < 1:
        return None
    inputs = [last, net.weights((shape[1], each, size, size), 0 if group == shape[1] else 1)]
    if net.rng.random() < 0.5:
        inputs.append(_bias(net, each * group))
    return net.node(
        "ConvTranspose", inputs, (1, each * group, *extents), kernel_shape=[size, size],
        strides=[stride] * 2, pads=[pad] * 4, output_padding=[extra] * 2, group=group,
    )  # fmt: skip


def _bias(net: Network, size: int) -> str:
    values = net.constant(net.rng.normal(size=size))
    if net.rng.random() < 0.4:
        return net.quant(values, bits=10, scale=net.scale(), constant=True)
    return values


def _channels(net: Network, last: str) -> tuple[int, ...]:
    shape = net.shapes[last]
    axis = 1 if len(shape) == 4 else len(shape) - 1
    return tuple(extent if i == axis else 1 for i, extent in enumerate(shape))


def _affine(net: Network, last: str, live: list[str]) -> str:
    op = net.pick("Mul", "Add", "Sub", "Div")
    shape = _channels(net, last) if net.rng.random() < 0.5 else ()
    values = net.pick(
        net.rng.normal(size=shape),
        np.full(shape, float(net.rng.integers(2, 13))),
        net.scale(shape=shape),
    )
    if op in ("Mul", "Div"):
        values = np.where(np.abs(values) < 0.05, 0.5, values)
    return net.node(op, [last, net.constant(values)], net.shapes[last])


def _normalize(net: Network, last: str, live: list[str]) -> str | None:
    shape = net.shapes[last]
    if len(shape) == 3:
        return None
    size = shape[1]
    variance = net.pick(net.rng.uniform(0.1, 3, size), 4.0 ** net.rng.integers(-1, 2, size))
    gamma = net.pick(net.rng.normal(size=size), net.rng.choice([-1.0, 0.5, 0.0, 3.0], size))
    values = (gamma, net.rng.normal(size=size), net.rng.normal(size=size), variance)
    epsilon = net.pick(0.0, 1e-5, 1e-3)
    return net.node(
        "BatchNormalization", [last, *map(net.constant, values)], shape, epsilon=epsilon
    )


def _clamp(net: Network, last: str, live: list[str]) -> str:
    if net.rng.random() < 0.7:
        return net.node("Relu", [last], net.shapes[last])
    low, high = net.pick((-1.0, 1.0), (0.0, 6.0), (0.0, 1.3), (-0.5, 3.1))
    return net.node("Clip", [last, net.constant(low), net.constant(high)], net.shapes[last])


def _pool(net: Network, last: str, live: list[str]) -> str | None:
    shape = net.shapes[last]
    if len(shape) != 4:
        return None
    if net.rng.random() < 0.2:
        return net.node("GlobalAveragePool", [last], (*shape[:2], 1, 1))
    kernel = [int(net.rng.integers(1, extent + 1)) for extent in shape[2:]]
    strides = [int(net.rng.integers(1, k + 1)) for k in kernel]
    extents = tuple((e - k) // s + 1 for e, k, s in zip(shape[2:], kernel, strides, strict=True))
    op = net.pick("MaxPool", "AveragePool")
    return net.node(op, [last], (*shape[:2], *extents), kernel_shape=kernel, strides=strides)


def _move(net: Network, last: str, live: list[str]) -> str:
    shape = net.shapes[last]
    kind = net.pick("Flatten", "Reshape", "Transpose", "Identity")
    if kind == "Flatten":
        return net.node("Flatten", [last], (1, math.prod(shape)))
    if kind == "Reshape" and len(shape) > 2:
        target = (1, shape[1], math.prod(shape[2:]))
        return net.node("Reshape", [last, net.constant([0, shape[1], -1], np.int64)], target)
    if kind == "Transpose" and len(shape) > 2:
        order = [0, *(1 + net.rng.permutation(len(shape) - 1))]
        target = tuple(shape[i] for i in order)
        return net.node("Transpose", [last], target, perm=[int(i) for i in order])
    return net.node("Identity", [last], shape)


def _join(net: Network, last: str, live: list[str]) -> str | None:
    shape = net.shapes[last]
    same = [name for name in live if net.shapes[name] == shape]
    other = net.pick(*same)
    if net.rng.random() < 0.5:
        return net.node("Add", [last, other], shape)
    parts = [
        name
        for name in live
        if net.shapes[name][2:] == shape[2:] and len(net.shapes[name]) == len(shape)
    ]
    other = net.pick(*parts)
    width = shape[1] + net.shapes[other][1]
    return net.node("Concat", [last, other], (1, width, *shape[2:]), axis=1)


def _requantize(net: Network, last: str, live: list[str]) -> str:
    if net.rng.random() < 0.1:
        return net.node(
            "BipolarQuant", [last, net.constant(net.scale())], net.shapes[last], domain=DOMAIN
        )
    scale = net.scale(shape=_channels(net, last)) if net.rng.random() < 0.15 else net.scale()
    return net.quant(last, bits=int(net.rng.integers(2, 9)), scale=scale)


_STEPS = (
    _product, _product, _enlarge, _affine, _normalize, _clamp, _pool, _move, _join, _join,
    _requantize, _requantize, _requantize,
)  # fmt: skip


def random_rows(net: Network, count: int) -> dict[str, np.ndarray]:
    """Rows near all codes of the input quantizers, a third of the values exactly on a border.

    Borders are used for scales that are powers of two: elsewhere float32 decides.
    """
    first = net.nodes[0]
    scale = net.constants[first.input[1]].astype(np.float64)
    rows = {}
    for name, shape in net.inputs.items():
        codes = net.rng.integers(-20, 40, size=(count, *shape[1:])).astype(np.float64)
        exact = np.all(np.frexp(scale)[0] == 0.5)
        moves = [0.0, 0.5, 0.3, -0.2] if exact else [0.15, 0.3, -0.2]
        codes += net.rng.choice(moves, size=codes.shape)
        rows[name] = (codes * scale).astype(np.float32)
    return rows


_fraction = np.frompyfunc(Fraction, 1, 1)


def _exact(values: np.ndarray) -> np.ndarray:
    result = np.empty(values.shape, dtype=object)
    result[...] = _fraction(values.astype(np.float64).astype(object))
    return result


def _rounded(value: Fraction, mode: str) -> int:
    down, up = math.floor(value), math.ceil(value)
    inner, outer = (down, up) if value >= 0 else (up, down)
    half = Fraction(1, 2)
    near = down if value - down < half else up
    tie = value - down == half
    return {
        "ROUND": (down if down % 2 == 0 else up) if tie else near,
        "CEIL": up,
        "FLOOR": down,
        "UP": outer,
        "DOWN": inner,
        "HALF_UP": outer if tie else near,
        "HALF_DOWN": inner if tie else near,
    }[mode]


def _root(value: Fraction) -> Fraction:
    root = Fraction(math.isqrt(value.numerator), math.isqrt(value.denominator))
    if root * root == value:
        return root
    return Fraction(math.isqrt((value.numerator << 400) // value.denominator), 1 << 200)


def reference(net: Network, rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The outputs as fractions."""
    values = {name: _exact(array) for name, array in {**net.constants, **rows}.items()}
    for node in net.nodes:
        attrs = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        inputs = [values[name] for name in node.input if name]
        values[node.output[0]] = np.asarray(_OPERATORS[node.op_type](inputs, attrs), dtype=object)
    return {name: values[name] for name in net.outputs}


def _quant(inputs: list[np.ndarray], attrs: dict[str, Any]) -> np.ndarray:
    source, scale, zero, bits = inputs
    width, mode = int(bits.reshape(-1)[0]), attrs["rounding_mode"].decode()
    low = -(1 << (width - 1)) + attrs["narrow"] if attrs["signed"] else 0
    high = (1 << (width - 1)) - 1 if attrs["signed"] else (1 << width) - 1 - attrs["narrow"]
    steps = np.frompyfunc(lambda v: min(max(_rounded(v, mode), low), high), 1, 1)
    return (steps(source / scale + zero) - zero) * scale


def _bipolar(inputs: list[np.ndarray], attrs: dict[str, Any]) -> np.ndarray:
    return np.where(inputs[0] >= 0, Fraction(1), Fraction(-1)) * inputs[1]


def _gemm(inputs: list[np.ndarray], attrs: dict[str, Any]) -> np.ndarray:
    return inputs[0] @ inputs[1].T * Fraction(attrs.get("alpha", 1.0)) + inputs[2]


def _conv(inputs: list[np.ndarray], attrs: dict[str, Any]) -> np.ndarray:
    source, weights = inputs[:2]
    pad, group = attrs["pads"][0], attrs["group"]
    source = np.pad(source, ((0, 0), (0, 0), (pad, pad), (pad, pad)), constant_values=Fraction(0))
    filters, depth, size, _ = weights.shape
    height, width = (extent - size + 1 for extent in source.shape[2:])
    result = np.empty((len(source), filters, height, width), dtype=object)
    for f, i, j in product(range(filters), range(height), range(width)):
        start = f * group // filters * depth
        window = source[:, start : start + depth, i : i + size, j : j + size]
        result[:, f, i, j] = (window * weights[f]).reshape(len(source), -1).sum(axis=1)
    if len(inputs) == 3:
        result = result + inputs[2].reshape(1, -1, 1, 1)
    return result


def _conv_transpose(inputs: list[np.ndarray], attrs: dict[str, Any]) -> np.ndarray:
    source, weights = inputs[:2]
    stride, pad, extra = attrs["strides"][0], attrs["pads"][0], attrs["output_padding"][0]
    group, (channels, each, size, _) = attrs["group"], weights.shape
    extents = [stride * (e - 1) + size + extra for e in source.shape[2:]]
    result = np.full((len(source), each * group, *extents), Fraction(0), dtype=object)
    for c, f, a, b in product(range(channels), range(each), range(size), range(size)):
        target = c * group // channels * each + f
        for i, j in product(*map(range, source.shape[2:])):
            value = source[:, c, i, j] * weights[c, f, a, b]
            result[:, target, i * stride + a, j * stride + b] += value
    result = result[:, :, pad : extents[0] - pad, pad : extents[1] - pad]
    if len(inputs) == 3:
        result = result + inputs[2].reshape(1, -1, 1, 1)
    return result


def _repeated(inputs: list[np.ndarray], attrs: dict[str, Any]) -> np.ndarray:
    factors = [int(factor) for factor in inputs[1][2:]]
    return inputs[0].repeat(factors[0], axis=2).repeat(factors[1], axis=3)


def _pooled(inputs: list[np.ndarray], attrs: dict[str, Any], how: str) -> np.ndarray:
    source = inputs[0]
    kernel = attrs.get("kernel_shape", source.shape[2:])
    strides = attrs.get("strides", [1, 1])
    extents = [(e - k) // s + 1 for e, k, s in zip(source.shape[2:], kernel, strides, strict=True)]
    result = np.empty((*source.shape[:2], *extents), dtype=object)
    for i, j in product(*map(range, extents)):
        top, left = i * strides[0], j * strides[1]
        window = source[:, :, top : top + kernel[0], left : left + kernel[1]]
        flat = window.reshape(*source.shape[:2], -1)
        pooled = (
            flat.max(axis=2) if how == "max" else flat.sum(axis=2) / Fraction(math.prod(kernel))
        )
        result[:, :, i, j] = pooled
    return result


def _normalized(inputs: list[np.ndarray], attrs: dict[str, Any]) -> np.ndarray:
    shape = (1, -1, *(1,) * (inputs[0].ndim - 2))
    gamma, beta, mean, variance = (value.reshape(shape) for value in inputs[1:])
    deviation = np.frompyfunc(_root, 1, 1)(variance + Fraction(attrs["epsilon"]))
    return (inputs[0] - mean) / deviation * gamma + beta


def _reshaped(inputs: list[np.ndarray], attrs: dict[str, Any]) -> np.ndarray:
    return inputs[0].reshape(len(inputs[0]), int(inputs[1][1]), -1)


_OPERATORS = {
    "Quant": _quant,
    "BipolarQuant": _bipolar,
    "MatMul": lambda i, a: i[0] @ i[1],
    "Gemm": _gemm,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Resize": _repeated,
    "Add": lambda i, a: i[0] + i[1],
    "Sub": lambda i, a: i[0] - i[1],
    "Mul": lambda i, a: i[0] * i[1],
    "Div": lambda i, a: i[0] / i[1],
    "BatchNormalization": _normalized,
    "Relu": lambda i, a: np.maximum(i[0], Fraction(0)),
    "Clip": lambda i, a: np.minimum(np.maximum(i[0], i[1]), i[2]),
    "MaxPool": lambda i, a: _pooled(i, a, "max"),
    "AveragePool": lambda i, a: _pooled(i, a, "mean"),
    "GlobalAveragePool": lambda i, a: _pooled(i, a, "mean"),
    "Concat": lambda i, a: np.concatenate(i, axis=a["axis"]),
    "Identity": lambda i, a: i[0],
    "Flatten": lambda i, a: i[0].reshape(len(i[0]), -1),
    "Reshape": _reshaped,
    "Transpose": lambda i, a: np.transpose(i[0], a["perm"]),
}
