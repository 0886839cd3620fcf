"""Products, sums, normalizations and activation functions of ONNX."""

from __future__ import annotations

import numpy as np

from netwright.errors import GraphError
from netwright.exchange.onnx.attributes import flag, integer, real, single
from netwright.exchange.onnx.source_model import SourceNode
from netwright.exchange.qonnx.constant_values import broadcasts, computed_constant
from netwright.exchange.qonnx.read_integer import clip_codes
from netwright.exchange.qonnx.read_windows import emit_conv, transposed_window_attrs
from netwright.exchange.qonnx.reader import Reader
from netwright.ir import AttrValue


def matmul(reader: Reader, node: SourceNode) -> None:
    """Read MatMul with a constant matrix on either side."""
    _needs_two(node)
    if not reader.is_activation(node.inputs[0]):
        _matmul_from_left(reader, node)
        return
    source = reader.activation(node)
    if reader.is_activation(node.inputs[1]):
        raise GraphError(
            "the right factor must be a constant",
            node=node.name,
            hint=reader.no_product_hint,
        )
    shape = _constant_shape(reader, node.inputs[1])
    extra = len(shape) - 2
    if extra > 0 and set(shape[:extra]) == {1} and len(reader.shape(source)) >= len(shape):
        matrix = _reshaped_constant(reader, node, node.inputs[1], shape[extra:])
        reader.emit(node, "MatMul", (source, matrix))
    elif len(shape) == 1:
        matrix = _reshaped_constant(reader, node, node.inputs[1], (*shape, 1))
        product = reader.emit(node, "MatMul", (source, matrix), "column")
        reader.emit(node, "Reshape", (product,), attrs={"shape": reader.shape(product)[:-1]})
    elif extra > 0:
        raise GraphError(
            f"the right factor must be one matrix, not a stack of shape {shape}",
            node=node.name,
            hint="split it into a MatMul for each matrix, and Concat; or do it on the host",
        )
    else:
        reader.emit(node, "MatMul", (source, reader.place(node, 1, "the weights")))


def _matmul_from_left(reader: Reader, node: SourceNode) -> None:
    """A constant matrix times columns: the same as rows times the transposed matrix."""
    source = reader.activation(node, 1)
    rank, shape = len(reader.shape(source)), _constant_shape(reader, node.inputs[0])
    if rank < 3 or len(shape) != 2:
        raise GraphError(
            f"a constant of shape {shape} on the left of {reader.shape(source)} would mix the rows "
            "of a batch",
            node=node.name,
            hint="put the weights on the right",
        )
    order = (*range(rank - 2), rank - 1, rank - 2)
    turned = reader.emit(node, "Transpose", (source,), "columns", {"order": order})
    product = reader.emit(node, "MatMul", (turned, _transposed(reader, node, 0)), "product")
    reader.emit(node, "Transpose", (product,), attrs={"order": order})


def _constant_shape(reader: Reader, name: str) -> tuple[int, ...]:
    quantized = reader.quantized.get(name)
    return (reader.constants[name] if quantized is None else quantized.values).shape


def _reshaped_constant(reader: Reader, node: SourceNode, name: str, shape: tuple[int, ...]) -> str:
    """A constant with other axes of one element, placed in the graph."""
    quantized = reader.quantized.get(name)
    if quantized is None:
        values = reader.reals(node, 1, "the weights").reshape(shape)
        return reader.place_values(f"{name}_matrix", values)
    scale = quantized.scale
    if scale.ndim:
        scale = np.broadcast_to(scale, quantized.values.shape).reshape(shape)
    moved = quantized.moved(quantized.values.reshape(shape), scale)
    return reader.place_quantized(name, moved, form="matrix")


