"""A small transformer block as a graph, written down by hand."""

from __future__ import annotations

import numpy as np

from netwright.formats import Blocks, Int
from netwright.ir import Array, AttrValue, Graph, Node, TensorType, check, spec_of

TOKENS, HIDDEN, HEADS, OWN, WIDE, ROWS = 6, 16, 4, 2, 24, 11


class _Maker:
    def __init__(self) -> None:
        self.random = np.random.default_rng(0)
        self.nodes: list[Node] = []
        self.types: dict[str, TensorType] = {}
        self.constants: dict[str, Array] = {}

    def constant(self, name: str, value: Array, type_: TensorType | None = None) -> str:
        self.constants[name] = value
        self.types[name] = type_ or TensorType(value.shape)
        return name

    def node(self, name_: str, op: str, *inputs: str, **attrs: AttrValue) -> str:
        node = Node(name_, op, inputs, f"{name_}_out", attrs)
        shape = spec_of(node).shape(node, [self.types[key].shape for key in inputs])
        self.types[node.output] = TensorType(shape)
        self.nodes.append(node)
        return node.output

    def product(self, name: str, source: str, outputs: int, *, codes: bool) -> str:
        inputs = self.types[source].shape[-1]
        weights = self.random.normal(size=(inputs, outputs)) / np.sqrt(inputs)
        bias = self.constant(f"{name}_bias", self.random.normal(size=outputs) / 4)
        if not codes:
            matrix = self.constant(f"{name}_weight", weights)
            return self.node(name, "MatMul", source, matrix, bias)
        scale = float(np.abs(weights).max()) / 127
        kept = np.repeat(self.random.random((inputs, outputs // 4)) < 0.5, 4, axis=1)
        packed = TensorType(
            weights.shape, Int(8), (scale,), pattern=Blocks(4, axis=1, density=float(kept.mean()))
        )
        plain = TensorType(weights.shape, Int(8), (scale,))
        quantized = np.rint(weights / scale).astype(np.int64)
        sparse = name in ("wide", "narrow")
        matrix = self.constant(
            f"{name}_weight", quantized * kept if sparse else quantized, packed if sparse else plain
        )
        read = self.node(
            f"{name}_quantize", "Quantize", source, scale=(0.03,), low=-128, high=127,
            rounding="half-even",
        )  # fmt: skip
        self.types[read] = TensorType(self.types[read].shape, Int(8), (0.03,))
        sums = self.node(f"{name}", "MatMul", read, matrix)
        self.types[sums] = TensorType(self.types[sums].shape, Int(24), (0.03 * scale,))
        real = self.node(f"{name}_real", "Dequantize", sums, scale=(0.03 * scale,))
        return self.node(f"{name}_sum", "Add", real, bias)

    def norm(self, name: str, op: str, source: str) -> str:
        gain = self.constant(f"{name}_gain", 1 + self.random.normal(size=HIDDEN) / 8)
        names = [source, gain]
        if op == "LayerNormalization":
            names.append(self.constant(f"{name}_offset", self.random.normal(size=HIDDEN)))
        return self.node(name, op, *names, epsilon=(1e-5,))

    def heads(self, name: str, source: str, count: int) -> str:
        split = self.node(
            f"{name}_split", "Reshape", source, shape=(1, TOKENS, count, HIDDEN // HEADS)
        )
        return self.node(f"{name}_heads", "Transpose", split, order=(0, 2, 1, 3))


def block(*, codes: bool = False, causal: int = 0) -> Graph:
    """Embeddings, grouped attention with rotary positions and a mask, and two wide products.

    Args:
        codes: Whether products multiply codes, between Quantize and Dequantize.
        causal: Whether tokens see only those before them.
    """
    made = _Maker()
    made.types["ids"] = TensorType((1, TOKENS), Int(4, signed=False))
    made.types["mask"] = TensorType((1, TOKENS))
    table = made.constant("table", made.random.normal(size=(ROWS, HIDDEN)))
    values = made.node("embed", "Gather", "ids", table)
    read = made.norm("norm1", "LayerNormalization", values)
    angles = np.arange(TOKENS)[:, None] / 10.0 ** np.arange(HIDDEN // HEADS // 2)
    tables = made.constant("cos", np.cos(angles)), made.constant("sin", np.sin(angles))
    width = HIDDEN // HEADS
    parts = []
    for name, count in (("query", HEADS), ("key", OWN), ("value", OWN)):
        part = made.heads(name, made.product(name, read, count * width, codes=codes), count)
        if name != "value":
            part = made.node(f"{name}_turn", "RotaryEmbedding", part, *tables, pairs="halves")
        parts.append(part)
    keep = made.node("keep", "Reshape", "mask", shape=(1, 1, 1, TOKENS))
    context = made.node(
        "attend", "Attention", *parts, keep, scale=(width**-0.5,), causal=causal, mask="keep"
    )
    context = made.node("tokens", "Transpose", context, order=(0, 2, 1, 3))
    context = made.node("context", "Reshape", context, shape=(1, TOKENS, HIDDEN))
    values = made.node("sum1", "Add", made.product("output", context, HIDDEN, codes=codes), values)
    read = made.norm("norm2", "RMSNormalization", values)
    wide = made.product("wide", read, WIDE, codes=codes)
    wide = made.node("gelu", "Function", wide, name="gelu", parameter=(0.0,))
    wide = made.node("silu", "Function", wide, name="silu", parameter=(0.0,))
    end = made.node("sum2", "Add", made.product("narrow", wide, HIDDEN, codes=codes), values)
    share = made.node("share", "Softmax", end, axis=2)
    return check(
        Graph("block", ("ids", "mask"), (share,), tuple(made.nodes), made.types, made.constants)
    )


def rows_of(graph: Graph, count: int) -> dict[str, Array]:
    """Word pieces and masks."""
    random = np.random.default_rng(3)
    mask = (np.arange(TOKENS) < random.integers(1, TOKENS + 1, (count, 1))).astype(np.float64)
    return {"ids": random.integers(0, ROWS, (count, TOKENS)), "mask": mask}
