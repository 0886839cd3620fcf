"""Recognize attention that is written out: two products with shares of a softmax between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from netwright.ir import AttrValue, Graph, Node, TensorType, check, spec_of
from netwright.ir.names import Names
from netwright.passes.unread import is_inner, scalar, split_constant, without_unread

_VIEWS = ("Reshape", "Transpose")
_MOST_SCORES = 1 << 22
"""Largest keys whose order of elements is looked at."""


@dataclass(frozen=True, slots=True)
class FuseAttention:
    """Make ``Attention`` of scores, their softmax, and the product of the shares with values.

    Factors of queries, keys and scores become its scale; one mask is added, or says what is kept.
    Keys may come in any order of axes that leads to the product.
    """

    def __call__(self, graph: Graph) -> Graph:
        """The graph with attention, or `graph` itself."""
        whole = _Fusing(graph)
        for node in graph.nodes:
            whole.nodes.extend(whole.fused(node) or (node,))
        if len(whole.types) == len(graph.types) and tuple(whole.nodes) == graph.nodes:
            return graph
        nodes = tuple(whole.nodes)
        return check(without_unread(replace(graph, nodes=nodes, types=whole.types)))


class _Fusing:
    """The new graph in the making."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.types = graph, dict(graph.types)
        self.nodes: list[Node] = []
        self.names = Names({*graph.types, *(node.name for node in graph.nodes)})

    def fused(self, node: Node) -> list[Node]:
        """What takes the place of a product of shares with values; nothing for other nodes."""
        graph = self.graph
        if node.op != "BatchMatMul" or len(graph.types[node.output].shape) not in (3, 4):
            return []
        shares = self._inner(node.inputs[0], "Softmax", "MaskedSoftmax")
        rank = len(graph.types[node.output].shape)
        if shares is None or shares.integer("axis", -1) not in (-1, rank - 1):
            return []
        found = self._scores(shares)
        if found is None:
            return []
        product, scale, mask = found
        queries, factor = self._scaled(product.inputs[0])
        keys, turn, other = self._keys(product.inputs[1])
        scale *= factor * other
        parts = [queries, keys, node.inputs[1]]
        ranks = {len(graph.types[name].shape) for name in (*parts, node.output)}
        if not 0 < scale < 1e30 or ranks != {rank}:
            return []
        before: list[Node] = []
        if turn:
            order = (*range(rank - 2), rank - 1, rank - 2)
            parts[1] = self._append(before, node, "Transpose", keys, {"order": order}, "keys")
        if rank == 3:
            parts = [self._one_head(before, node, name) for name in parts]
        attrs: dict[str, AttrValue] = {
            "scale": (scale,), "causal": 0, "mask": "add" if mask is None else mask[1]
        }  # fmt: skip
        inputs = (*parts, *(() if mask is None else (self._mask(before, node, mask[0], rank),)))
        made = replace(node, op="Attention", inputs=inputs, attrs=attrs)
        try:
            shape = spec_of(made).shape(made, [self._shape(name) for name in inputs])
        except Exception:  # the heads do not fit: it is no attention
            return []
        if rank == 4:
            return [*before, made] if shape == graph.types[node.output].shape else []
        heads = self.names.fresh(f"{node.output}_heads")
        self.types[heads] = TensorType(shape)
        name = self.names.fresh(f"{node.name}_flat")
        flat: dict[str, AttrValue] = {"shape": graph.types[node.output].shape}
        last = Node(name, "Reshape", (heads,), node.output, flat, node.origin)
        return [*before, replace(made, output=heads), last]

    def _shape(self, name: str) -> tuple[int, ...]:
        return self.types[name].shape

    def _append(
        self, nodes: list[Node], at: Node, op: str, source: str, attrs: dict[str, AttrValue],
        what: str,
    ) -> str:  # fmt: skip
        name = self.names.fresh(f"{at.name}_{what}")
        node = Node(name, op, (source,), name, attrs, at.origin)
        self.types[name] = TensorType(spec_of(node).shape(node, [self._shape(source)]))
        nodes.append(node)
        return name

    def _one_head(self, nodes: list[Node], at: Node, name: str) -> str:
        batch, *rest = self._shape(name)
        return self._append(nodes, at, "Reshape", name, {"shape": (batch, 1, *rest)}, "head")

    def _mask(self, nodes: list[Node], at: Node, name: str, rank: int) -> str:
        """The mask with an axis of heads."""
        shape = self._shape(name)
        if rank == 4 or len(shape) < 3 or name in self.graph.constants:
            return name
        return self._one_head(nodes, at, name)

    def _inner(self, name: str, *ops: str) -> Node | None:
        node = self.graph.producers.get(name)
        return node if node is not None and node.op in ops and is_inner(self.graph, name) else None

    def _scores(self, shares: Node) -> tuple[Node, float, tuple[str, str] | None] | None:
        """The product of queries and keys, a factor, and the mask."""
        mask = (shares.inputs[1], "keep") if shares.op == "MaskedSoftmax" else None
        name, scale = shares.inputs[0], 1.0
        added = self._inner(name, "Add")
        if added is not None and mask is None:
            for scores, other in (added.inputs, added.inputs[::-1]):
                if self._product(scores) is not None:
                    name, mask = scores, (other, "add")
                    break
        found = self._product(name)
        return None if found is None else (found[0], scale * found[1], mask)

    def _product(self, name: str) -> tuple[Node, float] | None:
        """The product behind a tensor, and the number that it is multiplied with."""
        scale = 1.0
        while (node := self._inner(name, "Mul", "Reshape")) is not None:
            if node.op == "Reshape":
                if self._shape(node.inputs[0]) != self._shape(name):
                    return None
                name = node.inputs[0]
                continue
            parts = split_constant(self.graph, node)
            number = None if parts is None else scalar(self.graph, parts[1])
            if parts is None or number is None:
                return None
            name, scale = parts[0], scale * number
        product = self._inner(name, "BatchMatMul")
        return None if product is None else (product, scale)

    def _scaled(self, name: str) -> tuple[str, float]:
        """What a tensor is a multiple of."""
        node, scale = self.graph.producers.get(name), 1.0
        while node is not None and node.op == "Mul":
            parts = split_constant(self.graph, node)
            number = None if parts is None else scalar(self.graph, parts[1])
            if parts is None or number is None:
                break
            name, scale = parts[0], scale * number
            node = self.graph.producers.get(name)
        return name, scale

    def _keys(self, name: str) -> tuple[str, bool, float]:
        """Keys (..., tokens, features), whether they must be turned for that, and a factor."""
        shape, scale, at = self._shape(name), 1.0, name
        chain: list[Node] = []
        size = int(np.prod(shape))
        while size <= _MOST_SCORES:
            at, factor = self._scaled(at)
            scale *= factor
            node = self.graph.producers.get(at)
            if node is None or node.op not in _VIEWS:
                break
            chain.append(node)
            at = node.inputs[0]
            if self._is_turned(at, chain, shape):
                at, factor = self._scaled(at)
                return at, False, scale * factor
        plain, factor = self._scaled(name)
        return plain, True, factor

    def _is_turned(self, name: str, chain: Sequence[Node], shape: tuple[int, ...]) -> bool:
        """Whether views make of a tensor what swapping its last two axes makes."""
        own = self._shape(name)
        if (*own[:-2], own[-1:], own[-2:-1]) != (*shape[:-2], shape[-2:-1], shape[-1:]):
            return False
        places = np.arange(int(np.prod(own))).reshape(own)
        made = places
        for node in reversed(chain):
            made = np.asarray(spec_of(node).execute(node, [made]))
        return np.array_equal(made, places.swapaxes(-1, -2))
