"""An encoder with 8-bit activations as a mixed graph, and the fused engine of such a graph.

The graph says what the engine approximates, operator by operator: products of codes, and real
values between them. The ``cpu`` backend runs it as it is. :func:`engine_of` recognizes the pattern
of its nodes, whatever they are called, and makes the fused engine: fewer, larger steps, sentences
of any length without padding. In two places that engine rounds where the graph does not: biases go
into the integer sums, and the shares of attention have 8 bits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.backends.cpu.engine import Engine, build_engine
from netwright.backends.cpu.linear import Way, round_rows, row_steps
from netwright.backends.cpu.weights import EncoderWeights, Range, tensor_shapes
from netwright.errors import DataError, GraphError
from netwright.exchange.bert.shape import NORMS, SIGNED_SITES, SITES, EncoderShape
from netwright.formats import Int, smallest_int
from netwright.ir import Array, AttrValue, Graph, Node, TensorType, check, spec_of

_FREE = {"Quantize": ("scale", "zero_point"), "Dequantize": ("scale",)}
"""Attributes that are parameters of an encoder, not of the pattern, by operator."""


def encoder_graph(weights: EncoderWeights, tokens: int, *, name: str = "encoder") -> Graph:
    """The graph of an encoder for sentences of up to so many tokens.

    Its inputs are ``ids``, word pieces (rows, tokens), and ``mask``, 1 for words and 0 behind the
    end of a sentence; its output are the logits (rows, classes).

    Args:
        weights: The encoder with the ranges of its activations.
        tokens: Tokens of a row.
        name: Name of the graph.

    Raises:
        DataError: The ranges are missing, or there are too many tokens.
    """
    if not weights.ranges:
        raise DataError(
            "the encoder has no ranges of activations", hint="call calibrate with some sentences"
        )
    if not 1 <= tokens <= weights.shape.positions:
        raise DataError(f"tokens must be from 1 to {weights.shape.positions}, not {tokens}")
    return check(_Writer(weights, tokens).graph(name))


def engine_of(graph: Graph, *, way: Way | None = None, **options: Any) -> Engine:
    """The fused engine of a graph that has the pattern of an encoder.

    Args:
        graph: A graph with the nodes of :func:`encoder_graph`, in their order.
        way: As for :func:`build_engine`.
        **options: Further options of :func:`build_engine`.

    Raises:
        GraphError: The graph has another pattern; the first node that differs is named.
    """
    return build_engine(read_encoder(graph), way=way, **options)


def read_encoder(graph: Graph) -> EncoderWeights:
    """The encoder behind a graph with the nodes of :func:`encoder_graph`; see :func:`engine_of`."""
    shape, tokens = _shape_of(graph)
    pattern = _Writer(_blank(shape), tokens).graph(graph.name)
    names: dict[str, str] = dict(zip(pattern.inputs, graph.inputs, strict=False))
    grids: dict[str, Node] = {}
    if len(pattern.nodes) != len(graph.nodes):
        raise GraphError(f"an encoder of this size has {len(pattern.nodes)} nodes")
    for wanted, found in zip(pattern.nodes, graph.nodes, strict=True):
        for ours, theirs in zip(wanted.inputs, found.inputs, strict=False):
            names.setdefault(ours, theirs)
        free = _FREE.get(wanted.op, ())
        fixed = [{k: v for k, v in n.attrs.items() if k not in free} for n in (wanted, found)]
        reads = tuple(names[name] for name in wanted.inputs)
        constants = all(
            (a in pattern.constants) == (b in graph.constants)
            and pattern.types[a].shape == graph.types[b].shape
            for a, b in zip(wanted.inputs, found.inputs, strict=False)
        )
        if (wanted.op, fixed[0], reads) != (found.op, fixed[1], found.inputs) or not constants:
            raise GraphError(
                f"an encoder has {wanted.op} here, reading {', '.join(reads)}", node=found.name
            )
        names[wanted.output] = found.output
        grids[wanted.name] = found
    values = {name: graph.constants[names[name]] for name in pattern.constants}
    weights = _weights_of(shape, values, grids)
    again = _Writer(weights, tokens).graph(graph.name)
    for node in again.nodes:
        if node.attrs != grids[node.name].attrs:
            raise GraphError("is not on the grid of an encoder", node=grids[node.name].name)
    for name, value in again.constants.items():
        if not np.array_equal(value, values[name]):
            raise GraphError(f'constant "{names[name]}" is none of an encoder')
    return weights


def _weights_of(
    shape: EncoderShape, values: Mapping[str, Array], nodes: Mapping[str, Node]
) -> EncoderWeights:
    tensors: dict[str, NDArray[Any]] = {}
    for name, value in values.items():
        if name.endswith(".codes"):
            key = name.removesuffix(".codes")
            steps = nodes[f"{key}.real"].reals("scale")
            # Codes times steps in float64, whose largest of a row gives the same steps again.
            tensors[key] = value.T * np.array(steps)[:, None]
        elif not name.endswith(".step"):
            tensors[name] = value.astype(np.float32)
    tensors["embeddings.token_type_embeddings.weight"] = np.zeros((2, shape.hidden), np.float32)
    classifier = tensors["classifier.weight"]
    tensors["classifier.weight"] = np.ascontiguousarray(classifier.T)
    ranges = {}
    for layer in range(shape.layers):
        for site in SITES:
            part = ".query" if site == "attention" else ""
            node = nodes[f"layer{layer}.{site}{part}"]
            step, zero = node.reals("scale")[0], node.integer("zero_point", 0)
            signed = site in SIGNED_SITES
            low, high = (-127, 127) if signed else (-zero, 255 - zero)
            ranges[layer, site] = Range(low * step, high * step, signed)
    return EncoderWeights(shape, tensors, ranges)


def _shape_of(graph: Graph) -> tuple[EncoderShape, int]:
    """Extents, as far as tables and the first layer tell."""
    tables = [node for node in graph.nodes if node.op == "Gather"]
    wide = [node for node in graph.nodes if node.op == "Attention"]
    ends = [node for node in graph.nodes if node.op == "MatMul"]
    norms = [node for node in graph.nodes if node.op == "LayerNormalization"]
    if len(tables) != 1 or not wide or len(ends) != 6 * len(wide) + 1 or not norms:
        raise GraphError(
            f'graph "{graph.name}" has not the pattern of an encoder',
            hint="encoder_graph makes such graphs",
        )
    vocabulary, hidden = graph.types[tables[0].inputs[1]].shape
    heads, tokens = graph.types[wide[0].output].shape[1:3]
    sizes = [graph.types[node.inputs[1]].shape[1] for node in (ends[4], ends[-1])]
    try:
        shape = EncoderShape(
            hidden=hidden, layers=len(wide), heads=heads, intermediate=sizes[0],
            vocabulary=vocabulary, positions=tokens, classes=sizes[1],
            epsilon=norms[0].reals("epsilon")[0],
        )  # fmt: skip
    except DataError as error:
        raise GraphError(f'graph "{graph.name}" is no encoder: {error.message}') from None
    return shape, tokens


def _blank(shape: EncoderShape) -> EncoderWeights:
    """An encoder of zeros, for its pattern."""
    zeros = {
        name: np.broadcast_to(np.zeros((), np.float32), extents)
        for name, extents in tensor_shapes(shape).items()
    }
    ranges = {
        (layer, site): Range(-1.0, 1.0, site in SIGNED_SITES)
        for layer in range(shape.layers)
        for site in SITES
    }
    return EncoderWeights(shape, zeros, ranges)


class _Writer:
    """The graph in the making."""

    def __init__(self, weights: EncoderWeights, tokens: int) -> None:
        self.weights, self.tokens = weights, tokens
        self.nodes: list[Node] = []
        self.types: dict[str, TensorType] = {}
        self.constants: dict[str, Array] = {}

    def graph(self, name: str) -> Graph:
        """All nodes."""
        shape, tensors, tokens = self.weights.shape, self.weights.tensors, self.tokens
        self.types["ids"] = TensorType((1, tokens), smallest_int(0, shape.vocabulary - 1))
        self.types["mask"] = TensorType((1, tokens))
        words = "embeddings.word_embeddings.weight"
        table = self.constant(words, tensors[words])
        places = "embeddings.position_embeddings.weight"
        kind = tensors["embeddings.token_type_embeddings.weight"][0]
        self.constant(places, tensors[places][:tokens] + kind)
        values = self.add("words", "Gather", "ids", table)
        values = self.add("placed", "Add", values, places)
        values = self.norm("embeddings.LayerNorm", values)
        keep = self.add("keep", "Reshape", "mask", shape=(1, 1, 1, tokens))
        for layer in range(shape.layers):
            values = self.layer(layer, values, keep)
        output = self.classify(values)
        return Graph(
            name, ("ids", "mask"), (output,), tuple(self.nodes), self.types, self.constants
        )

    def layer(self, layer: int, values: str, keep: str) -> str:
        """One layer."""
        shape = self.weights.shape
        split = (1, self.tokens, shape.heads, shape.head)
        read = self.quantize(layer, "input", values)
        parts = []
        for part in ("query", "key", "value"):
            made = self.product(layer, f"attention.self.{part}", read)
            made = self.grid(layer, "attention", made, f".{part}")
            made = self.add(f"layer{layer}.{part}.split", "Reshape", made, shape=split)
            order = (0, 2, 1, 3)
            parts.append(self.add(f"layer{layer}.{part}.heads", "Transpose", made, order=order))
        made = self.add(
            f"layer{layer}.attend", "Attention", *parts, keep, scale=(1 / math.sqrt(shape.head),),
            causal=0, mask="keep",
        )  # fmt: skip
        made = self.add(f"layer{layer}.tokens", "Transpose", made, order=(0, 2, 1, 3))
        flat = (1, self.tokens, shape.hidden)
        made = self.add(f"layer{layer}.joined", "Reshape", made, shape=flat)
        read = self.quantize(layer, "context", made)
        made = self.product(layer, "attention.output.dense", read)
        values = self.add(f"layer{layer}.sum1", "Add", made, values)
        values = self.norm(f"encoder.layer.{layer}.{NORMS[0]}", values)
        made = self.product(layer, "intermediate.dense", self.quantize(layer, "middle", values))
        made = self.grid(layer, "before_gelu", made)
        made = self.add(f"layer{layer}.gelu", "Function", made, name="gelu", parameter=(0.0,))
        made = self.product(layer, "output.dense", self.quantize(layer, "after_gelu", made))
        values = self.add(f"layer{layer}.sum2", "Add", made, values)
        return self.norm(f"encoder.layer.{layer}.{NORMS[1]}", values)

    def classify(self, values: str) -> str:
        """The mean over words, and the classes."""
        tokens, hidden = self.tokens, self.weights.shape.hidden
        pool: dict[str, AttrValue] = {"kernel": (tokens,), "strides": (tokens,), "pads": (0, 0)}
        words = self.add("counted", "Reshape", "mask", shape=(1, tokens, 1))
        made = self.add("kept", "Mul", values, words)
        made = self.add("moved", "Transpose", made, order=(0, 2, 1))
        made = self.add("mean", "AveragePool", made, **pool)
        made = self.add("flat", "Reshape", made, shape=(1, hidden))
        share = self.add("side", "Reshape", "mask", shape=(1, 1, tokens))
        share = self.add("share", "AveragePool", share, **pool)
        share = self.add("number", "Reshape", share, shape=(1, 1))
        made = self.add("pooled", "Div", made, share)
        tensors = self.weights.tensors
        matrix = self.constant("classifier.weight", tensors["classifier.weight"].T)
        bias = self.constant("classifier.bias", tensors["classifier.bias"])
        return self.add("logits", "MatMul", made, matrix, bias)

    def product(self, layer: int, name: str, read: str) -> str:
        """A product of codes with its bias, as real values."""
        key = f"encoder.layer.{layer}.{name}.weight"
        matrix, bias = self.weights.linear(layer, name)
        codes, largest = round_rows(matrix)
        steps = tuple(float(step) for step in row_steps(largest))
        held = self.constant(f"{key}.codes", codes.T.astype(np.int64))
        self.types[held] = TensorType(codes.T.shape, Int(8), steps, 1)
        source = self.types[read]
        sums = self.add(f"{key}.sums", "MatMul", read, held)
        number = smallest_int(-(reach := 127 * 256 * len(codes.T)), reach)
        scales = tuple(step * source.scale[0] for step in steps)
        self.types[sums] = TensorType(self.types[sums].shape, number, scales, 2)
        # The scale of the weights: the step of the inputs is that of their own grid.
        real = self.add(f"{key}.real", "Dequantize", sums, scale=steps, axis=2)
        step = self.constant(f"{key}.step", np.array([source.scale[0]]))
        real = self.add(f"{key}.scaled", "Mul", real, step)
        offset = self.constant(f"encoder.layer.{layer}.{name}.bias", bias)
        return self.add(f"{key}.biased", "Add", real, offset)

    def quantize(self, layer: int, site: str, values: str, part: str = "") -> str:
        """The codes of a site."""
        grid = self.weights.ranges[layer, site]
        zero = grid.zero_point
        low, high = (-127, 127) if grid.signed else (0, 255)
        made = self.add(
            f"layer{layer}.{site}{part}", "Quantize", values, scale=(grid.step,), axis=None,
            low=low, high=high, zero_point=zero, rounding="half-even",
        )  # fmt: skip
        number = smallest_int(low - zero, high - zero)
        self.types[made] = TensorType(self.types[made].shape, number, (grid.step,))
        return made

    def grid(self, layer: int, site: str, values: str, part: str = "") -> str:
        """The real values of a site on its grid."""
        codes = self.quantize(layer, site, values, part)
        scale = self.types[codes].scale
        return self.add(
            f"layer{layer}.{site}{part}.real", "Dequantize", codes, scale=scale, axis=None
        )

    def norm(self, name: str, values: str) -> str:
        """A normalization."""
        tensors = self.weights.tensors
        names = [self.constant(f"{name}.{part}", tensors[f"{name}.{part}"])
                 for part in ("weight", "bias")]  # fmt: skip
        epsilon = (self.weights.shape.epsilon,)
        return self.add(name, "LayerNormalization", values, *names, epsilon=epsilon, axis=-1)

    def constant(self, name: str, value: Array) -> str:
        self.constants[name] = value if value.dtype.kind == "i" else value.astype(np.float64)
        self.types[name] = TensorType(value.shape)
        return name

    def add(self, name_: str, op: str, *inputs: str, **attrs: AttrValue) -> str:
        node = Node(name_, op, inputs, f"{name_}:out", attrs)
        shape = spec_of(node).shape(node, [self.types[key].shape for key in inputs])
        self.types[node.output] = TensorType(shape)
        self.nodes.append(node)
        return node.output
