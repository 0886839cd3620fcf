"""Which tensors of a network are needed as codes, and how wide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod

from netwright.compress.plan import Plan
from netwright.ir import KEEPS_VALUES, Graph, Node
from netwright.train.prepared import Prepared, data_inputs

MOVES = KEEPS_VALUES
"""Operators that give codes another place."""

OUTPUT = "the output"
"""Who reads what the network gives, for messages."""

CUTS = ("Relu", "Clip")
"""Operators that cut values to an interval."""


@dataclass
class Demands:
    """Which tensors are needed as codes, and how wide.

    Attributes:
        graph: The float graph.
        bits: Widths of the codes of each tensor, with a layer that reads them; empty for none.
        raw: Tensors that are needed with all their bits.
        as_codes: Of these, those that are only moved and exist as codes.
        default: Width where no layer says it.
        read: Widths in which layers with weights read each tensor.
        loose: Tensors whose readers take codes where these exist, and all bits else.
    """

    graph: Graph
    bits: dict[str, dict[int, str]]
    raw: set[str]
    as_codes: set[str]
    default: int
    read: dict[str, set[int]]
    loose: set[str] = field(default_factory=set)
    _joined: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, prepared: Prepared, plan: Plan) -> Demands:
        """Go from the outputs to the inputs."""
        graph = prepared.graph
        default = max(layer.input_bits for layer in plan.layers)
        names = {*graph.types} - {*graph.constants}
        found = cls(
            graph, {name: {} for name in names}, set(graph.outputs), set(), default,
            {name: set() for name in names},
        )  # fmt: skip
        if plan.output_bits is not None:
            found.raw.clear()
            for name in graph.outputs:
                found.bits[name][plan.output_bits] = OUTPUT
        widths = {layer.name: layer.input_bits for layer in plan.layers}
        dyadic = plan.scale == "power-of-two"
        for node in reversed(graph.nodes):
            found._settle(node, dyadic=dyadic)
            path = prepared.paths.get(node.name)
            found._read(node, None if path is None else (path, widths[path]))
        for name in graph.inputs:
            if not found.bits[name] and graph.consumers[name]:
                found.bits[name][default] = "the network"
        found._join()
        return found

    def _settle(self, node: Node, *, dyadic: bool) -> None:
        """Decide how a tensor exists whose readers take it either way."""
        name = node.output
        if name not in self.loose:
            return
        readers = len(self.graph.consumers[name])
        inexact = node.op == "AveragePool" and not (dyadic and _is_power(_window(node)))
        copies = node.op in MOVES and node.op not in ("Reshape", "Transpose", "Slice")
        if not self.bits[name] and (readers > 1 or inexact or copies):
            self.bits[name][self.default] = node.origin
        if not self.bits[name]:
            self.raw.add(name)

    def _read(self, node: Node, layer: tuple[str, int] | None) -> None:
        """What a node asks of the tensors that it reads."""
        name, made = node.output, self.bits[node.output]
        sources = data_inputs(self.graph, node)
        if layer is not None:
            self.raw.add(name)
            self.bits[node.inputs[0]].setdefault(layer[1], layer[0])
            self.read[node.inputs[0]].add(layer[1])
        elif node.op == "AveragePool":
            self.raw.add(name)
            self._ask(sources[0], made or {self.default: node.origin})
        elif node.op in ("Concat", "Function"):
            if not made:
                made[self.default] = node.origin
            for source in sources:
                self._ask(source, made)
        elif node.op in MOVES:
            if made:
                self._ask(sources[0], made)
                if name in self.raw:
                    self.as_codes.add(name)
            elif name in self.raw:
                (self.loose if name in self.loose else self.raw).add(sources[0])
        elif node.op in CUTS:
            if made or name in self.raw:
                self.raw.add(sources[0])
        else:
            self.raw.add(name)
            self.loose.update(set(sources) - set(self.graph.outputs))
            self.raw.update(set(sources) & set(self.graph.outputs))

    def _ask(self, source: str, widths: Mapping[int, str]) -> None:
        bits = max(widths)
        self.bits[source].setdefault(bits, widths[bits])

    def _join(self) -> None:
        """Tensors that are moved or joined have one quantizer, as wide as the widest needs."""
        for node in self.graph.nodes:
            if node.op in MOVES and self.bits[node.output]:
                for source in data_inputs(self.graph, node):
                    self._joined[self.group(source)] = self.group(node.output)
        for name, widths in self.bits.items():
            if widths:
                most = {b: r for m in self.members(name) for b, r in self.bits[m].items()}
                widths.setdefault(max(most), most[max(most)])

    def group(self, tensor: str) -> str:
        """One name for all tensors that share a quantizer."""
        while tensor in self._joined and self._joined[tensor] != tensor:
            tensor = self._joined[tensor]
        return tensor

    def members(self, tensor: str) -> Iterator[str]:
        """All tensors that share the quantizer of one."""
        group = self.group(tensor)
        return (name for name in self.bits if self.group(name) == group)

    def reader(self, tensor: str, bits: int) -> str:
        """A layer that reads codes of this width."""
        return next(
            (self.bits[name][bits] for name in self.members(tensor) if bits in self.bits[name]), ""
        )


def _window(node: Node) -> int:
    return prod(node.integers("kernel"))


def _is_power(value: int) -> bool:
    return value & (value - 1) == 0
