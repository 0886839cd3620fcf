"""Integers of standard ONNX: ``QuantizeLinear``, ``DequantizeLinear`` and what computes on codes.

An integer tensor that depends on the graph's inputs is kept as :class:`Codes`: the real values that
it stands for and the grid they lie on. So every file ends in the same quantizers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import GraphError
from netwright.exchange.onnx.attributes import axis, flag, integer, real
from netwright.exchange.onnx.source_model import SourceNode
from netwright.exchange.onnx.source_tensor import integer_limits
from netwright.exchange.qonnx.constant_values import (
    QuantizedConstant,
    broadcasts,
    computed_constant,
)
from netwright.exchange.qonnx.read_arithmetic import check_sums
from netwright.exchange.qonnx.read_windows import emit_conv
from netwright.exchange.qonnx.reader import Codes, Reader, Reals
from netwright.formats import smallest_int
from netwright.ir import AttrValue
from netwright.passes.real_builder import enclosing_format, format_attrs

_TYPES = {
    2: (0, 255), 3: (-128, 127), 4: (0, 65_535), 5: (-32_768, 32_767), 21: (0, 15), 22: (-8, 7),
    25: (0, 3), 26: (-2, 1),
}  # fmt: skip
"""Limits of the element types of codes, by ONNX's number of the type."""


def quantize_linear(reader: Reader, node: SourceNode) -> None:
    """Read QuantizeLinear of an activation or of a constant."""
    _refuse_blocks(node)
    name = node.inputs[0] if node.inputs else ""
    if name in reader.quantized:
        raise GraphError(
            "a constant must not be quantized twice",
            node=node.name,
            hint="store what the first quantizer makes of it",
        )
    source = reader.activation(node)
    zero_point, limits = zero_point_of(reader, node, 2)
    given = integer(node, "output_dtype", 0)
    if len(node.inputs) < 3 and given:
        if given not in _TYPES:
            raise GraphError(
                f"codes of element type {given} are not supported",
                node=node.name,
                hint="integers of 2 to 16 bits are",
            )
        limits = _TYPES[given]
    scale = scale_of(reader, node, 1, len(reader.shape(source)))
    _define(reader, node, source, scale, zero_point, limits)


def dequantize_linear(reader: Reader, node: SourceNode) -> None:
    """Read DequantizeLinear of codes or of an integer constant."""
    _refuse_blocks(node)
    name = node.inputs[0] if node.inputs else ""
    if name in reader.constants:
        values = reader.constants[name]
        reader.quantized[node.outputs[0]] = _constant(reader, node, name, values.ndim, (1, 2))
        return
    zero_point, _ = zero_point_of(reader, node, 2)
    tensor = _dequantized(reader, node, 0, 1, zero_point, node.outputs[0])
    if tensor != node.outputs[0]:
        reader.rename(node, tensor)


def clip_codes(reader: Reader, node: SourceNode, low: float, high: float) -> None:
    """Read a Clip of codes: the quantizer saturates at its limits, as long as nobody else reads."""
    codes = reader.codes[node.inputs[0]]
    if not (low <= high and low <= codes.high and codes.low <= high):
        raise GraphError(f"no code lies between {low:g} and {high:g}", node=node.name)
    limits = int(np.ceil(max(low, codes.low))), int(np.floor(min(high, codes.high)))
    if limits[0] > limits[1]:
        raise GraphError(f"no code lies between {low:g} and {high:g}", node=node.name)
    maker = codes.maker
    if maker is None:
        step = float(np.max(codes.scale))
        if codes.scale.size > 1:
            raise GraphError(
                "codes with a scale per channel are clipped",
                node=node.name,
                hint="clip in front of the quantizer, or use one scale for the tensor",
            )
        bounds: dict[str, AttrValue] = {
            "low": ((limits[0] - codes.zero_point) * step,),
            "high": ((limits[1] - codes.zero_point) * step,),
        }
        source = reader.emit(node, "Clip", (codes.source,), "clipped", bounds)
        codes = replace(codes, source=source)
    elif reader.uses[node.inputs[0]] > 1:
        maker = replace(maker, name=reader.names.fresh(f"{maker.name}_{node.name}"))
    reader.codes[node.outputs[0]] = replace(codes, low=limits[0], high=limits[1], maker=maker)


