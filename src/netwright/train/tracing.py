"""From a quantized torch model to the integer graph, exactly."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netwright.errors import GraphError, UnsupportedOp, VerificationError
from netwright.formats import Int, smallest_int
from netwright.ir import (
    FLOAT,
    AttrValue,
    Graph,
    Interpreter,
    Node,
    TensorType,
    bounds,
    check,
    real_values,
    spec_of,
)
from netwright.train.executor import TorchExecutor
from netwright.train.layers import QuantInput, QuantLayer, QuantModel
from netwright.train.quantizer import Quantizer
from netwright.train.symbolic import evaluation
from netwright.verify import random

INPUT = "x"


def trace(model: QuantModel, *, name: str = "network") -> Graph:
    """Translate `model` into the integer graph with the same meaning.

    The codes of the graph equal those of ``model.eval().codes(inputs)`` for every input: both
    execute the same integers, which is checked on random rows before the graph is returned. The
    classifier's softmax stays on the host (``graph.head``).

    Args:
        model: A quantized model; its scales must be calibrated.
        name: Name of the graph; a C identifier, since generated files carry it.

    Raises:
        GraphError: The model does not start with an input quantizer, or the name is no identifier.
        UnsupportedOp: A layer has no integer meaning.
        VerificationError: The model does something else than its layers one after another.
    """
    if not isinstance(model, QuantModel):
        raise GraphError(
            f"only a quantized model can be traced, not {type(model).__name__}",
            hint="apply a plan first: netwright.compress.apply(model, plan, task); any other "
            "module becomes a graph of real values with netwright.train.trace_module(model, rows)",
        )
    if not name.isidentifier() or not name.isascii():
        raise GraphError(f"the name of a graph must be an ASCII identifier, not {name!r}")
    children = list(model.named_children())
    if not children or not isinstance(children[0][1], QuantInput):
        raise GraphError("a quantized model must start with a QuantInput layer")
    builder = _Builder(name, (1, *model.input_shape))
    with torch.no_grad():
        for layer_name, layer in children:
            builder.add(layer_name, layer)
    graph = builder.finish()
    _require_same(model, graph)
    return graph


def _require_same(model: QuantModel, graph: Graph) -> None:
    """Compare the model itself with the graph on random rows; name the first layer that differs."""
    rows = random(graph, rows=_ROWS).inputs
    executor = TorchExecutor(model, graph)
    with evaluation(model), torch.no_grad():
        codes = model.codes(torch.from_numpy(rows))
        reals = model(torch.from_numpy(rows))
    seen = executor.run(rows, keep=graph.types)
    found = Interpreter.of(graph).run(rows, keep=seen)
    for node in graph.nodes:
        if node.output in seen and not np.array_equal(found[node.output], seen[node.output]):
            raise VerificationError(
                f'layer "{node.origin}" gives other integers than its trace', hint=_OWN_CODE
            )
    wanted = found[graph.outputs[0]]
    if not (
        np.array_equal(codes.numpy(), wanted)
        and np.array_equal(reals.numpy(), real_values(graph, graph.outputs[0], wanted))
    ):
        raise VerificationError(
            f"{type(model).__name__} gives something else than its layers one after another",
            hint=_OWN_CODE,
        )


_ROWS = 64
_OWN_CODE = "a quantized model is traced layer by layer: remove hooks and a `forward` of your own"


@dataclass
class _Builder:
    name: str
    input_shape: tuple[int, ...]
    current: str = INPUT
    nodes: list[Node] = field(default_factory=list)
    types: dict[str, TensorType] = field(default_factory=dict)
    constants: dict[str, NDArray[np.int64]] = field(default_factory=dict)

    def add(self, name: str, layer: nn.Module) -> None:
        match layer:
            case QuantInput():
                self._input(name, layer.quantizer)
            case QuantLayer():
                self._weighted(name, layer)
            case nn.Flatten():
                self._flatten(name)
            case nn.MaxPool2d():
                self._pool(name, layer)
            case nn.Identity() | nn.Dropout():
                pass
            case _:
                raise UnsupportedOp(
                    type(layer).__name__,
                    node=name,
                    where="trace",
                    hint="accepted: QuantInput, QuantLayer, Flatten, MaxPool2d, Dropout, Identity",
                )

    def finish(self) -> Graph:
        graph = Graph(
            self.name, (INPUT,), (self.current,), tuple(self.nodes), self.types, self.constants,
            head="softmax",
        )  # fmt: skip
        limits = bounds(graph)
        types = dict(self.types)
        for node in self.nodes:
            limit = limits[node.output]
            tensor = types[node.output]
            types[node.output] = TensorType(
                tensor.shape, smallest_int(limit.low, limit.high), tensor.scale, tensor.axis
            )
        return check(Graph(graph.name, graph.inputs, graph.outputs, graph.nodes, types,
                           graph.constants, head=graph.head))  # fmt: skip

    def _node(
        self,
        name: str,
        op: str,
        constants: tuple[str, ...],
        attrs: dict[str, AttrValue],
        output: str,
        *,
        scale: tuple[float, ...] | None = None,
        origin: str | None = None,
    ) -> None:
        """Append a node that reads the current tensor; its format is narrowed in `finish`."""
        node = Node(name, op, (self.current, *constants), output, attrs, origin or name)
        source = self.types[self.current]
        shape = spec_of(node).shape(node, [self.types[key].shape for key in node.inputs])
        scale = source.scale if scale is None else scale
        axis = None if len(scale) == 1 else 1
        self.types[output] = TensorType(shape, _WIDEST, scale, axis)
        self.nodes.append(node)
        self.current = output

    def _input(self, name: str, quantizer: Quantizer) -> None:
        self.types[INPUT] = TensorType(self.input_shape, FLOAT)
        dtype = quantizer.spec.dtype
        attrs: dict[str, AttrValue] = {
            "scale": _scale(quantizer.scale),
            "rounding": str(quantizer.spec.rounding),
            "low": dtype.min,
            "high": dtype.max,
        }
        self._node(name, "Quantize", (), attrs, f"{name}_out", scale=_scale(quantizer.scale))

    def _weighted(self, name: str, layer: QuantLayer) -> None:
        weight = _integers(layer.weight_codes())
        inner = layer.layer
        attrs: dict[str, AttrValue] = {}
        if isinstance(inner, nn.Linear):
            op, weight = "MatMul", np.ascontiguousarray(weight.T)
        else:
            op = "Conv"
            if isinstance(inner.padding, str) or inner.padding_mode != "zeros":
                raise GraphError("padding must be given as zeros in numbers", node=name)
            attrs = {
                "strides": tuple(inner.stride),
                "pads": tuple(inner.padding) * 2,
                "dilations": tuple(inner.dilation),
                "group": inner.groups,
            }
        names = [f"{name}_weight"]
        self._constant(names[0], weight, _scale(layer.weight_quantizer.scale), op)
        bias = layer.bias_codes()
        sums = _scale(layer.accumulator_scale())
        if bias is not None:
            names.append(f"{name}_bias")
            self._constant(names[1], _integers(bias), sums, "bias")
        self._node(name, op, tuple(names), attrs, f"{name}_sum", scale=sums)
        if layer.output_quantizer is None:
            if layer.relu:
                self._node(f"{name}_relu", "Relu", (), {}, f"{name}_out", origin=name)
            return
        factors = layer.requantizer()
        requantize: dict[str, AttrValue] = {
            "multiplier": factors.multiplier,
            "offset": (0,),
            "shift": factors.shift,
            "rounding": str(layer.output_quantizer.spec.rounding),
            "low": factors.low,
            "high": factors.high,
            "axis": None if len(factors.multiplier) == 1 else 1,
        }
        self._node(
            f"{name}_requantize",
            "Requantize",
            (),
            requantize,
            f"{name}_out",
            scale=_scale(layer.output_quantizer.scale),
            origin=name,
        )

    def _constant(
        self, name: str, values: NDArray[np.int64], scale: tuple[float, ...], kind: str
    ) -> None:
        axis = None if len(scale) == 1 else {"MatMul": 1, "Conv": 0, "bias": 0}[kind]
        dtype = smallest_int(int(values.min()), int(values.max()))
        self.types[name] = TensorType(values.shape, dtype, scale, axis)
        self.constants[name] = values

    def _flatten(self, name: str) -> None:
        source = self.types[self.current]
        size = int(np.prod(source.shape))
        scale = source.scale
        if len(scale) > 1:  # one for each channel becomes one for each value
            scale = tuple(value for value in scale for _ in range(size // len(scale)))
        self._node(name, "Reshape", (), {"shape": (1, size)}, f"{name}_out", scale=scale)

    def _pool(self, name: str, layer: nn.MaxPool2d) -> None:
        if layer.dilation not in (1, (1, 1)) or layer.ceil_mode:
            raise GraphError("max pooling must have dilation 1 and ceil_mode off", node=name)
        attrs: dict[str, AttrValue] = {
            "kernel": _pair(layer.kernel_size),
            "strides": _pair(layer.stride),
            "pads": _pair(layer.padding) * 2,
        }
        self._node(name, "MaxPool", (), attrs, f"{name}_out")


_WIDEST = Int(64)


def _pair(value: int | tuple[int, ...]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def _scale(scale: Tensor) -> tuple[float, ...]:
    return tuple(float(value) for value in scale.reshape(-1))


def _integers(codes: Tensor) -> NDArray[np.int64]:
    return codes.numpy().astype(np.int64)