def gemm(reader: Reader, node: SourceNode) -> None:
    """Read Gemm: ``alpha * x @ w + beta * b``."""
    source = reader.activation(node)
    if flag(node, "transA", 0):
        raise GraphError(
            "transA must be 0: it moves the batch axis",
            node=node.name,
            hint="export the product as MatMul",
        )
    alpha, beta = real(node, "alpha", 1.0), real(node, "beta", 1.0)
    if len(node.inputs) < 2 or reader.is_activation(node.inputs[1]):
        raise computed_constant(node, "the right factor")
    weights = _gemm_weights(reader, node)
    bias = _gemm_bias(reader, node, reader.shape(weights)[1], keep=alpha == 1 and beta == 1)
    if alpha == 1:
        reader.emit(node, "MatMul", (source, weights, bias) if bias else (source, weights))
        return
    product = reader.emit(node, "MatMul", (source, weights), "product")
    factor = reader.place_values(f"{node.name}.alpha", alpha)
    if not bias:
        reader.emit(node, "Mul", (product, factor))
        return
    scaled = reader.emit(node, "Mul", (product, factor), "scaled")
    reader.emit(node, "Add", (scaled, bias))


def _gemm_bias(reader: Reader, node: SourceNode, channels: int, *, keep: bool) -> str:
    """Put the bias, times beta, into the graph; a quantized one stays so if `keep`."""
    if len(node.inputs) < 3:
        return ""
    if reader.is_activation(node.inputs[2]):
        raise GraphError(
            "the bias must be a constant",
            node=node.name,
            hint="write the sum with an activation as a node Add behind it",
        )
    quantized = reader.quantized.get(node.inputs[2])
    if keep and quantized is not None and quantized.values.shape == (channels,):
        return reader.place(node, 2, "the bias")
    values = real(node, "beta", 1.0) * reader.values(node, 2, "the bias")
    if values.shape not in ((), (1,), (1, 1), (channels,), (1, channels)):
        raise GraphError(
            f"a bias of shape {values.shape} does not hold 1 or {channels} values that are the "
            "same for every row",
            node=node.name,
            hint="export with a bias of one value for each output",
        )
    values = np.broadcast_to(values.reshape(-1), (channels,)).copy()
    return reader.place_values(f"{node.name}.bias", values)


def _gemm_weights(reader: Reader, node: SourceNode) -> str:
    name = node.inputs[1]
    quantized = reader.quantized.get(name)
    values = reader.reals(node, 1, "the weights") if quantized is None else quantized.values
    if values.ndim != 2:
        raise GraphError(
            f"the weights must be a matrix, not of shape {values.shape}", node=node.name
        )
    if not flag(node, "transB", 0):
        return reader.place(node, 1, "the weights")
    return _transposed(reader, node, 1)


def _transposed(reader: Reader, node: SourceNode, index: int) -> str:
    """The constant matrix at input `index`, transposed and placed in the graph."""
    name = node.inputs[index]
    quantized = reader.quantized.get(name)
    if quantized is None:
        values = reader.reals(node, index, "the weights")
        return reader.place_values(f"{name}_transposed", values.T.copy())
    scale = quantized.scale.T if quantized.scale.ndim else quantized.scale
    moved = quantized.moved(quantized.values.T.copy(), scale)
    return reader.place_quantized(name, moved, form="transposed")


def conv(reader: Reader, node: SourceNode) -> None:
    """Read Conv in one or two dimensions."""
    source = reader.activation(node)
    if len(node.inputs) < 2 or reader.is_activation(node.inputs[1]):
        raise GraphError(
            "the weights must be a constant",
            node=node.name,
            hint=reader.no_product_hint,
        )
    inputs: tuple[str, ...] = (source, reader.place(node, 1, "the weights"))
    if len(node.inputs) > 2:
        inputs = (*inputs, reader.place(node, 2, "the bias"))
    emit_conv(reader, node, inputs)