def qlinear_conv(reader: Reader, node: SourceNode) -> None:
    """Read QLinearConv: a convolution between a dequantizer and a quantizer."""
    _needs(node, 8)
    source = _dequantized(reader, node, 0, 1, zero_point_of(reader, node, 2)[0])
    weights = _operand(reader, node, 3, axis_of_scale=0)
    inputs: tuple[str, ...] = (source, reader.place_quantized(node.inputs[3], weights))
    if len(node.inputs) > 8:
        inputs = (*inputs, _bias(reader, node, 8, 1, weights))
    product = emit_conv(reader, node, inputs, output="product")
    _finish(reader, node, product, 6)


def qlinear_matmul(reader: Reader, node: SourceNode) -> None:
    """Read QLinearMatMul."""
    _needs(node, 8)
    source = _dequantized(reader, node, 0, 1, zero_point_of(reader, node, 2)[0])
    weights = _operand(reader, node, 3, axis_of_scale=-1)
    placed = reader.place_quantized(node.inputs[3], weights)
    product = reader.emit(node, "MatMul", (source, placed), "product")
    _finish(reader, node, product, 6)


def qgemm(reader: Reader, node: SourceNode) -> None:
    """Read ONNX Runtime's QGemm: its bias is int32 with the scale of the products."""
    _needs(node, 6)
    if flag(node, "transA", 0):
        raise GraphError(
            "transA must be 0: it moves the batch axis",
            node=node.name,
            hint="export in QDQ form (QuantFormat.QDQ), the product as MatMul",
        )
    if real(node, "alpha", 1.0) != 1:
        raise GraphError(
            "alpha must be 1 for codes", node=node.name, hint="export in QDQ form (QuantFormat.QDQ)"
        )
    source = _dequantized(reader, node, 0, 1, zero_point_of(reader, node, 2)[0])
    flipped = flag(node, "transB", 0)
    weights = _operand(reader, node, 3, axis_of_scale=0 if flipped else -1)
    form = ""
    if flipped:
        scale = weights.scale.T if weights.scale.ndim else weights.scale
        weights, form = weights.moved(weights.values.T.copy(), scale), "transposed"
    placed = reader.place_quantized(node.inputs[3], weights, form=form)
    inputs: tuple[str, ...] = (source, placed)
    if len(node.inputs) > 6 and node.inputs[6]:
        inputs = (*inputs, _bias(reader, node, 6, 1, weights))
    product = reader.emit(node, "MatMul", inputs, "product")
    if len(node.inputs) > 7:
        _finish(reader, node, product, 7)
    else:
        reader.rename(node, product)


def qlinear_binary(reader: Reader, node: SourceNode) -> None:
    """Read ONNX Runtime's QLinearAdd of two activations, or of one and a constant."""
    _needs(node, 7)
    terms = []
    for start in (0, 3):
        if node.inputs[start] in reader.constants:
            operand = _operand(reader, node, start, axis_of_scale=0)
            terms.append(reader.place_quantized(node.inputs[start], operand))
        else:
            zero_point = zero_point_of(reader, node, start + 2)[0]
            terms.append(_dequantized(reader, node, start, start + 1, zero_point))
    made = reader.emit(node, "Add", (terms[0], terms[1]), "sum")
    _finish(reader, node, made, 6)


def dequantized_input(reader: Reader, node: SourceNode, index: int) -> str:
    """A name for the values of codes whose scale and zero point stand behind them."""
    _needs(node, index + 3)
    zero_point = zero_point_of(reader, node, index + 2)[0]
    name = reader.names.fresh(f"{node.name}_input")
    reader.renamed[name] = _dequantized(reader, node, index, index + 1, zero_point)
    return name


