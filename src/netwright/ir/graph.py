"""The operator graph: frozen values with an exact integer meaning."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import GraphError
from netwright.ir.types import TensorType
from netwright.notebook import table

AttrValue = int | float | str | tuple[int, ...] | tuple[float, ...] | None
Array = NDArray[Any]
"""Codes (float carriers or int64) or real values (float64); leading axis: the batch."""


@dataclass(frozen=True, slots=True)
class Node:
    """One operation.

    Attributes:
        name: Unique in its graph.
        op: Name of an operator in :data:`netwright.ir.ops.SPECS`.
        inputs: Tensor names; constants are tensors too.
        output: The one tensor the node makes.
        attrs: Attributes that the operator's spec declares.
        origin: Name of the source layer or node, for messages and reports.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    output: str
    attrs: Mapping[str, AttrValue] = field(default_factory=dict, hash=False)
    origin: str = ""

    def __post_init__(self) -> None:
        plain = {name: _plain(value) for name, value in self.attrs.items()}
        object.__setattr__(self, "attrs", MappingProxyType(plain))

    def __reduce__(self) -> tuple[type[Node], tuple[object, ...]]:
        attrs = dict(self.attrs)  # a mapping proxy cannot be pickled
        return Node, (self.name, self.op, self.inputs, self.output, attrs, self.origin)

    def integer(self, name: str, default: int | None = None) -> int:
        """The integer attribute `name`."""
        value = self.attrs.get(name, default)
        if not isinstance(value, int):
            raise GraphError(f"attribute {name} must be an integer, not {value!r}", node=self.name)
        return value

    def integers(self, name: str) -> tuple[int, ...]:
        """The attribute `name`, a tuple of integers."""
        value = self.attrs.get(name)
        if not isinstance(value, tuple) or not all(isinstance(v, int) for v in value):
            raise GraphError(f"attribute {name} must be integers, not {value!r}", node=self.name)
        return tuple(int(v) for v in value)

    def reals(self, name: str) -> tuple[float, ...]:
        """The attribute `name`, a tuple of real numbers."""
        value = self.attrs.get(name)
        if not isinstance(value, tuple):
            raise GraphError(f"attribute {name} must be numbers, not {value!r}", node=self.name)
        return tuple(float(v) for v in value)

    def text(self, name: str) -> str:
        """The text attribute `name`."""
        value = self.attrs.get(name)
        if not isinstance(value, str):
            raise GraphError(f"attribute {name} must be text, not {value!r}", node=self.name)
        return value

    def axis(self, name: str = "axis") -> int | None:
        """The axis attribute `name`: an integer or ``None``."""
        value = self.attrs.get(name)
        if value is not None and not isinstance(value, int):
            raise GraphError(f"attribute {name} must be an axis, not {value!r}", node=self.name)
        return value


@dataclass(frozen=True, slots=True)
class Note:
    """Something a pass changed that is not exact, or that a reader should know.

    The bounds hold for every input. Those of several notes add up: no output of the graph differs
    from the exact value of the source by more than the sum of their `output_bound`.

    Attributes:
        node: The node concerned.
        text: What was done, in one sentence.
        error: Largest change of a real value, relative to the values of its own channel; 0 when
            exact.
        bound: Largest absolute change of a real value that `node` makes, in real units, worst
            channel; 0 when exact.
        output_bound: Largest absolute change of an output of the graph that follows from it, in
            real units.
    """

    node: str
    text: str
    error: float = 0.0
    bound: float = 0.0
    output_bound: float = 0.0


