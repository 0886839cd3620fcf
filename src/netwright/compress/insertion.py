"""Quantizers and quantized layers put into the copy of a user's module.

Weights are quantized, and so is what layers with weights read, what is averaged, joined or goes
through a table, and what more than one operation reads. Sums are exact: with power-of-two scales
their terms come to the finer grid by integers, with other scales they are quantized onto one.
Outputs keep the precision of the last sums.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch

from netwright.compress.demands import CUTS, MOVES, Demands
from netwright.compress.plan import LayerPlan, Plan
from netwright.errors import ConfigError, UnsupportedOp
from netwright.formats import NM, Int
from netwright.ir import Graph, Node
from netwright.ir.names import Names
from netwright.ir.ops.function import NOT_NEGATIVE
from netwright.train import Quantizer, QuantLayer, QuantModel, QuantSpec
from netwright.train.arithmetic import Affine, Sum
from netwright.train.layers import Weighted, has_scales_of_outputs, outputs_first
from netwright.train.movement import AveragePool, Concat, MaxPool, Move
from netwright.train.network import Step
from netwright.train.nm_masks import pruned
from netwright.train.norm import replace_module
from netwright.train.operations import (
    EVERYTHING,
    RELU,
    Clip,
    Drop,
    Interval,
    Operation,
    QuantActivation,
    QuantInput,
)
from netwright.train.prepared import PRODUCTS, Prepared, data_inputs
from netwright.train.sparse_products import PRODUCTS as PRUNED
from netwright.train.symbolic import path_of
from netwright.train.tables import FUNCTIONS, Table

_CONSTANTS = ("Mul", "Add", "BatchNormalization")
_TERM_BITS = 8
"""Bits that the terms of a sum are wider than activations, where scales are no powers of two."""


def insert(prepared: Prepared, plan: Plan, *, head: str) -> QuantModel:
    """The quantized network of a plan; its scales are not calibrated yet.

    Raises:
        ConfigError: A signed tensor gets 1 bit.
        UnsupportedOp: Something between the layers has no quantized counterpart.
    """
    return _Insertion(prepared, plan).build(head)


def signed_tensors(graph: Graph, *, inputs: bool = True) -> frozenset[str]:
    """Tensors that may hold negative values; the inputs of the network may if `inputs` is true."""
    signed = set(graph.inputs) if inputs else set()
    for node in graph.nodes:
        reads = [name in signed for name in data_inputs(graph, node)]
        match node.op:
            case "Relu":
                negative = False
            case "Clip":
                negative = node.reals("low")[0] < 0 and any(reads)
            case "Function" if node.text("name") in NOT_NEGATIVE:
                negative = False
            case "Add" if len(reads) == 2:
                negative = any(reads)
            case op if op in MOVES or op == "AveragePool":
                negative = any(reads)
            case _:
                negative = True
        if negative:
            signed.add(node.output)
    return frozenset(signed)


@dataclass
class _Insertion:
    prepared: Prepared
    plan: Plan
    steps: list[Step] = field(default_factory=list)
    raw: dict[str, str] = field(default_factory=dict)
    """The tensor with all its bits, by tensor of the float graph."""
    coded: dict[str, dict[int, str]] = field(default_factory=dict)
    """Its codes, by width."""
    _names: Names = field(init=False)
    _shared: dict[str, Quantizer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.graph = self.prepared.graph
        self.entries = {layer.name: layer for layer in self.plan.layers}
        self.demands = Demands.of(self.prepared, self.plan)
        self.signed = signed_tensors(self.graph, inputs=self.plan.signed_inputs)
        self._names = Names(self.graph.inputs)

    def build(self, head: str) -> QuantModel:
        shapes = self.prepared.input_shapes
        for name in self.graph.inputs:
            if self.demands.bits[name]:
                self._input(name, single=len(self.graph.inputs) == 1)
        for node in self.graph.nodes:
            if node.output in self.demands.raw:
                self._raw(node)
            if self.demands.bits[node.output]:
                self._coded(node)
        outputs = [self._output(name) for name in self.graph.outputs]
        return QuantModel(
            self.prepared.module, self.steps, input_shapes=shapes, outputs=outputs, head=head
        )

    def _output(self, name: str) -> str:
        """What the network gives: codes of the plan's width, or all bits of the last sums."""
        bits = self.plan.output_bits
        return self.raw[name] if bits is None else self.coded[name][bits]

    # what is added to the network

    def _add(self, name: str, operation: Operation, inputs: tuple[str, ...], output: str,
             origin: str) -> str:  # fmt: skip
        name, output = self._names.fresh(name), self._names.fresh(output)
        self.steps.append(Step(name, operation, inputs, output, origin))
        return output

    def _dropped(self, tensor: str, output: str) -> str:
        layer = self.prepared.traced.dropped.get(tensor)
        if layer is None:
            return output
        return self._add(f"{output}_dropout", Drop(layer), (output,), f"{output}_dropped", "")

    def _input(self, name: str, *, single: bool) -> None:
        label = "quantize_input" if single else f"quantize_{name}"
        operation = QuantInput(self._quantizer(name))
        output = self._add(label, operation, (name,), f"{label}_out", label)
        self._has_codes(name, self._dropped(name, output), label)

    def _has_codes(self, tensor: str, output: str, label: str) -> None:
        """Note the codes of a tensor, and make narrower ones for those that read fewer bits."""
        most = max(self.demands.bits[tensor])
        self.coded[tensor] = {most: output}
        self.raw.setdefault(tensor, output)
        for bits in sorted(self.demands.read[tensor] - {most}, reverse=True):
            operation = QuantActivation(Quantizer(self._spec(tensor, bits)))
            self.coded[tensor][bits] = self._add(
                f"{label}_to_{bits}_bits", operation, (output,), f"{label}_{bits}_bits", label
            )

    def _quantizer(self, tensor: str) -> Quantizer:
        """The quantizer of a tensor: one for all that are joined."""
        group = self.demands.group(tensor)
        if group not in self._shared:
            self._shared[group] = Quantizer(self._spec(group, max(self.demands.bits[tensor])))
        return self._shared[group]

    def _spec(self, tensor: str, bits: int) -> QuantSpec:
        signed = any(name in self.signed for name in self.demands.members(tensor))
        if signed and bits < 2:
            raise ConfigError(
                f'layer "{self.demands.reader(tensor, bits)}": input_bits must be 2 or more, not '
                f"{bits}: what it reads does not come from a ReLU and is signed"
            )
        return QuantSpec(
            Int(bits, signed), power_of_two=self.plan.scale == "power-of-two",
            rounding=self.plan.rounding,
        )  # fmt: skip

    # what a node becomes

    def _coded(self, node: Node) -> None:
        """The codes of what a node makes."""
        tensor = node.output
        if node.op in MOVES:
            if tensor in self.coded:
                return
            sources = tuple(self._codes(name, tensor) for name in data_inputs(self.graph, node))
            operation = self._move(node)
            output = self._add(node.name, operation, sources, f"{node.name}_out", node.origin)
            self._has_codes(tensor, self._dropped(tensor, output), node.name)
            return
        if node.op == "Function":
            if node.text("name") not in FUNCTIONS:
                raise UnsupportedOp(
                    node.text("name"), node=node.origin or node.name, where="compress",
                    hint=f"tables hold what is finite everywhere: {', '.join(FUNCTIONS)}",
                )  # fmt: skip
            table = Table(self._quantizer(tensor), node)
            reads = (self._codes(node.inputs[0], tensor),)
            output = self._add(node.name, table, reads, f"{node.name}_out", node.origin)
            self._has_codes(tensor, self._dropped(tensor, output), node.name)
            return
        source, interval, label, origin = tensor, EVERYTHING, node.name, node.origin
        if node.op in CUTS and tensor not in self.raw:
            (source,), interval = data_inputs(self.graph, node), _interval(node)
            before = self.graph.producers.get(source)
            if before is not None and f"{before.name}_requantize" not in self._names:
                label, origin = before.name, before.origin
        operation = QuantActivation(self._quantizer(tensor), interval)
        output = self._add(
            f"{label}_requantize", operation, (self.raw[source],), f"{label}_out", origin
        )
        self._has_codes(tensor, self._dropped(tensor, output), label)

    def _raw(self, node: Node) -> None:
        """What a node makes, with all bits."""
        tensor, label = node.output, node.name
        sources = data_inputs(self.graph, node)
        reads: tuple[str, ...]
        suffix = "sum"
        if node.op in PRODUCTS:
            operation: Operation = self._layer(node)
            reads = (self._codes_of_layer(node),)
        elif node.op == "AveragePool":
            operation, reads = AveragePool(node.attrs), (self._widest(sources[0]),)
        elif node.op in _CONSTANTS and len(sources) == 1:
            operation, reads = self._affine(node), (self._best(sources[0]),)
        elif node.op == "Add":
            shapes = {self.graph.types[name].shape for name in sources}
            operation, reads = Sum(one_scale=len(shapes) > 1), self._terms(node)
        elif node.op in CUTS:
            operation, reads, suffix = Clip(_interval(node)), (self.raw[sources[0]],), "out"
            before = self.graph.producers.get(sources[0])
            if before is not None and node.op == "Relu" and before.op in PRODUCTS:
                label = before.name
                output = self._add(f"{label}_relu", operation, reads, f"{label}_out", before.origin)
                self.raw[tensor] = self._dropped(tensor, output)
                return
        elif node.op in MOVES and node.op != "Concat":
            if tensor in self.demands.as_codes:
                return
            loose = tensor in self.demands.loose
            source = self._best(sources[0]) if loose else self.raw[sources[0]]
            operation, reads, suffix = self._move(node), (source,), "out"
        elif node.op in ("Concat", "Function"):
            return
        else:
            raise UnsupportedOp(node.op, node=node.origin or node.name, where="compress")
        output = self._add(label, operation, reads, f"{label}_{suffix}", node.origin)
        self.raw[tensor] = self._dropped(tensor, output)

    def _codes_of_layer(self, node: Node) -> str:
        path = self.prepared.paths[node.name]
        return self.coded[node.inputs[0]][self.entries[path].input_bits]

    def _codes(self, source: str, reader: str) -> str:
        """Codes of a tensor on the grid of those that are joined with it."""
        return self.coded[source][max(self.demands.bits[reader])]

    def _widest(self, tensor: str) -> str:
        return self.coded[tensor][max(self.coded[tensor])]

    def _best(self, tensor: str) -> str:
        """Codes of a tensor where they exist, all its bits else."""
        return self._widest(tensor) if tensor in self.coded else self.raw[tensor]

    def _terms(self, node: Node) -> tuple[str, ...]:
        sources = data_inputs(self.graph, node)
        found = tuple(self._best(name) for name in sources)
        if self.plan.scale == "power-of-two":
            return found
        bits = max(layer.input_bits for layer in self.plan.layers) + _TERM_BITS
        shared = Quantizer(QuantSpec(Int(bits), power_of_two=False, rounding=self.plan.rounding))
        return tuple(
            self._add(
                f"{node.name}_{side}", QuantActivation(shared), (name,),
                f"{node.name}_{side}_out", node.origin,
            )
            for side, name in zip(("left", "right"), found, strict=True)
        )  # fmt: skip

    def _layer(self, node: Node) -> QuantLayer:
        path = self.prepared.paths[node.name]
        entry, layer = self.entries[path], self.prepared.layer(path)
        rank = len(self.graph.types[node.output].shape)
        made = QuantLayer(
            layer,
            _weight_spec(self.plan, entry, layer),
            bias_bits=_bias_bits(self.plan, entry),
            axis=rank - 1 if node.op == "MatMul" else 1,
            pattern=entry.pattern,
        )
        if entry.pattern is not None:
            _prune(layer, entry.pattern, path)
        if path != self.prepared.root_name or self.prepared.module is not layer:
            replace_module(self.prepared.module, layer, made)
        return made

    def _move(self, node: Node) -> Operation:
        (source, *_) = data_inputs(self.graph, node)
        match node.op:
            case "Concat":
                return Concat(node.integer("axis"))
            case "MaxPool":
                return MaxPool(node.attrs)
            case _:
                return Move(node.op, node.attrs, self.graph.types[source].shape)

    def _affine(self, node: Node) -> Affine:
        gain, bias, axis = constants_of(self.graph, node)
        if axis is None and bias is not None and self.plan.granularity == "channel":
            channels = self.graph.types[node.output].shape[1]
            gain, bias, axis = gain.expand(channels), bias.expand(channels), 1
        made = Affine(gain, bias, axis)
        source = self.prepared.traced.made_by[node.name]
        if node.op == "BatchNormalization" and source.op == "call_module":
            module = self.prepared.module
            replace_module(module, module.get_submodule(path_of(source)), made)
        return made