def quantized_output(reader: Reader, node: SourceNode, made: str, index: int) -> None:
    """Quantize a tensor of the file with the scale and the zero point at `index` and behind it."""
    _finish(reader, node, reader.tensor(made), index)


def qlinear_pool(reader: Reader, node: SourceNode) -> None:
    """Read ONNX Runtime's QLinearGlobalAveragePool and QLinearAveragePool."""
    from netwright.exchange.qonnx.read_pools import emit_pool

    _needs(node, 5)
    if flag(node, "channels_last", 0):
        raise GraphError(
            "channels_last must be 0", node=node.name, hint="export in QDQ form (QuantFormat.QDQ)"
        )
    source = _dequantized(reader, node, 0, 1, zero_point_of(reader, node, 2)[0])
    everywhere = node.op == "QLinearGlobalAveragePool"
    made = emit_pool(reader, node, source, everywhere=everywhere, output="average")
    _finish(reader, node, made, 3)


def qlinear_concat(reader: Reader, node: SourceNode) -> None:
    """Read ONNX Runtime's QLinearConcat."""
    _needs(node, 5)
    starts = range(2, len(node.inputs) - 2, 3)
    parts = tuple(
        _dequantized(reader, node, i, i + 1, zero_point_of(reader, node, i + 2)[0]) for i in starts
    )
    along = axis(node, integer(node, "axis", 0), len(reader.shape(parts[0])))
    made = reader.emit(node, "Concat", parts, "joined", {"axis": along})
    _finish(reader, node, made, 0)


def integer_product(reader: Reader, node: SourceNode) -> None:
    """Read MatMulInteger and ConvInteger: int32 sums of codes without scales."""
    _needs(node, 2)
    zero_point = zero_point_of(reader, node, 2)[0] if len(node.inputs) > 2 else 0
    source = reader.scaled(node, reader.activation(node), 1.0, -float(zero_point), "source")
    if reader.is_activation(node.inputs[1]):
        raise computed_constant(node, "the right factor")
    if node.inputs[1] not in reader.constants:
        raise GraphError("weights must be codes, not real values behind a quantizer",
                         node=node.name)  # fmt: skip
    codes = reader.constants[node.inputs[1]]
    limits: tuple[int, int] | None = _limits_of(node, codes)
    values = codes.astype(np.float64)
    if len(node.inputs) > 3:
        shift = reader.reals(node, 3, "the zero point")
        columns = node.op == "MatMulInteger"
        shift = shift if columns or shift.size == 1 else _first_axis(shift, values.ndim)
        values = _moved(node, values, shift)
        limits = None if np.any(shift) else limits
    weights = _integers(values, np.ones(()), node.name, limits)
    placed = reader.place_quantized(node.inputs[1], weights, form=f"for_{node.name}")
    if node.op == "MatMulInteger":
        made = reader.emit(node, "MatMul", (source, placed), "product")
    else:
        made = emit_conv(reader, node, (source, placed), output="product")
    int32 = (-(1 << 31), (1 << 31) - 1)
    low, high = int32
    given = reader.codes.get(node.inputs[0])
    if given is not None:
        columns = node.op == "MatMulInteger" and values.ndim > 1
        sums = np.moveaxis(values, -2, -1) if columns else values
        flat = sums.reshape(-1, sums.shape[-1]) if columns else sums.reshape(len(sums), -1)
        low, high = check_sums(node, given, zero_point, flat)
    reader.codes[node.outputs[0]] = Codes(made, np.ones(()), 0, low, high, limits=int32)


def dynamic(reader: Reader, node: SourceNode) -> None:
    """Refuse operators that choose their scale from each row.

    Raises:
        GraphError: Always.
    """
    raise GraphError(
        f"{node.op} chooses its scale anew for every row, which fixed hardware cannot",
        node=node.name,
        hint="quantize statically, for instance with onnxruntime.quantization.quantize_static",
    )


