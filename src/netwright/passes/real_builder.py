"""The quantized graph while it is being built from an integer graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from netwright.errors import GraphError, NumericsError
from netwright.formats import Bipolar, Int, IntegerFormat, Pattern, holds_integers, smallest_int
from netwright.ir import (
    FLOAT,
    AttrValue,
    Bounds,
    Graph,
    Node,
    TensorType,
    is_power_of_two,
    spec_of,
)
from netwright.ir.ops.filters import filters_first, num_filters
from netwright.ir.ops.format_quant import number_text
from netwright.passes.carried import Reals, compact

MAX_QUANT_BITS = 24
"""Widest constants written with a quantizer; qonnx stores what its quantizers make as float32."""

MAX_EXPONENT = 60
"""Scales beyond 2**60 or below 2**-60 are not used as carriers."""


class RealBuilder:
    """Collects the nodes, types and constants of a graph in the quantized form.

    Attributes:
        graph: The integer graph that is being translated.
        limits: Exact limits of its tensors.
        nodes: Nodes made so far.
        types: Types made so far.
        constants: Constants made so far.
        carriers: As in :class:`~netwright.passes.realize.Realized`.
    """

    def __init__(self, graph: Graph, limits: Mapping[str, Bounds]) -> None:
        self.graph = graph
        self.limits = limits
        self.nodes: list[Node] = []
        self.types = {name: TensorType(graph.types[name].shape) for name in graph.inputs}
        self.constants: dict[str, Reals] = {}
        self.carriers: dict[str, tuple[str, Reals]] = {}
        self._names: set[str] = set()
        self._reserved = {node.name for node in graph.nodes}

    def carried(self, name: str) -> tuple[str, Reals]:
        """The tensor that carries the integer tensor `name`, and its carrier scale.

        Raises:
            GraphError: It is an input that holds codes: no quantizer made it from real values.
        """
        if name in self.graph.constants:
            codes = self.graph.constants[name].astype(np.float64)
            pattern = self.graph.types[name].pattern
            values = self.constant(self.free_name(f"{name}.values"), codes, pattern=pattern)
            return values, np.ones(())
        if name not in self.carriers:
            dtype = self.graph.types[name].dtype
            raise GraphError(
                f'input "{name}" holds codes, {dtype}, and QONNX real values',
                hint="let the input be real, and put a Quantize node behind it",
            )
        return self.carriers[name]

    def free_name(self, wanted: str) -> str:
        """`wanted`, or a numbered variant, that nothing is called."""
        taken = (self._names, self._reserved, self.types, self.graph.types)
        name, number = wanted, 2
        while any(name in names for names in taken):
            name, number = f"{wanted}_{number}", number + 1
        return name

    def constant(self, name: str, values: Reals, *, pattern: Pattern | None = None) -> str:
        """Add a constant of real values."""
        self.constants[name] = values
        self.types[name] = TensorType(values.shape, pattern=pattern)
        return name

    def append(self, node: Node, shape: tuple[int, ...]) -> str:
        """Add a node whose result has `shape`; returns the result's name."""
        self.nodes.append(node)
        self._names.add(node.name)
        self.types[node.output] = TensorType(shape, FLOAT)
        return node.output

    def emit(
        self,
        source: Node,
        op: str,
        inputs: tuple[str, ...],
        output: str,
        attrs: Mapping[str, AttrValue],
    ) -> str:
        """Add a node in the name of `source`; a node that makes no final result gets its own."""
        name = source.name if output == source.output else output
        node = Node(name, op, inputs, output, attrs, source.origin)
        return self.append(node, spec_of(node).shape(node, [self.types[i].shape for i in inputs]))

    def scaled(self, name: str, factor: Reals, wanted: str) -> str:
        """The carrier of integer tensor `name` times an exact factor, as a new tensor."""
        source, _ = self.carried(name)
        output = self.free_name(wanted)
        constant = self.constant(self.free_name(f"{output}.factor"), _trimmed(factor))
        node = Node(output, "Mul", (source, constant), output)
        return self.append(node, self.types[source].shape)

    def as_codes(self, name: str) -> str:
        """A tensor that carries the plain codes of the integer tensor `name`."""
        source, unit = self.carried(name)
        return source if np.all(unit == 1) else self.scaled(name, 1 / unit, f"{name}_codes")

    def weights(self, node: Node) -> tuple[str, Reals]:
        """The quantized weights of a product and their carrier: one value, or one an output."""
        name = node.inputs[1]
        tensor = self.graph.types[name]
        unit = carrier_of(tensor)
        lines = filters_first(node, unit, tensor.shape)
        each = num_filters(node, tensor.shape)
        if lines.size > 1 and (lines.size, len(lines)) != (each, each):
            lines = unit = np.ones(())
        return self.quantized_constant(name, unit), lines

    def quantized_constant(self, name: str, unit: Reals) -> str:
        """The integer constant `name` as real values behind a quantizer with scale `unit`."""
        codes, dtype = self.graph.constants[name], self.graph.types[name].dtype
        if np.abs(codes).max(initial=0) >= 2**53:
            raise NumericsError("holds integers beyond 2**53", tensor=name)
        values, pattern = codes * unit, self.graph.types[name].pattern
        group_axis = self.graph.types[name].format.group_axis
        if name in self.types:
            name = self.free_name(name)
        self.constant(name, values, pattern=pattern)
        if dtype.bits > MAX_QUANT_BITS:
            return name
        scale, axis = compact(np.asarray(unit), values.shape, node=name)
        attrs: dict[str, AttrValue] = {"scale": tuple(map(float, scale)), "axis": axis}
        output = self.free_name(f"{name}_quantized")
        if dtype.group > 1:
            attrs |= {"number": number_text(dtype), "group_axis": group_axis}
            return self.append(Node(output, "FormatQuant", (name,), output, attrs), values.shape)
        op = "BipolarQuant" if dtype == Bipolar() else "Quant"
        if op == "Quant" and holds_integers(dtype):
            attrs |= {**format_attrs(dtype), "rounding": "half-even", "zero_point": 0}
        return self.append(Node(output, op, (name,), output, attrs), values.shape)

    def is_inner(self, name: str) -> bool:
        """Whether a tensor may get another name: a node makes it, the graph has none like it."""
        return name not in self.graph.types and any(node.output == name for node in self.nodes)

    def rename(self, old: str, new: str) -> str:
        """Give a tensor another name everywhere."""
        self.nodes = [
            replace(
                node,
                inputs=tuple(new if name == old else name for name in node.inputs),
                output=new if node.output == old else node.output,
            )
            for node in self.nodes
        ]
        self.types[new] = self.types.pop(old)
        for name, (source, unit) in self.carriers.items():
            if source == old:
                self.carriers[name] = (new, unit)
        return new


