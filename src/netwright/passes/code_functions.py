"""What is computed from the codes of one quantized tensor alone is a table of these codes.

``x * sigmoid(x)``, written out or with a quantizer behind the sigmoid, reads one quantized tensor
twice: every code of it has one result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from netwright.ir import Graph, Node, spec_of
from netwright.ir.ops.quant import code_type
from netwright.passes.carried import Reals, step_of
from netwright.passes.constant_values import constant_values
from netwright.passes.integerize_pending import CODE_BITS
from netwright.passes.integerize_quant import is_plain_quantizer
from netwright.passes.replacing import Replacing

MAX_ENTRIES = 1 << 16
"""Most codes that a function may be tabulated for."""

_MAX_STEPS = 64
"""Most nodes between a tensor and the one that it is a function of."""

_EACH = frozenset({"Add", "BipolarQuant", "Clip", "Div", "Lookup", "Mul", "Quant", "Relu"})
_FOLDED = frozenset({"Add", "Clip", "Mul", "Relu"})


def codes_of(maker: Node) -> tuple[int, int]:
    """The smallest and the largest code of a quantizer, without its zero point."""
    dtype, zero_point = code_type(maker), maker.integer("zero_point", 0)
    return dtype.min - zero_point, dtype.max - zero_point


def is_tabulated(maker: Node | None) -> bool:
    """Whether a node is a quantizer with one scale and few enough codes for a table."""
    if maker is None or not is_plain_quantizer(maker) or len(maker.reals("scale")) > 1:
        return False
    low, high = codes_of(maker)
    return high - low < MAX_ENTRIES


@dataclass(frozen=True)
class CodeFunctions:
    """Finds the tensor whose codes decide others.

    Attributes:
        producer: The node that makes a tensor.
        constant: The values of a constant; ``None`` for other tensors.
    """

    producer: Callable[[str], Node | None]
    constant: Callable[[str], Reals | None]

    def common(self, tensors: list[str]) -> tuple[str, list[Reals]] | None:
        """A quantized tensor that all tensors are functions of, and their values for its codes."""
        for base in self._bases(tensors[0]):
            found = [self._over(tensor, base, {}) for tensor in tensors]
            values = [array for array in found if array is not None]
            if len(values) == len(found):
                return base, values
        return None

    def _bases(self, tensor: str) -> list[str]:
        """Quantized tensors that a tensor may be a function of, the nearest ones first."""
        found, waiting, seen = [], [tensor], {tensor}
        for name in waiting:
            node = self.producer(name)
            if node is None or node.op not in _EACH:
                continue
            if is_tabulated(node):
                found.append(name)
            more = [n for n in node.inputs if n not in seen and self.constant(n) is None]
            seen.update(more)
            if len(waiting) < _MAX_STEPS:
                waiting += more
        return found

    def _over(self, tensor: str, base: str, known: dict[str, Reals | None]) -> Reals | None:
        """The values of a tensor for every code of `base`; ``None`` where it is no function."""
        if tensor not in known:
            known[tensor] = None  # until it is known
            known[tensor] = self._computed(tensor, base, known)
        return known[tensor]

    def _computed(self, tensor: str, base: str, known: dict[str, Reals | None]) -> Reals | None:
        node = self.producer(tensor)
        if node is None or len(known) > _MAX_STEPS:
            return None
        if tensor == base:
            low, high = codes_of(node)
            return np.arange(low, high + 1, dtype=np.float64)[None] * node.reals("scale")[0]
        if node.op not in _EACH or node.attrs.get("axis") is not None:
            return None
        if node.op == "Lookup":
            return self._looked_up(node, base, known)
        operands = []
        for name in node.inputs:
            held = self.constant(name)
            values = self._over(name, base, known) if held is None else held
            if values is None or (held is not None and held.size != 1):
                return None
            operands.append(values if held is None else held.reshape(1, 1))
        with np.errstate(all="ignore"):
            return np.asarray(spec_of(node).execute(node, operands), dtype=np.float64)

    def _looked_up(self, node: Node, base: str, known: dict[str, Reals | None]) -> Reals | None:
        """What one table, the same for all features, makes of codes."""
        codes, tables = self._over(node.inputs[0], base, known), self.constant(node.inputs[1])
        if codes is None or tables is None or tables.shape[1] != 1 or np.any(tables != tables[:1]):
            return None
        places = np.rint(codes).astype(np.int64) - node.integer("first")
        inside = (places >= 0) & (places < tables.shape[2])
        return tables[0, 0][places] if inside.all() else None


def fold_functions(graph: Graph) -> Graph:
    """The graph with a table for every product of functions of one tensor, and what follows it.

    Sums with constants, limits and further products behind a table of real values go into it.
    """
    if not any(node.op in ("Lookup", "Mul") for node in graph.nodes):
        return graph
    values = constant_values(graph)
    functions = CodeFunctions(graph.producers.get, values.get)
    folding = _Folding(graph, values, functions)
    for node in graph.nodes:
        folding.read(node)
    return folding.whole()


class _Folding(Replacing):
    """A graph while its functions are folded."""

    def __init__(self, graph: Graph, values: dict[str, Reals], functions: CodeFunctions) -> None:
        super().__init__(graph)
        self.values, self.functions = values, functions
        self.real: set[str] = set()
        self.codes: dict[str, str] = {}

    def read(self, node: Node) -> None:
        """Fold a node, if it is a function that the graph has no other form for."""
        if node.op == "Lookup":
            tables = self.values.get(node.inputs[1])
            if tables is not None and np.abs(tables / step_of(tables)).max() >= 1 << CODE_BITS:
                self.real.add(node.output)
            return
        data = [name for name in node.inputs if name not in self.values]
        if node.op not in _FOLDED or not data:
            return
        product = node.op == "Mul" and len(data) == 2
        if not product and self.real.isdisjoint(data):
            return
        shape = self.graph.types[node.output].shape
        found = self.functions.common([node.output])
        if found is None or self.types[found[0]].shape != shape:
            return
        self.real.add(node.output)
        self._table(node, found[0], found[1][0].reshape(-1))

    def _table(self, node: Node, base: str, entries: Reals) -> None:
        maker = self.graph.producers[base]
        shape, origin = self.types[base].shape, node.origin or node.name
        made: list[Node] = []
        if base not in self.codes:
            scale = self.constant(f"{base}_per_code", np.array(1 / maker.reals("scale")[0]))
            codes = self.tensor(f"{base}_codes", shape)
            made.append(Node(codes, "Mul", (base, scale), codes, {}, origin))
            self.codes[base] = codes
        table = self.constant(f"{node.name}_table", np.tile(entries, (shape[-1], 1, 1)))
        inputs = self.codes[base], table
        first = {"first": codes_of(maker)[0]}
        made.append(Node(node.name, "Lookup", inputs, node.output, first, origin))
        self.made[node.name] = made
