"""The quantized graph while it is being read from a file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import GraphError
from netwright.exchange.source_model import SourceModel, SourceNode
from netwright.ir import AttrValue, Node, TensorType, spec_of
from netwright.passes.carried import compact

Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class QuantizedConstant:
    """A constant behind a quantizer, not yet placed in the graph.

    Attributes:
        values: What is quantized.
        scale: Scales, with as many axes as `values` or none.
        op: ``Quant`` or ``BipolarQuant``.
        attrs: The quantizer's attributes but scale and axis.
        name: Name of the quantizer.
    """

    values: Reals
    scale: Reals
    op: str
    attrs: dict[str, AttrValue]
    name: str

    def moved(self, values: Reals, scale: Reals) -> QuantizedConstant:
        """The same quantizer on rearranged values."""
        return replace(self, values=values, scale=scale)


class Reader:
    """Collects the nodes, types and constants of a graph in the quantized form.

    Attributes:
        source: What is read.
        constants: Constants of the file, and what follows from them alone.
        quantized: Constants of the file that went through a quantizer.
        nodes: Nodes made so far.
        types: Types of the tensors made so far.
        placed: Constants made so far.
    """

    def __init__(self, source: SourceModel) -> None:
        self.source = source
        self.constants: dict[str, NDArray[Any]] = dict(source.constants)
        self.quantized: dict[str, QuantizedConstant] = {}
        self.nodes: list[Node] = []
        self.types: dict[str, TensorType] = {}
        self.placed: dict[str, Reals] = {}
        self.renamed: dict[str, str] = {}
        self.batch = next(iter(source.inputs.values()))[0]
        self._quantizers: set[str] = set()
        self._names = {node.name for node in source.nodes}
        self._tensors = {name for node in source.nodes for name in (*node.inputs, *node.outputs)}
        for name, shape in source.inputs.items():
            self.types[name] = TensorType((1, *shape[1:]))

    def activation(self, node: SourceNode, index: int = 0) -> str:
        """The tensor that input `index` of the node reads.

        Raises:
            GraphError: It is missing or a constant.
        """
        name = node.inputs[index] if index < len(node.inputs) else ""
        tensor = self.renamed.get(name, name)
        if tensor in self.types and name not in self.constants and name not in self.quantized:
            return tensor
        raise GraphError(
            f"input {index} of {node.op} must be computed from the graph's inputs, not a constant",
            node=node.name,
        )

    def is_activation(self, name: str) -> bool:
        """Whether the file's tensor `name` depends on the graph's inputs."""
        return name not in self.constants and name not in self.quantized

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor of the graph."""
        return self.types[name].shape

    def constant(self, node: SourceNode, index: int, what: str) -> NDArray[Any]:
        """The constant that input `index` of the node reads.

        Raises:
            GraphError: It is missing, or computed from the graph's inputs.
        """
        name = node.inputs[index] if index < len(node.inputs) else ""
        value = self.constants.get(name)
        if value is None and name in self.quantized:
            raise GraphError(f"{what} must not be quantized", node=node.name)
        if value is None:
            raise GraphError(
                f'{what} must be a constant, not "{name}"',
                node=node.name,
                hint="fold constants before the export, for instance with qonnx.util.cleanup",
            )
        return value

    def reals(self, node: SourceNode, index: int, what: str) -> Reals:
        """A constant input as float64, finite.

        Raises:
            GraphError: It is missing, not constant, or holds NaN or infinity.
        """
        values = self.constant(node, index, what).astype(np.float64)
        if not np.all(np.isfinite(values)):
            raise GraphError(f"{what} holds NaN or infinity", node=node.name)
        return values

    def values(self, node: SourceNode, index: int, what: str) -> Reals:
        """Real values of a constant input, a quantized one included."""
        quantized = self.quantized.get(node.inputs[index] if index < len(node.inputs) else "")
        if quantized is None:
            return self.reals(node, index, what)
        maker = self._quantizer(quantized, "value", "value")
        return np.asarray(spec_of(maker).execute(maker, [quantized.values]))

    def place(self, node: SourceNode, index: int, what: str) -> str:
        """Put a constant input, with its quantizer if it has one, into the graph.

        Returns:
            The tensor's name.
        """
        name = node.inputs[index]
        quantized = self.quantized.get(name)
        if quantized is None:
            return self.place_values(self.free(name), self.reals(node, index, what))
        return self.place_quantized(name, quantized)

    def place_values(self, name: str, values: Reals) -> str:
        """Put a constant into the graph, unless it is there."""
        if name in self.placed and np.array_equal(self.placed[name], values):
            return name
        while name in self.types:
            name = self.free(f"{name}_again")
        self.placed[name] = values
        self.types[name] = TensorType(values.shape)
        return name

    def place_quantized(self, name: str, quantized: QuantizedConstant) -> str:
        """Put a constant and its quantizer into the graph, unless they are there."""
        if name in self.types:
            return name
        source = self.place_values(self.free(f"{name}.values"), quantized.values)
        made = self._quantizer(quantized, source, name)
        if quantized.name in self._quantizers:
            made = replace(made, name=self._fresh(f"{quantized.name}_{name}"))
        self._quantizers.add(made.name)
        self.nodes.append(made)
        self.types[name] = TensorType(quantized.values.shape)
        return name

    def free(self, name: str) -> str:
        """`name`, made different from every tensor of the graph that is no constant."""
        while name in self.types and name not in self.placed:
            name = f"{name}_"
        return name

    def emit(
        self,
        node: SourceNode,
        op: str,
        inputs: tuple[str, ...],
        output: str = "",
        attrs: dict[str, AttrValue] | None = None,
    ) -> str:
        """Add a node; its shape follows from the operator's own rule.

        Args:
            node: The file's node that it stands for.
            op: Operator of the graph.
            inputs: Tensors of the graph.
            output: Name of an inner result; by default the node's own result.
            attrs: Attributes.
        """
        name = node.name
        if output:
            name = output = self._fresh(f"{node.name}_{output}")
        made = Node(name, op, inputs, output or node.outputs[0], attrs or {}, node.name)
        shape = spec_of(made).shape(made, [self.types[source].shape for source in inputs])
        self.nodes.append(made)
        self.types[made.output] = TensorType(shape)
        return made.output

    def rename(self, node: SourceNode, tensor: str) -> None:
        """Let the node's result be another tensor."""
        self.renamed[node.outputs[0]] = tensor

    def _fresh(self, name: str) -> str:
        while name in self._names or name in self._tensors or name in self.types:
            name = f"{name}_"
        self._names.add(name)
        return name

    def _quantizer(self, quantized: QuantizedConstant, source: str, output: str) -> Node:
        scale, axis = compact(quantized.scale, quantized.values.shape, node=quantized.name)
        attrs: dict[str, AttrValue] = {"scale": tuple(map(float, scale)), "axis": axis}
        return Node(quantized.name, quantized.op, (source,), output, quantized.attrs | attrs)