def constants_of(graph: Graph, node: Node) -> tuple[torch.Tensor, torch.Tensor | None, int | None]:
    """Factors, addends and their axis, of a node with one operand that is no constant.

    Raises:
        UnsupportedOp: The constants vary along several axes.
    """
    if node.op == "BatchNormalization":
        gamma, beta, mean, variance = (np.asarray(graph.constants[n]) for n in node.inputs[1:])
        gain = gamma / np.sqrt(variance + node.reals("epsilon")[0])
        return torch.tensor(gain), torch.tensor(beta - mean * gain), 1
    shape = graph.types[node.output].shape
    (name,) = (key for key in node.inputs if key in graph.constants)
    values = np.asarray(graph.constants[name], dtype=np.float64)
    values = values.reshape((1,) * (len(shape) - values.ndim) + values.shape)
    axes = [axis for axis, extent in enumerate(values.shape) if extent > 1]
    if len(axes) > 1 or axes == [0] or graph.types[data_inputs(graph, node)[0]].shape != shape:
        raise UnsupportedOp(
            node.op, node=node.origin or node.name, where="compress",
            hint="constants must be one number, or one for each index along one axis",
        )  # fmt: skip
    flat = torch.tensor(values.reshape(-1))
    if not axes:
        flat = flat.reshape(())
    axis = axes[0] if axes else None
    return (flat, None, axis) if node.op == "Mul" else (torch.ones_like(flat), flat, axis)