def zero_point_of(reader: Reader, node: SourceNode, index: int) -> tuple[int, tuple[int, int]]:
    """The zero point at input `index`, and the limits of its element type; uint8 without one.

    Raises:
        GraphError: It is no constant of integers, or differs between channels.
    """
    if index >= len(node.inputs) or not node.inputs[index]:
        return 0, (0, 255)
    values = reader.constant(node, index, "the zero point")
    limits = _limits_of(node, values, hint="integers of 2 to 16 bits are")
    found = set(values.astype(np.int64).reshape(-1).tolist())
    if len(found) != 1:
        raise GraphError(
            "a zero point per channel is supported for constants only",
            node=node.name,
            hint="quantize activations with one zero point for the tensor",
        )
    return int(found.pop()), limits


def scale_of(reader: Reader, node: SourceNode, index: int, rank: int, *, along: int = 1) -> Reals:
    """The scale at input `index`, 0-dimensional or shaped to broadcast against `rank` axes.

    Raises:
        GraphError: It is not positive, or does not suit the axis.
    """
    scale = reader.reals(node, index, "the scale")
    if scale.size == 0 or np.any(scale <= 0):
        worst = float(scale.min()) if scale.size else None
        raise GraphError(
            f"the scale must be greater than 0, not {worst}",
            node=node.name,
            hint="it is the step between two codes; for a negative one, negate the values",
        )
    if scale.size == 1:
        return scale.reshape(())
    if scale.ndim != 1:
        raise GraphError(
            f"a scale of shape {scale.shape} is not supported",
            node=node.name,
            hint="one value for the tensor, or one for each index of one axis",
        )
    position = axis(node, integer(node, "axis", along), rank)
    return scale.reshape([-1 if i == position else 1 for i in range(rank)])


def _dequantized(
    reader: Reader, node: SourceNode, index: int, scale: int, zero_point: int, output: str = ""
) -> str:
    """The values that codes at input `index` stand for, given the scale at input `scale`."""
    name = node.inputs[index]
    codes = reader.codes.get(name)
    rank = len(reader.shape(codes.source if codes else reader.activation(node, index)))
    wanted = scale_of(reader, node, scale, rank)
    if codes is not None and codes.zero_point == zero_point:
        if np.array_equal(np.broadcast_to(codes.scale, wanted.shape), wanted):
            return reader.dequantized(name, output=output)
        if codes.maker is None:  # such as int32 sums: one factor, no detour over whole codes
            return reader.scaled(node, codes.source, wanted / codes.scale, 0.0, f"input{index}")
    source = reader.activation(node, index)
    moved = reader.scaled(node, source, 1.0, -float(zero_point), f"input{index}_centered")
    return reader.scaled(node, moved, wanted, 0.0, f"input{index}")


def _constant(
    reader: Reader, node: SourceNode, name: str, rank: int, places: tuple[int, int], along: int = 1
) -> QuantizedConstant:
    """The integer constant `name` with its scale and zero point at the inputs `places`."""
    codes = reader.constants[name]
    limits: tuple[int, int] | None = _limits_of(node, codes)
    scale = scale_of(reader, node, places[0], rank, along=along)
    values = codes.astype(np.float64)
    if len(node.inputs) > places[1] and node.inputs[places[1]]:
        shift = reader.reals(node, places[1], "the zero point")
        if shift.size > 1:
            position = axis(node, integer(node, "axis", along), rank)
            shift = shift.reshape([-1 if i == position else 1 for i in range(rank)])
        values = _moved(node, values, shift)
        limits = limits if not np.any(shift) else None
    if not broadcasts(scale.shape, values.shape):
        raise GraphError(
            f"a scale of shape {scale.shape} does not suit a tensor of shape {values.shape}",
            node=node.name,
        )
    return _integers(values, scale, node.name, limits)


