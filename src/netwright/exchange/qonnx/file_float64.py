"""A user's model computed with more bits than it has, to tell its rounding from another meaning.

That is in float64, or in the processor's longest floats where the file itself holds float64.
Quantizers of inputs and of constants still work in the file's own precision: which code a value
gets there is part of what the file means. Behind them, and behind inputs that hold codes, all is
computed in the wider floats, node by node, by ONNX's reference and by qonnx's functions. There a
value that is no farther from a border of two codes than these floats round lies on it: a sum of
codes that is nothing must not become minus one step because a scale is no power of two.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import NotExecutable, require
from netwright.exchange.onnx.file_model import Feeds, last_reads
from netwright.exchange.onnx.functions import FUNCTIONS
from netwright.exchange.onnx.resize import by_lengths
from netwright.exchange.onnx.vocabulary import MICROSOFT
from netwright.exchange.qonnx.read_quant import num_inputs_of_trunc
from netwright.exchange.qonnx.read_windows import same_pads
from netwright.formats import noise_of, on_borders

Tensor = NDArray[Any]
Wide = type[np.float64] | type[np.longdouble]

_PURPOSE = "executing a file in float64"
_EXTENTS = ("Shape", "Size")
"""What is computed from the results of these alone is a constant, in the file's own precision."""

_IRRATIONAL = (
    *("Acos", "Asin", "Atan", "Cos", "Cosh", "Elu", "Erf", "Exp", "Gelu", "Log", "LogSoftmax"),
    *("Mish", "Pow", "Selu", "Sigmoid", "Sin", "Sinh", "Softmax", "Softplus", "Sqrt", "Swish"),
    *("Tan", "Tanh"),
)
"""Functions whose values come as close to a border as one likes and do not lie on it."""

_FLOAT_KINDS = (1, 10, 11, 16)
"""Element types of ONNX that are floats: 32, 16, 64 bits and bfloat16."""

_FLOAT16 = 10


def run_in_float64(
    onnx: Any, model: Any, feeds: Feeds, *,
    quantized: Collection[str] = (), codes: Collection[str] = (),
) -> list[Tensor]:  # fmt: skip
    """Outputs of the model on one batch, computed in float64 behind its quantizers.

    Where the file holds float64 itself, in ``long double``, if its operators can be run so.

    Args:
        onnx: The package.
        model: A self-contained model that takes as many rows as `feeds` holds.
        feeds: Inputs in the file's precision.
        quantized: Inputs with which float64 begins, because they are quantized already or because
            their quantizers shall be exact; quantizers of constants never are.
        codes: Inputs that are quantized already.

    Raises:
        NotExecutable: An operator has no float64 implementation here.
    """
    known = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    known = {"": np.zeros(0), **known, **feeds}
    if any(value.dtype == np.float64 for name, value in known.items() if name):
        try:
            return _run(model, feeds, known, quantized, codes, np.longdouble)
        except NotExecutable:  # an operator of the reference takes no long double
            pass
    return _run(model, feeds, known, quantized, codes, np.float64)


def _run(
    model: Any, feeds: Feeds, known: dict[str, Tensor],
    quantized: Collection[str], codes: Collection[str], wide: Wide,
) -> list[Tensor]:  # fmt: skip
    graph, values, coded = model.graph, dict(known), set(codes)
    dependent, widened = set(feeds), set(quantized)
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    finished = last_reads(graph.node, {output.name for output in graph.output} | {""})
    for node, done in zip(graph.node, finished, strict=True):
        read = [values[name] for name in node.input]
        is_wide = any(name in widened for name in node.input)
        if is_wide:
            read = [_widened(value, wide) for value in read]
        of_codes = any(name in coded for name in node.input)
        noise = noise_of(wide) if is_wide and of_codes else 0.0
        made = _execute(node, read, opsets, wide, noise, is_wide=is_wide)
        for name, value in zip(node.output, made, strict=False):
            values[name] = _widened(value, wide) if is_wide else value
        if node.op_type not in _EXTENTS and any(name in dependent for name in node.input):
            dependent.update(node.output)
            if node.op_type in QUANTIZERS or (of_codes and node.op_type not in _IRRATIONAL):
                coded.update(node.output)
            if is_wide or node.op_type in QUANTIZERS:
                widened.update(node.output)
        for name in done:
            values.pop(name, None)
    return [_widened(values[output.name], wide) for output in graph.output]