def conv_transpose(reader: Reader, node: SourceNode) -> None:
    """Read ConvTranspose in one or two dimensions."""
    source = reader.activation(node)
    if len(node.inputs) < 2 or reader.is_activation(node.inputs[1]):
        raise computed_constant(node, "the weights")
    weights = reader.place(node, 1, "the weights")
    taps = reader.shape(weights)[2:]
    if len(taps) not in (1, 2):
        raise GraphError(
            f"weights of shape {reader.shape(weights)} are not supported",
            node=node.name,
            hint="transposed convolutions in one and two dimensions are; others are for the host",
        )
    inputs: tuple[str, ...] = (source, weights)
    if len(node.inputs) > 2:
        inputs = (*inputs, reader.place(node, 2, "the bias"))
    attrs: dict[str, AttrValue] = {
        **transposed_window_attrs(node, reader.shape(source)[2:], taps),
        "group": integer(node, "group", 1),
    }
    reader.emit(node, "ConvTranspose", inputs, attrs=attrs)


def add(reader: Reader, node: SourceNode) -> None:
    """Read Add of activations or of an activation and a constant."""
    _needs_two(node)
    inputs = [
        reader.activation(node, index)
        if reader.is_activation(name)
        else reader.place(node, index, "the addend")
        for index, name in enumerate(node.inputs)
    ]
    reader.emit(node, "Add", (inputs[0], inputs[1]))


def subtract(reader: Reader, node: SourceNode) -> None:
    """Read Sub as a sum with a negated term."""
    _needs_two(node)
    if not reader.is_activation(node.inputs[1]):
        values = -reader.values(node, 1, "the subtrahend")
        other = reader.place_values(f"{node.name}.addend", values)
        reader.emit(node, "Add", (reader.activation(node), other))
        return
    minus = reader.place_values(f"{node.name}.minus", -1.0)
    negated = reader.emit(node, "Mul", (reader.activation(node, 1), minus), "negated")
    first = (
        reader.activation(node)
        if reader.is_activation(node.inputs[0])
        else reader.place(node, 0, "the minuend")
    )
    reader.emit(node, "Add", (negated, first))


def negate(reader: Reader, node: SourceNode) -> None:
    """Read Neg."""
    minus = reader.place_values(f"{node.name}.minus", -1.0)
    reader.emit(node, "Mul", (reader.activation(node), minus))


def multiply(reader: Reader, node: SourceNode) -> None:
    """Read Mul by a constant."""
    _needs_two(node)
    data = 0 if reader.is_activation(node.inputs[0]) else 1
    if reader.is_activation(node.inputs[1 - data]):
        both = reader.activation(node), reader.activation(node, 1)
        if reader.functions_of_one(list(both)) is not None:
            reader.emit(node, "Mul", both)
            return
        raise GraphError(
            "one factor must be a constant",
            node=node.name,
            hint=reader.no_product_hint,
        )
    factor = reader.place(node, 1 - data, "the factor")
    reader.emit(node, "Mul", (reader.activation(node, data), factor))


def divide(reader: Reader, node: SourceNode) -> None:
    """Read Div by a constant."""
    _needs_two(node)
    if reader.is_activation(node.inputs[1]):
        raise computed_constant(node, "the divisor")
    divisor = reader.values(node, 1, "the divisor")
    if np.any(divisor == 0):
        raise GraphError("the divisor holds 0", node=node.name)
    source = reader.activation(node)
    if reader.precisions.get(source) == "float64" and np.any(np.frexp(np.abs(divisor))[0] != 0.5):
        raise GraphError(
            "a real input of float64 is divided, which rounds otherwise than a product",
            node=node.name,
            hint="multiply by the inverse, divide by powers of two, or export in float32",
        )
    factor = reader.place_values(f"{node.name}.factor", 1 / divisor)
    reader.emit(node, "Mul", (source, factor))