@dataclass(frozen=True, eq=False)
class Graph:
    """A directed acyclic graph of operations, in execution order.

    Every tensor holds codes or real values, and its type says which. In the *quantized* form all
    are real, and quantizer nodes say which grid they lie on, as in QONNX. In the *integer* form
    every tensor after the input quantizers holds codes, and its type gives the scale.
    :func:`netwright.passes.integerize` crosses from the first to the second. A *mixed* graph has
    integer regions between ``Quantize`` and ``Dequantize`` and real ones around them.

    Graphs are equal when their digests are. They can be pickled and sent to other processes.

    Attributes:
        name: Name of the model; an identifier, used for generated files.
        inputs: Names of the input tensors: real values, or whole numbers such as word pieces.
        outputs: Names of the output tensors.
        nodes: Operations, each after the ones it reads.
        types: Type of every tensor.
        constants: Values of the constant tensors (float64 in the quantized form, int64 else).
        head: What follows the outputs on the host, as ``"softmax"`` (of the last axis) or
            ``"softmax on axis 1"``, or nothing.
        notes: What the passes did that is not exact.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    types: Mapping[str, TensorType]
    constants: Mapping[str, Array]
    head: str = ""
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        frozen = {}
        for name, value in self.constants.items():
            array = np.asarray(value)
            if array.flags.writeable or array.base is not None:  # somebody else could change it
                array = array.copy()
                array.setflags(write=False)
            frozen[name] = array
        object.__setattr__(self, "types", MappingProxyType(dict(self.types)))
        object.__setattr__(self, "constants", MappingProxyType(frozen))

    def _repr_html_(self) -> str:
        rows = (
            (n.name, n.op, ", ".join(n.inputs), n.output, self.types.get(n.output, "?"))
            for n in self.nodes
        )
        title = f"{self.name}: {', '.join(self.inputs)} to {', '.join(self.outputs)}"
        return table(title, ("node", "operator", "reads", "makes", "type"), rows)

    def __reduce__(self) -> tuple[type[Graph], tuple[object, ...]]:
        types, constants = dict(self.types), dict(self.constants)
        return Graph, (
            self.name, self.inputs, self.outputs, self.nodes, types, constants, self.head,
            self.notes,
        )  # fmt: skip

    def __eq__(self, other: object) -> bool:
        return self.digest == other.digest if isinstance(other, Graph) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest)

    @cached_property
    def producers(self) -> Mapping[str, Node]:
        """The node that makes each tensor."""
        return {node.output: node for node in self.nodes}

    @cached_property
    def consumers(self) -> Mapping[str, tuple[Node, ...]]:
        """The nodes that read each tensor, in order; empty for outputs nobody reads."""
        readers: dict[str, list[Node]] = {name: [] for name in self.types}
        for node in self.nodes:
            for name in dict.fromkeys(node.inputs):
                readers.setdefault(name, []).append(node)
        return {name: tuple(nodes) for name, nodes in readers.items()}

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the meaning and all names; not over notes and origins."""
        state = hashlib.sha256()
        for part in (self.name, self.inputs, self.outputs, self.head):
            state.update(repr(part).encode())
        for node in self.nodes:
            attrs = sorted(node.attrs.items())
            state.update(repr((node.name, node.op, node.inputs, node.output, attrs)).encode())
        for name in sorted(self.types):
            state.update(repr((name, self.types[name])).encode())
        for name in sorted(self.constants):
            array = self.constants[name]
            state.update(repr((name, array.dtype.str, array.shape)).encode())
            state.update(np.ascontiguousarray(array).tobytes())
        return state.hexdigest()

    @property
    def is_integer(self) -> bool:
        """Whether it is in the integer form: every node and every output gives codes."""
        made = (*self.outputs, *(node.output for node in self.nodes))
        return all(self.types[name].is_integer for name in made if name in self.types)

    @property
    def is_mixed(self) -> bool:
        """Whether some tensors that depend on the rows hold codes, and others real values."""
        return not self.is_integer and any(
            self.types[name].is_integer
            for name in (*self.inputs, *(node.output for node in self.nodes))
        )

    def node(self, name: str) -> Node:
        """The node called `name`.

        Raises:
            GraphError: There is none.
        """
        for node in self.nodes:
            if node.name == name:
                return node
        raise GraphError(
            f'graph "{self.name}" has no node "{name}"',
            hint="nodes: " + ", ".join(node.name for node in self.nodes[:20]),
        )

    def with_constant(self, name: str, value: Array) -> Graph:
        """A copy in which the constant `name` has another value of the same shape."""
        if name not in self.constants or self.constants[name].shape != value.shape:
            raise GraphError(f'"{name}" is not a constant of shape {value.shape}')
        return replace(self, constants={**self.constants, name: value})

    def with_node(self, node: Node) -> Graph:
        """A copy in which the node of the same name is replaced."""
        self.node(node.name)
        return replace(self, nodes=tuple(node if n.name == node.name else n for n in self.nodes))

    def with_type(self, name: str, tensor_type: TensorType) -> Graph:
        """A copy in which the tensor `name` has another type."""
        return replace(self, types={**self.types, name: tensor_type})

    def __str__(self) -> str:
        return "\n".join(_lines(self))


def _plain(value: AttrValue) -> AttrValue:
    """The same value in Python's own numbers, so that text and files of it are unique."""
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)  # type: ignore[return-value]
    if isinstance(value, bool | np.bool_ | np.integer):
        return int(value)
    return float(value) if isinstance(value, np.floating) else value


def _lines(graph: Graph) -> Iterable[str]:
    yield f"graph {graph.name}({', '.join(graph.inputs)}) -> {', '.join(graph.outputs)}"
    for node in graph.nodes:
        attrs = ", ".join(f"{key}={_short(value)}" for key, value in sorted(node.attrs.items()))
        inputs = ", ".join(node.inputs)
        yield f"  {node.output}: {graph.types[node.output]} = {node.op}({inputs}) {{{attrs}}}"
    if graph.head:
        yield f"  head: {graph.head}"


def _short(value: AttrValue) -> str:
    if isinstance(value, tuple) and len(value) > 4:
        return f"({', '.join(map(str, value[:3]))}, … {len(value)} values)"
    return str(value)