def _interval(node: Node) -> Interval:
    if node.op == "Relu":
        return RELU
    return Interval(node.reals("low")[0], node.reals("high")[0])


def _weight_spec(plan: Plan, entry: LayerPlan, layer: Weighted) -> QuantSpec:
    channels = plan.granularity == "channel" and has_scales_of_outputs(layer)
    return QuantSpec(
        Int(entry.weight_bits),
        power_of_two=plan.scale == "power-of-two",
        channels=len(outputs_first(layer, layer.weight)) if channels else None,
    )


@torch.no_grad()
def _prune(layer: Weighted, pattern: NM, path: str) -> None:
    """Leave of every group of weights along the channels those of largest magnitude.

    Raises:
        ConfigError: The layer is none that has groups.
    """
    if not isinstance(layer, PRUNED):
        raise ConfigError(
            f'layer "{path}" cannot be {pattern.kept}:{pattern.group}: '
            f"{type(layer).__name__} has no sparse product"
        )
    layer.weight.copy_(pruned(layer.weight, NM(pattern.kept, pattern.group, 1)))


def _bias_bits(plan: Plan, layer: LayerPlan) -> int:
    """With a scale for each channel, that of one with small weights may be tiny beside its bias."""
    if layer.bias_bits is None and plan.granularity == "channel":
        return 32
    return layer.resolved_bias_bits
