"""Constants that vary along several axes act on flattened tensors, where they vary along one."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from netwright.ir import AttrValue, Graph, Node
from netwright.ir.types import along_axis
from netwright.passes.carried import Reals, share_an_axis
from netwright.passes.constant_values import constant_values
from netwright.passes.replacing import Replacing

_QUANTIZERS = frozenset({"BipolarQuant", "Quant"})
_EACH = frozenset({"Add", "Clip", "Mul", "Relu"}) | _QUANTIZERS
"""Operators that act on each element by itself."""

_ON_THE_HOST = frozenset({"Add", "BatchNormalization", "Clip", "Mul", "Relu"})
_MOVES = frozenset({"Reshape", "Resize", "Slice", "Transpose"})


def flat_affine(graph: Graph) -> Graph:
    """The graph with such sums and products, and what follows them up to a quantizer, flattened.

    A position embedding or an average that divides by another number at each border has a constant
    for every element. Between a Reshape to one axis and one back, such a constant is an ordinary
    one for each channel, and the quantizer behind it rounds once. What stands in front of the
    first quantizer is the host's and stays as it is.
    """
    if not any(node.op in ("Add", "Mul") for node in graph.nodes):
        return graph
    values = constant_values(graph)
    host = _host_values(graph, values)
    chains: list[list[Node]] = []
    taken: set[str] = set()
    for node in graph.nodes:
        if node.name in taken or not _spreads(graph, node, values, host):
            continue
        chain = _chain(graph, node, values)
        taken.update(member.name for member in chain)
        chains.append(chain)
    flattened = _Flattened(graph, values)
    for chain in chains:
        flattened.take(chain)
    return flattened.whole()


def _host_values(graph: Graph, values: dict[str, Reals]) -> set[str]:
    """Tensors that are real values on the host."""
    found = set(graph.inputs)
    for node in graph.nodes:
        data = [name for name in node.inputs if name not in values]
        if node.op in _ON_THE_HOST | _MOVES and data and set(data) <= found:
            found.add(node.output)
    return found


def _operands(node: Node, values: dict[str, Reals]) -> tuple[list[str], list[str]]:
    """What a node reads: activations and constants."""
    held = [name for name in node.inputs if name in values]
    return [name for name in node.inputs if name not in values], held


def _acts_on_each(graph: Graph, node: Node, values: dict[str, Reals]) -> bool:
    """Whether a node changes the elements of one activation, each by itself."""
    data, _ = _operands(node, values)
    shape = graph.types[node.output].shape
    return node.op in _EACH and len(data) == 1 and graph.types[data[0]].shape == shape


def _spreads(graph: Graph, node: Node, values: dict[str, Reals], host: set[str]) -> bool:
    """Whether a node adds, or multiplies by, a constant that varies along several axes."""
    if node.op not in ("Add", "Mul") or not _acts_on_each(graph, node, values):
        return False
    (source,), held = _operands(node, values)
    shape = graph.types[node.output].shape
    if source in host or len(held) != 1 or shape[0] != 1:
        return False
    return not share_an_axis([values[held[0]]], shape)


def _chain(graph: Graph, node: Node, values: dict[str, Reals]) -> list[Node]:
    """The node and what follows it, element by element, up to a quantizer."""
    chain = [node]
    while chain[-1].op not in _QUANTIZERS and chain[-1].output not in graph.outputs:
        readers = graph.consumers[chain[-1].output]
        if len(readers) != 1 or not _acts_on_each(graph, readers[0], values):
            break
        chain.append(readers[0])
    return chain


class _Flattened(Replacing):
    """A graph while chains of its nodes are flattened."""

    def __init__(self, graph: Graph, values: dict[str, Reals]) -> None:
        super().__init__(graph)
        self.values = values

    def take(self, chain: list[Node]) -> None:
        """Flatten a chain."""
        first, last = chain[0], chain[-1]
        shape = self.graph.types[last.output].shape
        flat = (1, prod(shape))
        (source,), _ = _operands(first, self.values)
        made = self.tensor(f"{first.name}_flat", flat)
        entry = Node(made, "Reshape", (source,), made, {"shape": flat}, first.origin or first.name)
        for node in chain:
            inputs = tuple(
                self._held(name, shape) if name in self.values else made for name in node.inputs
            )
            output = self.tensor(f"{node.output}_flat", flat)
            moved = replace(node, inputs=inputs, output=output, attrs=_attrs(node, shape))
            self.made[node.name] = [entry, moved] if node is first else [moved]
            made = output
        name = self.names.fresh(f"{last.name}_shaped")
        origin = last.origin or last.name
        back = Node(name, "Reshape", (made,), last.output, {"shape": shape}, origin)
        self.made[last.name].append(back)

    def _held(self, name: str, shape: tuple[int, ...]) -> str:
        """A constant for every element."""
        wanted = np.broadcast_to(self.values[name], shape).reshape(1, -1).copy()
        return self.constant(f"{name}_flat", wanted)


def _attrs(node: Node, shape: tuple[int, ...]) -> dict[str, AttrValue]:
    """The attributes of a node on the flat tensor: a scale for each channel becomes longer."""
    attrs = dict(node.attrs)
    if node.op in _QUANTIZERS and node.axis() is not None:
        scale = along_axis(node.reals("scale"), node.axis(), len(shape))
        attrs["scale"] = tuple(map(float, np.broadcast_to(scale, shape).reshape(-1)))
        attrs["axis"] = 1
    return attrs
