"""QONNX quantizers."""

from __future__ import annotations

import numpy as np

from netwright.errors import GraphError
from netwright.exchange.onnx.attributes import flag, text
from netwright.exchange.onnx.source_model import SourceNode
from netwright.exchange.onnx.vocabulary import ROUNDING_OF
from netwright.exchange.qonnx.constant_values import QuantizedConstant
from netwright.exchange.qonnx.reader import Reader, Reals
from netwright.formats import Rounding
from netwright.ir import AttrValue
from netwright.passes.carried import compact

MAX_QUANTIZER_BITS = 32
_UNCLAMPED_BITS = 54
"""Width that no float64 integer exceeds: version 1 of Trunc does not clamp."""


def quant(reader: Reader, node: SourceNode) -> None:
    """Read Quant or IntQuant."""
    bits = _bits(reader, node, 3)
    signed = flag(node, "signed", 1)
    zero_point = _zero_point(reader, node)
    if bits == 1 and signed:
        if zero_point:
            raise GraphError(
                f"a signed 1-bit quantizer must have zero point 0, not {zero_point}",
                node=node.name,
                hint="use zero point 0, or an unsigned quantizer",
            )
        place(reader, node, "BipolarQuant", {})
        return
    narrow = flag(node, "narrow", 0)
    if bits == 1 and narrow:
        raise GraphError(
            "a narrow 1-bit quantizer has no code but 0",
            node=node.name,
            hint="export with narrow = 0, or with 2 bits",
        )
    attrs: dict[str, AttrValue] = {
        "bits": bits,
        "signed": signed,
        "narrow": narrow,
        "rounding": str(_rounding(node, "ROUND")),
        "zero_point": zero_point,
    }
    place(reader, node, "Quant", attrs)


def bipolar_quant(reader: Reader, node: SourceNode) -> None:
    """Read BipolarQuant."""
    place(reader, node, "BipolarQuant", {})


def num_inputs_of_trunc(version: int) -> int:
    """How many inputs Trunc has in a version of its domain; qonnx chooses the meaning by that."""
    return 5 if version < 2 else 6


def trunc(reader: Reader, node: SourceNode) -> None:
    """Read Trunc, of version 1 (five inputs) or 2 (six inputs)."""
    source = reader.activation(node)
    if len(node.inputs) not in (5, 6):
        raise GraphError(f"Trunc takes 5 or 6 inputs, not {len(node.inputs)}", node=node.name)
    version = reader.source.opsets.get(node.domain, 1)
    if num_inputs_of_trunc(version) != len(node.inputs):
        raise GraphError(
            f"Trunc of version {version} of {node.domain} takes {num_inputs_of_trunc(version)} "
            f"inputs, not {len(node.inputs)}",
            node=node.name,
            hint="import version 1 of the domain for 5 inputs, 2 for 6, as the file was meant",
        )
    scale = float(_one(node, _scale(reader, node, 1), "the scale"))
    if _zero_point(reader, node):
        raise GraphError(
            "Trunc with a zero point is not supported",
            node=node.name,
            hint="quantize with a zero point of 0",
        )
    in_bits = _bits(reader, node, 3)
    attrs: dict[str, AttrValue] = {
        "scale": (scale,),
        "axis": None,
        "rounding": str(_rounding(node, "FLOOR")),
    }
    if len(node.inputs) == 5:
        shift = in_bits - _bits(reader, node, 4)
        attrs |= {"bits": _UNCLAMPED_BITS, "signed": 1, "narrow": 0, "output_scale": (scale,)}
    else:
        output_scale = float(_one(node, _scale(reader, node, 4), "the output scale"))
        shift = int(np.round(np.log2(output_scale / scale)))
        attrs |= {
            "bits": _bits(reader, node, 5),
            "signed": flag(node, "signed", 1),
            "narrow": flag(node, "narrow", 0),
            "output_scale": (output_scale,),
        }
    if shift < 0:
        raise GraphError(
            f"Trunc must not add bits, but its shift is {shift}",
            node=node.name,
            hint="Quant adds bits",
        )
    reader.emit(node, "Trunc", (source,), attrs={**attrs, "shift": shift})


def place(
    reader: Reader,
    node: SourceNode,
    op: str,
    attrs: dict[str, AttrValue],
    *,
    in_float64: bool = False,
) -> None:
    """Put a quantizer into the graph, or remember it with the constant that it quantizes.

    Args:
        reader: The graph so far.
        node: The quantizer of the file, whose second input is the scale.
        op: What it is in the graph.
        attrs: Its attributes there, but for scale, axis and precision.
        in_float64: Whether it computes exactly whatever it reads.
    """
    scale = _scale(reader, node, 1)
    name = node.inputs[0] if node.inputs else ""
    constant = reader.constants.get(name)
    if constant is not None:
        scale = _suiting(node, scale, constant.shape)
        if not in_float64:
            attrs = {**attrs, **_precision(reader, node, constant.dtype.name)}
        compact(scale, constant.shape, node=node.name)
        reader.quantized[node.outputs[0]] = QuantizedConstant(
            reader.reals(node, 0, f'the constant "{name}"'), scale, op, attrs, node.name
        )
        return
    if name in reader.quantized:
        raise GraphError(
            "a constant must not be quantized twice",
            node=node.name,
            hint="store what the first quantizer makes of it",
        )
    if name in reader.slopes and _halves(reader, node, op, scale, attrs):
        return
    source = reader.activation(node)
    shape = reader.shape(source)
    values, axis = compact(_suiting(node, scale, shape), shape, node=node.name)
    if axis == 0:
        raise GraphError(
            "the scale must not vary along the batch axis",
            node=node.name,
            hint="use one scale for the tensor, or one for each channel",
        )
    attrs = {**attrs, "scale": tuple(map(float, values)), "axis": axis}
    if not in_float64:
        attrs |= _precision(reader, node, reader.precisions.get(source))
    reader.emit(node, op, (source,), attrs=attrs)


