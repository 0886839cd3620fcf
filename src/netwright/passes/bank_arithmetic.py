"""A real network as units beside banks and a chip that adds and multiplies compute it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from netwright.errors import ConfigError, GraphError
from netwright.formats import BFLOAT16, FLOAT, Float
from netwright.formats.bfloat import order_faults, rounded_to_bfloat16
from netwright.ir import Graph, HostArithmetic, Node, Note, TensorType, check, spec_of
from netwright.ir.graph import Array, AttrValue
from netwright.ir.names import Names
from netwright.ir.ops.approximate import CURVES, host_attributes
from netwright.ir.ops.format_quant import number_text

_ROUNDED = ("Add", "Mul", "RotaryEmbedding")
"""Operators whose results the host rounds once."""

_APPROXIMATED = ("Softmax", "LayerNormalization", "RMSNormalization")
_EXACT = ("Relu", "Clip", "FormatQuant")
_TANH = "GELU by its hyperbolic tangent"


@dataclass(frozen=True, slots=True)
class BankArithmetic:
    """Give every operator the arithmetic of a memory with units beside its banks, and of its host.

    Products with weights, and those of attention, become products of bfloat16 whose sums have an
    order (``BankMatMul``, ``BankAttention``); weights, and tables of rows, hold bfloat16 values.
    Functions, normalizations and quotients become series and iterations, sums and products of
    elements are rounded. What comes out has the same interpreter as every graph, and its values are
    exact.

    Attributes:
        host: The host's arithmetic.
        lanes: Products of a step of a unit.
        piece: Elements that fill the buffer of a channel.
        sum_bits: 16 if sums leave the banks as bfloat16, 32 if as float32.

    Raises:
        ConfigError: A setting is out of range.
        GraphError: An operator is nothing that such a machine does; all of them are named.
    """

    host: HostArithmetic = field(default_factory=HostArithmetic)
    lanes: int = 16
    piece: int = 1024
    sum_bits: int = 32

    def __post_init__(self) -> None:
        faults = order_faults(self.lanes, self.piece, self.sum_bits)
        host: object = self.host
        if not isinstance(host, HostArithmetic):
            faults.insert(0, f"host must be a HostArithmetic, not {type(host).__name__}")
        if faults:
            raise ConfigError(faults)

    def __call__(self, graph: Graph) -> Graph:
        """The graph with that arithmetic; `graph` itself if it has it already."""
        faults = [text for node in graph.nodes if (text := _fault(graph, node))]
        if faults:
            raise GraphError(
                f'graph "{graph.name}" has {len(faults)} operators that units beside banks and '
                f"their host do not do: {'; '.join(faults[:8])}",
                hint=f"functions: {', '.join(CURVES)}, gelu",
            )
        if not any(_changes(node) for node in graph.nodes):
            return graph
        return check(_Rewriting(graph, self).graph())

    @property
    def order(self) -> dict[str, AttrValue]:
        """The attributes that say the order of sums."""
        return {"lanes": self.lanes, "piece": self.piece, "sum_bits": self.sum_bits}


def _fault(graph: Graph, node: Node) -> str:
    spec = spec_of(node)
    where = f'"{node.name}" ({node.op}'
    if node.op == "Function":
        name = node.text("name")
        return "" if name in CURVES or name == "gelu" else f"{where} {name})"
    if node.op == "MatMul":
        weights = graph.constants.get(node.inputs[1])
        return "" if weights is not None else f"{where} of two activations)"
    if graph.types[node.output].is_integer:
        return f"{where} of codes)"
    known = node.op in (*_ROUNDED, *_APPROXIMATED, *_EXACT, "Div", "Attention", "Gather")
    kept = spec.category in ("view", "movement") or node.op.startswith(("Bank", "Approximate"))
    return "" if known or kept else f"{where})"


def _changes(node: Node) -> bool:
    return node.op in ("MatMul", "Attention", "Function", "Div", *_APPROXIMATED)


class _Rewriting:
    """Collects nodes, types and constants of the new graph."""

    def __init__(self, graph: Graph, rules: BankArithmetic) -> None:
        self.old, self.rules = graph, rules
        self.names = Names([*graph.types, *(node.name for node in graph.nodes)])
        self.types, self.constants = dict(graph.types), dict[str, Array](graph.constants)
        self.notes = list(graph.notes)

    def graph(self) -> Graph:
        """The graph, with what nothing reads left out."""
        nodes = tuple(made for node in self.old.nodes for made in self._node(node))
        used = {name for node in nodes for name in (*node.inputs, node.output)}
        used |= {*self.old.inputs, *self.old.outputs}
        return replace(
            self.old,
            nodes=nodes,
            types={name: known for name, known in self.types.items() if name in used},
            constants={name: value for name, value in self.constants.items() if name in used},
            notes=tuple(self.notes),
        )

    def _node(self, node: Node) -> Iterator[Node]:
        if node.op == "MatMul":
            yield from self._product(node)
        elif node.op == "Attention":
            yield self._as(node, "BankAttention", **self.rules.order)
        elif node.op == "Function":
            yield self._function(node)
        elif node.op in _APPROXIMATED:
            yield self._as(node, f"Approximate{node.op}")
        elif node.op == "Div":
            inverse = self._tensor(f"{node.name}_inverse", node.inputs[1])
            attrs = {"name": "reciprocal", **host_attributes(self.rules.host)}
            yield Node(inverse, "ApproximateFunction", (node.inputs[1],), inverse, attrs)
            product = replace(node, op="Mul", inputs=(node.inputs[0], inverse))
            yield from self._rounded(product)
        elif node.op in _ROUNDED:
            yield from self._rounded(node)
        elif node.op == "Gather":
            yield replace(node, inputs=(node.inputs[0], self._stored(node.inputs[1])))
        else:
            yield node

    def _as(self, node: Node, op: str, **more: AttrValue) -> Node:
        attrs = {**node.attrs, **more, **host_attributes(self.rules.host)}
        return replace(node, op=op, attrs=attrs)

    def _function(self, node: Node) -> Node:
        name = node.text("name")
        if name == "gelu":
            self.notes.append(Note(node.name, f"{_TANH}: the host has no error function"))
            name = "gelu_tanh"
        attrs = {"name": name, **host_attributes(self.rules.host)}
        return replace(node, op="ApproximateFunction", attrs=attrs)

    def _product(self, node: Node) -> Iterator[Node]:
        read, weights, *bias = node.inputs
        inputs = (read, self._stored(weights))
        if not bias:
            yield replace(node, op="BankMatMul", inputs=inputs, attrs=self.rules.order)
            return
        output = self._tensor(f"{node.output}_product", node.output)
        name = self.names.fresh(f"{node.name}_product")
        yield Node(name, "BankMatMul", inputs, output, self.rules.order, node.origin)
        yield from self._rounded(replace(node, op="Add", inputs=(output, bias[0]), attrs={}))

    def _rounded(self, node: Node) -> Iterator[Node]:
        """An operator in float64, and its result in the host's format."""
        output = self._tensor(f"{node.output}_wide", node.output)
        number = number_text(Float(32) if self.rules.host.bits == 32 else BFLOAT16)
        name = self.names.fresh(f"{node.name}_round")
        attrs: dict[str, AttrValue] = {"number": number, "scale": (1.0,), "axis": None}
        yield replace(node, output=output)
        yield Node(name, "FormatQuant", (output,), node.output, attrs, node.origin)

    def _tensor(self, wanted: str, like: str) -> str:
        name = self.names.fresh(wanted)
        self.types[name] = TensorType(self.old.types[like].shape, FLOAT)
        return name

    def _stored(self, name: str) -> str:
        """A constant with bfloat16 values."""
        known = self.types[name]
        if name not in self.constants or known.is_integer or known.dtype == BFLOAT16:
            return name
        values = np.asarray(self.old.constants[name])
        others = [n for n in self.old.consumers[name] if n.op not in ("MatMul", "Gather")]
        stored = self.names.fresh(f"{name}_bfloat16") if others else name
        self.constants[stored] = rounded_to_bfloat16(values)
        self.types[stored] = TensorType(known.shape, BFLOAT16, pattern=known.pattern)
        return stored