def _operand(
    reader: Reader, node: SourceNode, index: int, *, axis_of_scale: int
) -> QuantizedConstant:
    """A constant operand of a QLinear operator: codes, scale and zero point in a row."""
    name = node.inputs[index]
    if name not in reader.constants:
        raise GraphError(
            f"input {index} of {node.op} must be a constant",
            node=node.name,
            hint=reader.no_product_hint,
        )
    rank = reader.constants[name].ndim
    return _constant(reader, node, name, rank, (index + 1, index + 2), axis_of_scale)


def _limits_of(
    node: SourceNode,
    codes: NDArray[Any],
    hint: str = "quantize with integer types, from int4 to int32",
) -> tuple[int, int]:
    """Limits of the element type of a constant that must hold codes."""
    limits = integer_limits(codes)
    if limits is None:
        raise GraphError(
            f"codes of type {codes.dtype} are not supported", node=node.name, hint=hint
        )
    return limits


def _moved(node: SourceNode, values: Reals, shift: Reals) -> Reals:
    """Codes without their zero point, one or one for each channel."""
    shift = shift.reshape(()) if shift.size == 1 else shift
    if not broadcasts(shift.shape, values.shape):
        raise GraphError(
            f"a zero point of shape {shift.shape} does not suit codes of shape {values.shape}",
            node=node.name,
        )
    return values - shift


def _integers(
    values: Reals, scale: Reals, name: str, limits: tuple[int, int] | None
) -> QuantizedConstant:
    """Centered codes and their scale as a constant behind a quantizer that keeps every code."""
    reach = limits or (int(values.min(initial=0)), int(values.max(initial=0)))
    dtype = enclosing_format(*reach) if limits else smallest_int(*reach)
    attrs: dict[str, AttrValue] = {
        **format_attrs(dtype),
        "rounding": "half-even",
        "zero_point": 0,
    }
    return QuantizedConstant(values * scale, scale, "Quant", attrs, name)


def _bias(
    reader: Reader, node: SourceNode, index: int, scale: int, weights: QuantizedConstant
) -> str:
    """An int32 bias: its scale is that of the products."""
    codes = reader.reals(node, index, "the bias").reshape(-1)
    own = reader.reals(node, scale, "the scale")
    if own.size != 1:
        raise GraphError(f"the scale must be one number, not {own.size}", node=node.name)
    unit = np.asarray(float(own.reshape(())) * weights.scale)
    unit = unit.reshape(-1) if unit.size > 1 else unit.reshape(())
    placed = _integers(codes, unit, reader.names.fresh(f"{node.name}_bias"), None)
    return reader.place_quantized(node.inputs[index], placed, form=f"for_{node.name}")


def _finish(reader: Reader, node: SourceNode, product: str, index: int) -> None:
    """Quantize a result with the scale and the zero point at `index` and behind it."""
    zero_point, limits = zero_point_of(reader, node, index + 1)
    scale = scale_of(reader, node, index, len(reader.shape(product)))
    _define(reader, node, product, scale, zero_point, limits)


def _define(
    reader: Reader,
    node: SourceNode,
    source: str,
    scale: Reals,
    zero_point: int,
    limits: tuple[int, int],
) -> None:
    reader.codes[node.outputs[0]] = Codes(source, scale, zero_point, *limits, node, limits)


def _first_axis(values: Reals, rank: int) -> Reals:
    return values.reshape(-1, *(1,) * (rank - 1))


def _needs(node: SourceNode, count: int) -> None:
    if len(node.inputs) < count:
        raise GraphError(
            f"{node.op} takes {count} inputs or more, not {len(node.inputs)}", node=node.name
        )


def _refuse_blocks(node: SourceNode) -> None:
    if integer(node, "block_size", 0):
        raise GraphError(
            "scales per block (block_size) are not supported",
            node=node.name,
            hint="quantize with one scale for the tensor, or one for each channel",
        )
