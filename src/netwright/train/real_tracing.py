"""From a quantized torch model to a graph of real values with quantizers, as others export it."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from netwright.errors import UnsupportedOp
from netwright.ir import FLOAT, Array, AttrValue, Graph, Node, TensorType, check
from netwright.train.layers import QuantLayer
from netwright.train.network import QuantModel
from netwright.train.operations import EVERYTHING, RELU, Clip, QuantActivation, QuantInput
from netwright.train.quantizer import Quantizer


@torch.no_grad()
def trace_quantized(model: QuantModel, *, name: str = "network") -> Graph:
    """Translate `model` into the quantized form with its own real scales.

    This is what exporters such as HAWQ's and Brevitas' write: weights and activations pass
    quantizers with real scales, biases are plain real numbers. It means the same up to rounding in
    floating point; :func:`~netwright.train.trace` gives the exact integer graph.

    Args:
        model: A quantized model of dense layers.
        name: Name of the graph.

    Raises:
        UnsupportedOp: A layer that is not dense.
    """
    nodes: list[Node] = []
    types = {"x": TensorType((1, *model.input_shape), FLOAT)}
    constants: dict[str, Array] = {}

    def add(
        node: str, op: str, inputs: tuple[str, ...], width: tuple[int, ...], **attrs: AttrValue
    ) -> str:
        output = f"{node}_out"
        nodes.append(Node(node, op, inputs, output, attrs))
        types[output] = TensorType(width, FLOAT)
        return output

    def constant(key: str, values: Array) -> str:
        constants[key] = values
        types[key] = TensorType(values.shape, FLOAT)
        return key

    current = "x"
    for step in model.steps:
        key, operation = step.name, step.operation
        shape = types[current].shape
        match operation:
            case QuantInput():
                current = add(key, "Quant", (current,), shape, **_format(operation.quantizer))
            case QuantActivation() if operation.interval in (EVERYTHING, RELU):
                label = step.origin
                if operation.interval.is_relu:
                    current = add(f"{label}_relu", "Relu", (current,), shape)
                attrs = _format(operation.quantizer)
                current = add(f"{label}_quant", "Quant", (current,), shape, **attrs)
            case Clip() if operation.interval.is_relu:
                current = add(f"{step.origin}_relu", "Relu", (current,), shape)
            case QuantLayer() if isinstance(operation.layer, nn.Linear) and len(shape) == 2:
                matrix = constant(f"{key}_weight", _array(operation.layer.weight).T.copy())
                quantizer = operation.weight_quantizer
                axis = None if quantizer.spec.channels is None else 1
                weight = add(
                    f"{key}_weight_quant", "Quant", (matrix,), constants[matrix].shape,
                    **_format(quantizer, axis=axis),
                )  # fmt: skip
                shape = (1, constants[matrix].shape[1])
                current = add(key, "MatMul", (current, weight), shape)
                if operation.layer.bias is not None:
                    bias = constant(f"{key}_bias", _array(operation.layer.bias))
                    current = add(f"{key}_add", "Add", (current, bias), shape)
            case _:
                raise UnsupportedOp(
                    type(operation).__name__,
                    node=step.origin,
                    where="trace_quantized",
                    hint="accepted: dense layers",
                )
    return check(Graph(name, ("x",), (current,), tuple(nodes), types, constants, head=model.head))


def _array(values: torch.Tensor) -> Array:
    return np.asarray(values.detach().double().numpy())


def _format(quantizer: Quantizer, *, axis: int | None = None) -> dict[str, AttrValue]:
    spec = quantizer.spec
    return {
        "scale": tuple(float(value) for value in quantizer.scale.reshape(-1)),
        "axis": axis,
        "zero_point": 0,
        "bits": spec.dtype.bits,
        "signed": int(spec.dtype.signed),
        "narrow": int(spec.dtype.narrow),
        "rounding": str(spec.rounding),
    }