def _halves(
    reader: Reader, node: SourceNode, op: str, scale: Reals, attrs: dict[str, AttrValue]
) -> bool:
    """Quantize a leaky rectifier as the sum of its quantized halves, of which one is always 0.

    Returns:
        Whether that is exact: the quantizer must keep 0.
    """
    maker, source, slope = reader.slopes[node.inputs[0]]
    if op != "Quant" or attrs["zero_point"]:
        return False
    shape = reader.shape(source)
    values, axis = compact(_suiting(node, scale, shape), shape, node=node.name)
    attrs = {**attrs, "scale": tuple(map(float, values)), "axis": axis}
    attrs |= _precision(reader, node, reader.precisions.get(source))
    positive = reader.emit(maker, "Relu", (source,), "positive")
    upper = reader.emit(node, "Quant", (positive,), "positive", attrs)
    limits: dict[str, AttrValue] = {"low": (-np.inf,), "high": (0.0,)}
    negative = reader.emit(maker, "Clip", (source,), "negative", limits)
    negative = reader.scaled(maker, negative, slope, 0.0, "slope")
    lower = reader.emit(node, "Quant", (negative,), "negative", attrs)
    reader.emit(node, "Add", (upper, lower))
    return True


def _precision(reader: Reader, node: SourceNode, source: str | None) -> dict[str, AttrValue]:
    """The float format in which the quantizer of an input or a constant computes, as attribute.

    Behind the first quantizer values are exact here, whatever the file computes with.
    """
    scale = reader.constants[node.inputs[1]].dtype if len(node.inputs) > 1 else None
    if source is None or scale is None:
        return {}
    common = np.result_type(np.dtype(source), scale)
    return {"precision": common.name} if common.kind == "f" else {}


def _suiting(node: SourceNode, scale: Reals, shape: tuple[int, ...]) -> Reals:
    """The scale with as many axes as `shape`, or none."""
    if scale.size == 1:
        return scale.reshape(())
    full = scale.reshape((1,) * (len(shape) - scale.ndim) + scale.shape)
    if full.ndim != len(shape) or any(
        extent not in (1, wanted) for extent, wanted in zip(full.shape, shape, strict=True)
    ):
        raise GraphError(
            f"a scale of shape {scale.shape} does not suit a tensor of shape {shape}",
            node=node.name,
            hint="one scale for the tensor, or one for each index of an axis behind the batch",
        )
    return full


def _scale(reader: Reader, node: SourceNode, index: int) -> Reals:
    scale = reader.reals(node, index, "the scale")
    if scale.size == 0 or np.any(scale <= 0):
        worst = float(scale.min()) if scale.size else None
        raise GraphError(
            f"the scale must be greater than 0, not {worst}",
            node=node.name,
            hint="it is the step between two codes; for a negative one, negate the values",
        )
    return scale


def _one(node: SourceNode, values: Reals, what: str) -> float:
    if not np.all(values == values.flat[0]):
        raise GraphError(
            f"{what} must be one value", node=node.name, hint="export it alike for all channels"
        )
    return float(values.flat[0])


def _whole(reader: Reader, node: SourceNode, index: int, what: str) -> int:
    values = reader.reals(node, index, what)
    if values.size == 0:
        raise GraphError(f"{what} holds no value", node=node.name)
    value = _one(node, values, what)
    if value != int(value):
        raise GraphError(f"{what} must be an integer, not {value:g}", node=node.name)
    return int(value)


def _bits(reader: Reader, node: SourceNode, index: int) -> int:
    bits = _whole(reader, node, index, "the bit width")
    if not 1 <= bits <= MAX_QUANTIZER_BITS:
        raise GraphError(
            f"the bit width must be from 1 to {MAX_QUANTIZER_BITS}, not {bits}",
            node=node.name,
        )
    return bits


def _zero_point(reader: Reader, node: SourceNode) -> int:
    zero_point = _whole(reader, node, 2, "the zero point")
    if abs(zero_point) >= 1 << MAX_QUANTIZER_BITS:
        raise GraphError(f"the zero point {zero_point} is out of range", node=node.name)
    return zero_point


def _rounding(node: SourceNode, default: str) -> Rounding:
    name = text(node, "rounding_mode", default)
    mode = ROUNDING_OF.get(name.upper())
    if mode is None:
        raise GraphError(
            f"rounding_mode must be one of {', '.join(ROUNDING_OF)}, not {name!r}",
            node=node.name,
        )
    return mode