def _widened(value: Tensor, wide: Wide) -> Tensor:
    return value.astype(wide) if value.dtype.kind == "f" else value


def _execute(
    node: Any, read: list[Tensor], opsets: dict[str, int], wide: Wide, noise: float, *,
    is_wide: bool,
) -> list[Tensor]:  # fmt: skip
    attrs = {attribute.name: attribute for attribute in node.attribute}
    try:
        with np.errstate(all="ignore"):
            if node.op_type in QUANTIZERS:
                _check_version(node, opsets)
                return [QUANTIZERS[node.op_type](attrs, read, wide, noise)]
            if node.op_type in FUNCTIONS and not node.domain:
                how = {"alpha": attrs["alpha"].f} if "alpha" in attrs else {}
                if "approximate" in attrs:
                    how["approximate"] = attrs["approximate"].s.decode()
                return [FUNCTIONS[node.op_type](read[0], how)]
            if node.op_type in ON_CODES and node.domain == MICROSOFT:
                return [_on_codes(node, attrs, read, wide, noise)]
            if node.op_type == "GroupNormalization" and not node.domain:
                return [_group_normalization(attrs, read)]
            if node.domain:
                raise NotExecutable(f'"{node.op_type}" has no float64 implementation here')
            if is_wide and node.op_type == "Cast" and attrs["to"].i in _FLOAT_KINDS:
                return [_not_beyond(read[0].astype(wide), attrs["to"].i)]
            node = _with_pads(node, attrs, read)
            if node.op_type in ("Resize", "Upsample"):
                if node.op_type == "Upsample" or opsets.get("", 13) < 11:
                    node, attrs, read = _of_version_11(node, attrs, read)
                    opsets = {**opsets, "": 13}
                node, read = _with_lengths(node, attrs, read)
            if node.op_type == "Attention" and not node.domain and "scale" in attrs:
                node, read = _with_scaled_queries(node, attrs, read)
            reference = require("onnx.reference", extra="qonnx", purpose=_PURPOSE)
            session = reference.ReferenceEvaluator(node, opsets=opsets)
            given = {
                name: value.copy(order="C")  # the reference fails on views of other orders
                for name, value in zip(node.input, read, strict=True)
                if name
            }
            return [np.asarray(value) for value in session.run(None, given)]
    except NotExecutable:
        raise
    except Exception as error:  # whatever a reference implementation raises
        first = str(error).strip().partition("\n")[0]
        raise NotExecutable(f'"{node.op_type}" cannot be run in float64: {first}') from error


def _not_beyond(values: Tensor, kind: int) -> Tensor:
    """Values that a cast to float16 makes infinite are so with any number of bits."""
    if kind != _FLOAT16:
        return values
    beyond = np.isinf(values.astype(np.float16))
    return np.where(beyond, np.copysign(np.inf, values), values)


def _check_version(node: Any, opsets: dict[str, int]) -> None:
    """Leave a Trunc to the executor whose version means something else than its inputs say."""
    if node.op_type == "Trunc":
        version = opsets.get(node.domain, 1)
        if num_inputs_of_trunc(version) != len(node.input):
            raise NotExecutable(
                f"Trunc of version {version} does not read {len(node.input)} inputs"
            )


