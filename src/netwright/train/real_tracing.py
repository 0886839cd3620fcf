"""From a quantized torch model to a graph of real values with quantizers, as others export it."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from netwright.errors import UnsupportedOp
from netwright.ir import FLOAT, Array, AttrValue, Graph, Node, TensorType, check
from netwright.train.layers import QuantInput, QuantLayer, QuantModel
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
    for key, layer in model.named_children():
        if isinstance(layer, QuantInput):
            shape = types[current].shape
            current = add(key, "Quant", (current,), shape, **_format(layer.quantizer))
            continue
        if not isinstance(layer, QuantLayer) or not isinstance(layer.layer, nn.Linear):
            raise UnsupportedOp(
                type(layer).__name__,
                node=key,
                where="trace_quantized",
                hint="accepted: dense layers",
            )
        matrix = constant(f"{key}_weight", _array(layer.layer.weight).T.copy())
        axis = None if layer.weight_quantizer.spec.channels is None else 1
        weight = add(
            f"{key}_weight_quant", "Quant", (matrix,), constants[matrix].shape,
            **_format(layer.weight_quantizer, axis=axis),
        )  # fmt: skip
        shape = (1, constants[matrix].shape[1])
        current = add(key, "MatMul", (current, weight), shape)
        if layer.layer.bias is not None:
            bias = constant(f"{key}_bias", _array(layer.layer.bias))
            current = add(f"{key}_add", "Add", (current, bias), shape)
        if layer.relu:
            current = add(f"{key}_relu", "Relu", (current,), shape)
        if layer.output_quantizer is not None:
            current = add(
                f"{key}_quant", "Quant", (current,), shape, **_format(layer.output_quantizer)
            )
    return check(Graph(name, ("x",), (current,), tuple(nodes), types, constants, head="softmax"))


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