def normalize(reader: Reader, node: SourceNode) -> None:
    """Read BatchNormalization as it acts after training."""
    if flag(node, "training_mode", 0) or (reader.source.opset < 7 and not flag(node, "is_test", 0)):
        raise GraphError(
            "training_mode must be 0", node=node.name, hint="export the model in evaluation mode"
        )
    if not flag(node, "spatial", 1):
        raise GraphError(
            "spatial must be 1: one factor for each channel",
            node=node.name,
            hint="export with an opset of 9 or more",
        )
    if len(node.inputs) != 5:
        raise GraphError(
            f"BatchNormalization takes 5 inputs, not {len(node.inputs)}", node=node.name
        )
    epsilon = single(node, "epsilon", 1e-5)
    names = ("the scale", "the shift", "the mean", "the variance")
    if np.any(reader.values(node, 4, "the variance") + epsilon <= 0):
        raise GraphError("the variance must be greater than 0", node=node.name)
    inputs = [reader.place(node, index + 1, what) for index, what in enumerate(names)]
    reader.emit(
        node,
        "BatchNormalization",
        (reader.activation(node), *inputs),
        attrs={"epsilon": (epsilon,)},
    )


def relu(reader: Reader, node: SourceNode) -> None:
    """Read Relu."""
    reader.emit(node, "Relu", (reader.activation(node),))


def clip(reader: Reader, node: SourceNode) -> None:
    """Read Clip; missing limits are infinite."""
    limits = {"low": (float("-inf"),), "high": (float("inf"),)}
    for index, (old, name) in enumerate((("min", "low"), ("max", "high"))):
        if old in node.attrs:
            limits[name] = (real(node, old, 0.0),)
        elif len(node.inputs) > index + 1 and node.inputs[index + 1]:
            value = reader.constant(node, index + 1, f"the {old}imum").astype(np.float64)
            if value.size != 1 or np.isnan(value).any():
                raise GraphError(f"the {old}imum must be one number", node=node.name)
            limits[name] = (float(value.reshape(())),)
    if limits["low"] > limits["high"]:
        raise GraphError(
            f"the minimum {limits['low'][0]:g} exceeds the maximum {limits['high'][0]:g}",
            node=node.name,
        )
    if node.inputs[0] in reader.codes:
        clip_codes(reader, node, limits["low"][0], limits["high"][0])
        return
    reader.emit(node, "Clip", (reader.activation(node),), attrs=dict(limits))


def leaky_relu(reader: Reader, node: SourceNode) -> None:
    """Read LeakyRelu; a quantizer that reads it takes its two halves apart."""
    slope = np.asarray(single(node, "alpha", 0.01))
    reader.slopes[node.outputs[0]] = (node, reader.activation(node), slope)


def prelu(reader: Reader, node: SourceNode) -> None:
    """Read PRelu with constant slopes."""
    _needs_two(node)
    source = reader.activation(node)
    slope = reader.values(node, 1, "the slope")
    shape = reader.shape(source)
    if slope.size > 1 and not broadcasts(slope.shape, shape):
        raise GraphError(f"a slope of shape {slope.shape} does not suit {shape}", node=node.name)
    reader.slopes[node.outputs[0]] = (node, source, slope.reshape(()) if slope.size == 1 else slope)


def softmax(reader: Reader, node: SourceNode) -> None:
    """Read Softmax."""
    version = reader.source.opsets.get("", 13)
    axis = integer(node, "axis", -1 if version >= 13 else 1)
    source = reader.activation(node)
    rank = len(reader.shape(source))
    if axis % rank != rank - 1 and rank > 0:
        raise GraphError(
            f"Softmax must act on the last axis, not on axis {axis}",
            node=node.name,
            hint="put a Transpose on both sides, or end the file before it and take it on the host",
        )
    reader.emit(node, "Softmax", (source,), attrs={"axis": -1})


def _needs_two(node: SourceNode) -> None:
    if "axis" in node.attrs:  # up to version 6
        raise GraphError(
            f"{node.op} with the attribute axis is not supported",
            node=node.name,
            hint="export with an opset of 7 or more",
        )
    if len(node.inputs) != 2 or not all(node.inputs):
        raise GraphError(f"{node.op} takes 2 inputs, not {len(node.inputs)}", node=node.name)