def _group_normalization(attrs: dict[str, Any], read: list[Tensor]) -> Tensor:
    """The reference has none; gain and offset are of channels, before version 21 of groups."""
    values, gain, offset = read
    groups, shape = attrs["num_groups"].i, values.shape
    flat = values.reshape(shape[0], groups, -1)
    centered = flat - flat.mean(axis=-1, keepdims=True)
    epsilon = attrs["epsilon"].f if "epsilon" in attrs else 1e-5
    spread = np.sqrt(np.square(centered).mean(axis=-1, keepdims=True) + epsilon)
    normal = (centered / spread).reshape(shape)
    factor, addend = (
        np.repeat(vector, shape[1] // len(vector)).reshape(-1, *(1,) * (len(shape) - 2))
        for vector in (gain, offset)
    )
    return normal * factor + addend


_WEIGHTS = {"Conv": 1, "ConvInteger": 1, "QLinearConv": 3}


def _with_pads(node: Any, attrs: dict[str, Any], read: list[Tensor]) -> Any:
    """The node with numbers of zeros in the place of ``SAME``, which the reference takes wrongly.

    Its convolution with ``SAME_LOWER`` has another shape on each axis (ONNX 1.19 to 1.22).
    """
    mode = attrs["auto_pad"].s.decode() if "auto_pad" in attrs else ""
    if mode not in ("SAME_UPPER", "SAME_LOWER") or node.op_type == "ConvTranspose":
        return node
    weights = _WEIGHTS.get(node.op_type)
    kernel = read[weights].shape[2:] if weights else tuple(attrs["kernel_shape"].ints)
    ones = (1,) * len(kernel)
    strides, dilations = (
        tuple(attrs[name].ints) if name in attrs else ones for name in ("strides", "dilations")
    )
    extents = read[0].shape[2:]
    pads = same_pads(extents, kernel, strides, dilations, upper=mode == "SAME_UPPER")
    made = type(node)()
    made.CopyFrom(node)
    for attribute in made.attribute:
        if attribute.name == "auto_pad":
            attribute.Clear()
            attribute.name, attribute.type = "pads", 7  # integers
            attribute.ints.extend(pads)
    return made


def _of_version_11(
    node: Any, attrs: dict[str, Any], read: list[Tensor]
) -> tuple[Any, dict[str, Any], list[Tensor]]:
    """A Resize that is older than its modes, or an Upsample: positions divided by the factor."""
    helper = require("onnx.helper", extra="qonnx", purpose=_PURPOSE)
    scales = read[1] if len(read) > 1 else np.array(attrs["scales"].floats, np.float32)
    own = {"mode": attrs["mode"].s.decode()} if "mode" in attrs else {}
    modes = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    made = helper.make_node("Resize", ["data", "", "scales"], list(node.output), **own, **modes)
    return made, {a.name: a for a in made.attribute}, [read[0], np.zeros(0), scales]


def _with_scaled_queries(
    node: Any, attrs: dict[str, Any], read: list[Tensor]
) -> tuple[Any, list[Tensor]]:
    """An Attention without a scale, of which the reference takes the root in float32."""
    width = read[0].shape[-1] // (attrs["q_num_heads"].i if "q_num_heads" in attrs else 1)
    made = type(node)()
    made.CopyFrom(node)
    del made.attribute[:]
    made.attribute.extend(a for a in node.attribute if a.name != "scale")
    made.input[0] = f"{node.output[0]}/queries"  # the same tensor may be keys and values
    factor = read[0].dtype.type(attrs["scale"].f) * np.sqrt(read[0].dtype.type(width))
    return made, [read[0] * factor, *read[1:]]


def _with_lengths(node: Any, attrs: dict[str, Any], read: list[Tensor]) -> tuple[Any, list[Tensor]]:
    """A Resize that the reference executes at the positions that ONNX says."""
    scales = read[2] if len(read) > 2 and read[2].size else None
    sizes = read[3] if len(read) > 3 and read[3].size else None
    mode = "coordinate_transformation_mode"
    mode = attrs[mode].s.decode() if mode in attrs else "half_pixel"
    axes = attrs["axes"].ints if "axes" in attrs else range(read[0].ndim)
    axes = [axis % read[0].ndim for axis in axes]
    data, scales, sizes = by_lengths(mode, read[0], axes, scales, sizes)
    made = type(node)()
    made.CopyFrom(node)
    del made.input[:]
    region, none = read[1] if len(read) > 1 else None, np.zeros(0)
    given = [none if value is None else value for value in (data, region, scales, sizes)]
    names = ("data", "region", "scales", "sizes")
    made.input.extend(name if value.size else "" for name, value in zip(names, given, strict=True))
    return made, given


def _integer(attrs: Any, name: str, default: int) -> int:
    return int(attrs[name].i) if name in attrs else default


def _rounding(attrs: Any, default: str) -> str:
    return attrs["rounding_mode"].s.decode() if "rounding_mode" in attrs else default


def _int_quant(attrs: Any, read: list[Tensor], wide: Wide, noise: float) -> Tensor:
    values, scale, zero_point, bits = read
    function = require("qonnx.custom_op.general.intquant", extra="qonnx", purpose=_PURPOSE)
    signed, narrow = _integer(attrs, "signed", 1), _integer(attrs, "narrow", 0)
    mode, step = _rounding(attrs, "ROUND"), _widened(scale, wide)
    if noise:
        values, scale = on_borders(values / scale, noise), np.ones_like(scale)
    made = function.int_quant(values, scale, zero_point, bits, signed, narrow, mode)
    if np.all(bits == 1) and signed:
        return np.asarray(np.where(_widened(made, wide) >= 0, 1.0, -1.0) * step)
    return np.asarray(np.rint(_widened(made, wide) / _widened(scale, wide)) * step)


def _bipolar(attrs: Any, read: list[Tensor], wide: Wide, noise: float) -> Tensor:
    values = on_borders(read[0] / read[1], noise) if noise else read[0]
    return np.asarray(np.where(values >= 0, 1.0, -1.0) * _widened(read[1], wide))


def _trunc(attrs: Any, read: list[Tensor], wide: Wide, noise: float) -> Tensor:
    functions = require("qonnx.custom_op.general.trunc", extra="qonnx", purpose=_PURPOSE)
    mode = _rounding(attrs, "FLOOR")
    full = [_widened(value, wide) for value in read]
    if len(read) == 5:
        return np.asarray(functions.trunc_v1(*full, mode))
    narrow, signed = _integer(attrs, "narrow", 0), _integer(attrs, "signed", 1)
    return np.asarray(functions.trunc_v2(*full[:4], narrow, signed, *full[4:], mode))


def _multi_threshold(attrs: Any, read: list[Tensor], wide: Wide, noise: float) -> Tensor:
    functions = require("qonnx.custom_op.general.multithreshold", extra="qonnx", purpose=_PURPOSE)
    values, thresholds = read
    layout = attrs["data_layout"].s.decode() if "data_layout" in attrs else ""
    layout = layout or {2: "NC", 3: "NWC", 4: "NCHW"}.get(values.ndim, "")
    axis = layout.index("C") if "C" in layout else 1
    reached = values.swapaxes(axis, 1)
    if noise:  # a threshold that rounding alone keeps a value from is reached
        reached = reached + noise * max(np.max(np.abs(v), initial=0.0) for v in read)
    counts = functions.multithreshold(reached, thresholds).swapaxes(axis, 1)
    scale = float(attrs["out_scale"].f) if "out_scale" in attrs else 1.0
    bias = float(attrs["out_bias"].f) if "out_bias" in attrs else 0.0
    return np.asarray(_widened(counts, wide) * wide(scale) + wide(bias))


def _along(attrs: Any, value: Tensor, rank: int) -> Tensor:
    """A scale or zero point of QuantizeLinear, shaped to broadcast."""
    if value.ndim != 1 or value.size == 1:
        return value.reshape(()) if value.size == 1 else value
    axis = _integer(attrs, "axis", 1) % max(rank, 1)
    return value.reshape([-1 if place == axis else 1 for place in range(rank)])


def _quantize_linear(attrs: Any, read: list[Tensor], wide: Wide, noise: float) -> Tensor:
    values = read[0]
    zero_point = read[2] if len(read) > 2 and read[2].size else np.zeros((), dtype=np.uint8)
    steps = values / _along(attrs, read[1], values.ndim)
    codes = np.rint(on_borders(steps, noise) if noise else steps)
    limits = np.iinfo(zero_point.dtype)
    shifted = codes + _along(attrs, zero_point, values.ndim).astype(wide)
    return np.asarray(np.clip(shifted, limits.min, limits.max).astype(zero_point.dtype))


def _dequantize_linear(attrs: Any, read: list[Tensor], wide: Wide, noise: float) -> Tensor:
    values: Tensor = read[0].astype(wide)
    zero_point: Tensor = np.zeros((), wide)
    if len(read) > 2 and read[2].size:
        zero_point = _along(attrs, read[2], values.ndim).astype(wide)
    return np.asarray((values - zero_point) * _widened(_along(attrs, read[1], values.ndim), wide))


def _on_codes(
    node: Any, attrs: dict[str, Any], read: list[Tensor], wide: Wide, noise: float
) -> Tensor:
    """An operator of ONNX Runtime on codes: on what they stand for, and quantized again."""
    places, last = ON_CODES[node.op_type]
    if node.op_type == "QLinearConcat":
        places = tuple(range(2, len(read), 3))
    values = [_dequantize_linear({}, read[at : at + 3], wide, 0.0) for at in places]
    if node.op_type == "QGemm":
        values = [_gemm(attrs, values[0], read, wide)]
    made = _applied(node, attrs, values)
    if last >= len(read):  # products without a scale stay real
        return made
    return _quantize_linear({}, [made, _widened(read[last], wide), read[last + 1]], wide, noise)


def _gemm(attrs: dict[str, Any], source: Tensor, read: list[Tensor], wide: Wide) -> Tensor:
    """Products with weights of one scale or one a column, and a bias of the products' scale."""
    flipped = bool(_integer(attrs, "transB", 0))
    weights: Tensor = read[3].astype(wide).T if flipped else read[3].astype(wide)
    if read[5].size:
        weights = np.asarray(weights - read[5].astype(wide))
    scale = _widened(read[4], wide)
    made = (source.T if _integer(attrs, "transA", 0) else source) @ (weights * scale)
    if len(read) > 6 and read[6].size:
        made = made + read[6].astype(wide) * _widened(read[1], wide) * scale
    return np.asarray(made * (wide(attrs["alpha"].f) if "alpha" in attrs else 1))


def _applied(node: Any, attrs: dict[str, Any], values: list[Tensor]) -> Tensor:
    """What an operator on codes does with real values."""
    match node.op_type:
        case "QLinearAdd":
            return values[0] + values[1]
        case "QLinearConcat":
            return np.concatenate(values, _integer(attrs, "axis", 0))
        case "QLinearLeakyRelu":
            slope = float(attrs["alpha"].f) if "alpha" in attrs else float(np.float32(0.01))
            return np.where(values[0] < 0, values[0] * slope, values[0])
        case "QLinearMul":
            return values[0] * values[1]
        case "QLinearSigmoid":
            return np.asarray(1 / (1 + np.exp(-values[0])))
        case "QLinearAveragePool" | "QLinearGlobalAveragePool":
            return _average(node, attrs, values[0])
        case _:
            return values[0]


def _average(node: Any, attrs: dict[str, Any], values: Tensor) -> Tensor:
    """Means of windows, or of all positions, with channels first or last."""
    last = bool(_integer(attrs, "channels_last", 0))
    values = np.moveaxis(values, -1, 1) if last else values
    if node.op_type == "QLinearGlobalAveragePool":
        made = values.mean(axis=tuple(range(2, values.ndim)), keepdims=True)
    else:
        helper = require("onnx.helper", extra="qonnx", purpose=_PURPOSE)
        reference = require("onnx.reference", extra="qonnx", purpose=_PURPOSE)
        plain = helper.make_node("AveragePool", ["values"], ["means"])
        plain.attribute.extend(a for a in node.attribute if a.name != "channels_last")
        session = reference.ReferenceEvaluator(plain, opsets={"": 19})
        (made,) = session.run(None, {"values": values.copy(order="C")})
    return np.moveaxis(made, 1, -1) if last else np.asarray(made)


ON_CODES: dict[str, tuple[tuple[int, ...], int]] = {
    "QGemm": ((0,), 7),
    "QLinearAdd": ((0, 3), 6),
    "QLinearAveragePool": ((0,), 3),
    "QLinearConcat": ((), 0),
    "QLinearGlobalAveragePool": ((0,), 3),
    "QLinearLeakyRelu": ((0,), 3),
    "QLinearMul": ((0, 3), 6),
    "QLinearSigmoid": ((0,), 3),
}
"""ONNX Runtime's operators on codes: where each operand of codes, scale and zero point begins among
the inputs, and where scale and zero point of the result are."""

QUANTIZERS: dict[str, Callable[[Any, list[Tensor], Wide, float], Tensor]] = {
    "BipolarQuant": _bipolar,
    "DequantizeLinear": _dequantize_linear,
    "IntQuant": _int_quant,
    "MultiThreshold": _multi_threshold,
    "Quant": _int_quant,
    "QuantizeLinear": _quantize_linear,
    "Trunc": _trunc,
}
"""Operators after which a value is a code times a scale, and how each is computed."""