def carrier_of(tensor: TensorType) -> Reals:
    """The scale, if it is made of powers of two; else 1, which carries plain codes."""
    usable = all(is_power_of_two(v) and abs(np.log2(v)) <= MAX_EXPONENT for v in tensor.scale)
    if not usable:
        return np.ones(())
    return np.array(tensor.scale[0]) if len(tensor.scale) == 1 else tensor.scale_array()


def format_attrs(dtype: IntegerFormat) -> dict[str, AttrValue]:
    """Attributes of a quantizer with this format; one signed bit would mean -1 and +1."""
    if dtype.signed and dtype.bits == 1:
        dtype = Int(2)
    narrow = dtype.max - dtype.min + 1 < 1 << dtype.bits
    return {"bits": dtype.bits, "signed": int(dtype.signed), "narrow": int(narrow)}


def enclosing_format(low: int, high: int) -> Int:
    """The format that saturates at exactly `low` and `high`; else the narrowest that holds them."""
    width = smallest_int(low, high)
    for bits in (width.bits, width.bits + 1):
        for signed in (False, True):
            for narrow in (False, True):
                dtype = Int(bits, signed, narrow)
                if (bits > 1 or not (signed or narrow)) and (dtype.min, dtype.max) == (low, high):
                    return dtype
    return Int(2) if width == Int(1) else width


def _trimmed(values: Reals) -> Reals:
    return values.reshape(()) if values.size == 1 else values
