"""A decoder as a graph of real values, operator by operator."""

from __future__ import annotations

import numpy as np

from netwright.errors import ConfigError
from netwright.formats import FLOAT, smallest_int
from netwright.ir import Array, AttrValue, Graph, Node, TensorType, check
from netwright.models.decoder import Decoder

MAX_TOKENS = 1 << 16


def decoder_graph(decoder: Decoder, tokens: int, *, logits: bool = True) -> Graph:
    """The graph of what a decoder makes of so many tokens, without a cache.

    Args:
        decoder: The decoder; its weights are copied.
        tokens: Tokens of a row.
        logits: Whether the product with the words' vectors is part of it; else it ends with the
            features that these are multiplied with.

    Raises:
        ConfigError: There are no tokens, or too many.

    Example:
        >>> from netwright.models import DecoderShape
        >>> shape = DecoderShape(8, 4, layers=1, heads=2, groups=1, hidden=6, head_features=2)
        >>> graph = decoder_graph(Decoder(shape), 3)
        >>> [node.op for node in graph.nodes][-3:]
        ['Add', 'RMSNormalization', 'MatMul']
    """
    if isinstance(tokens, bool) or not isinstance(tokens, int) or not 1 <= tokens <= MAX_TOKENS:
        raise ConfigError(f"tokens must be from 1 to {MAX_TOKENS}, not {tokens!r}")
    return _Building(decoder, tokens).graph(logits=logits)


class _Building:
    """Collects nodes, types and constants."""

    def __init__(self, decoder: Decoder, tokens: int) -> None:
        self.decoder, self.shape, self.tokens = decoder, decoder.shape, tokens
        self.nodes: list[Node] = []
        number = smallest_int(0, self.shape.words - 1)
        self.types = {"tokens": TensorType((1, tokens), number)}
        self.constants: dict[str, Array] = {}

    def graph(self, *, logits: bool) -> Graph:
        """The graph, checked."""
        table = self._constant("words", self._weights("words.weight"))
        half = np.arange(0, self.shape.head_features, 2) / self.shape.head_features
        angles = np.arange(self.tokens)[:, None] * self.shape.base**-half
        self._constant("cosines", np.cos(angles).astype(np.float32))
        self._constant("sines", np.sin(angles).astype(np.float32))
        values = self._node("words_of", "Gather", ("tokens", table), self.shape.features)
        for layer in range(self.shape.layers):
            values = self._layer(f"layer{layer}", f"layers.{layer}", values)
        made = self._norm("norm", "norm.weight", values)
        if logits:
            made = self._product("logits", "words.weight", made)
        return check(
            Graph("decoder", ("tokens",), (made,), tuple(self.nodes), self.types, self.constants)
        )

    def _layer(self, name: str, path: str, values: str) -> str:
        def product(part: str, source: str) -> str:
            return self._product(f"{name}_{part}", f"{path}.{part}.weight", source)

        def add(part: str, one: str, other: str) -> str:
            return self._node(f"{name}_{part}", "Add", (one, other), self.shape.features)

        normed = self._norm(f"{name}_attention_norm", f"{path}.attention_norm.weight", values)
        heads = {"query": self.shape.heads, "key": self.shape.groups, "value": self.shape.groups}
        parts = []
        for part, number in heads.items():
            made = self._heads(f"{name}_{part}", product(part, normed), number)
            if part != "value":
                made = self._turned(f"{name}_{part}_turned", made)
            parts.append(made)
        values = add("attended", values, product("output", self._attended(name, parts)))
        normed = self._norm(f"{name}_feed_norm", f"{path}.feed_norm.weight", values)
        gate, hidden = product("gate", normed), self.shape.hidden
        gate = self._node(f"{name}_silu", "Function", (gate,), hidden, name="silu")
        gated = self._node(f"{name}_gated", "Mul", (gate, product("up", normed)), hidden)
        return add("fed", values, product("down", gated))

    def _attended(self, name: str, parts: list[str]) -> str:
        scale = (float(np.float32(self.shape.head_features**-0.5)),)
        shape = (1, self.shape.heads, self.tokens, self.shape.head_features)
        made = self._emit(
            f"{name}_attention", "Attention", tuple(parts), shape, scale=scale, causal=1, mask="add"
        )
        swapped = (shape[0], shape[2], shape[1], shape[3])
        made = self._emit(f"{name}_merged", "Transpose", (made,), swapped, order=(0, 2, 1, 3))
        flat = (1, self.tokens, shape[1] * shape[3])
        return self._emit(f"{name}_flat", "Reshape", (made,), flat, shape=flat)

    def _heads(self, name: str, source: str, number: int) -> str:
        split = (1, self.tokens, number, self.shape.head_features)
        made = self._emit(f"{name}_split", "Reshape", (source,), split, shape=split)
        shape = (split[0], split[2], split[1], split[3])
        return self._emit(f"{name}_heads", "Transpose", (made,), shape, order=(0, 2, 1, 3))

    def _turned(self, name: str, source: str) -> str:
        shape = self.types[source].shape
        names = (source, "cosines", "sines")
        return self._emit(name, "RotaryEmbedding", names, shape, pairs="neighbors")

    def _norm(self, name: str, weight: str, source: str) -> str:
        gain = self._constant(f"{name}_gain", self._weights(weight))
        names, epsilon = (source, gain), (self.shape.epsilon,)
        return self._node(name, "RMSNormalization", names, self.shape.features, epsilon=epsilon)

    def _product(self, name: str, weight: str, source: str) -> str:
        matrix = self._constant(f"{name}_weight", self._weights(weight).T)
        return self._node(name, "MatMul", (source, matrix), len(self._weights(weight)))

    def _node(
        self, name: str, op: str, inputs: tuple[str, ...], width: int, /, **attrs: AttrValue
    ) -> str:
        return self._emit(name, op, inputs, (1, self.tokens, width), **attrs)

    def _emit(
        self, name: str, op: str, inputs: tuple[str, ...], extents: tuple[int, ...], /,
        **attrs: AttrValue,
    ) -> str:  # fmt: skip
        output = f"{name}_out"
        self.nodes.append(Node(name, op, inputs, output, attrs, name))
        self.types[output] = TensorType(extents, FLOAT)
        return output

    def _constant(self, name: str, values: Array) -> str:
        self.constants[name] = np.ascontiguousarray(values)
        self.types[name] = TensorType(values.shape, FLOAT)
        return name

    def _weights(self, path: str) -> Array:
        found: Array = self.decoder.get_parameter(path).detach().cpu().float().numpy()
        return found
