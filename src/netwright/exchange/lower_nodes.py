"""ONNX operators to Einsums, one function a family."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from netwright.errors import GraphError
from netwright.exchange.read_attrs import axis, flag, integer, integers, text
from netwright.exchange.source_model import SourceNode
from netwright.workload import Access, Einsum, MapOp, Rank, ReduceOp, UnaryOp
from netwright.workload.einsum import ARITHMETIC
from netwright.workload.lower import (
    Operand,
    Windows,
    convolution,
    opaque,
    plain,
    pointwise,
    pooling,
    product,
    reduction,
)


@dataclass(frozen=True, slots=True)
class Site:
    """One result of one node, with everything that its Einsum needs.

    Attributes:
        node: The node.
        name: Name of the Einsum.
        sources: What the node reads; ``None`` where an optional input is left out.
        output: What it makes.
        values: Small constants by name.
    """

    node: SourceNode
    name: str
    sources: tuple[Operand | None, ...]
    output: Operand
    values: Mapping[str, NDArray[Any]]

    def source(self, index: int) -> Operand:
        """An input that must be there.

        Raises:
            GraphError: It is not.
        """
        found = self.sources[index] if index < len(self.sources) else None
        if found is None:
            raise GraphError(f"{self.node.op} must have input {index}", node=self.node.name)
        return found

    @property
    def given(self) -> list[Operand]:
        """All inputs that are there."""
        return [source for source in self.sources if source is not None]


Lower = Callable[[Site], list[Einsum]]


def _conv(site: Site) -> list[Einsum]:
    source, weight = site.source(0), site.source(1)
    windows = _windows(site, weight.shape[2:], source)
    groups = integer(site.node, "group", 1)
    filters, depth = weight.shape[0], weight.shape[1]
    if groups < 1 or depth * groups != source.shape[1] or filters % groups:
        raise GraphError(
            f"weights {weight.shape} in {groups} groups do not fit {source.shape[1]} channels",
            node=site.node.name,
        )
    more = [vector for vector in site.sources[2:3] if vector is not None]
    return [convolution(site.name, source, weight, site.output, windows, groups=groups, more=more)]


def _conv_transpose(site: Site) -> list[Einsum]:
    """Every input element meets every tap once; the output is written whole."""
    source, weight = site.source(0), site.source(1)
    groups = integer(site.node, "group", 1)
    inputs, filters, *taps = weight.shape
    if groups < 1 or inputs % groups:
        raise GraphError(f"{inputs} channels are no {groups} groups", node=site.node.name)
    ranks = [Rank("N", source.shape[0]), Rank("G", groups), Rank("M", filters)]
    ranks.append(Rank("C", inputs // groups))
    ranks += [Rank(f"P{i}", extent) for i, extent in enumerate(source.shape[2:])]
    ranks += [Rank(f"R{i}", tap) for i, tap in enumerate(taps)]
    reads = tuple(operand.whole() for operand in site.given)
    made = site.output.whole()
    return [
        Einsum(site.name, tuple(ranks), made, reads, "multiply", (), "add", origin=site.node.name)
    ]


def _gemm(site: Site) -> list[Einsum]:
    flips = (bool(flag(site.node, "transA", 0)), bool(flag(site.node, "transB", 0)))
    more = [vector for vector in site.sources[2:3] if vector is not None]
    left, right = site.source(0), site.source(1)
    _check_depth(site, left.shape[-2 if flips[0] else -1], right.shape[-1 if flips[1] else -2])
    return [product(site.name, left, right, site.output, flips=flips, more=more)]


def _matmul(site: Site) -> list[Einsum]:
    left, right = site.source(0), site.source(1)
    _check_depth(site, left.shape[-1], right.shape[-2 if len(right.shape) > 1 else -1])
    vectors = (len(left.shape) == 1) + (len(right.shape) == 1)
    rank = max(len(left.shape), len(right.shape)) - vectors
    if rank != len(site.output.shape):  # a vector times a vector
        return [opaque(site.name, site.given, site.output)]
    return [product(site.name, left, right, site.output)]


def _attention(site: Site) -> list[Einsum]:
    """Scores, their softmax and the weighted sum: three steps, as a chip without fusion runs it.

    Queries, keys and values are ``(batch, heads, tokens, features)``, or ``(batch, tokens,
    features)`` with the number of heads as an attribute.
    """
    queries, keys, values = (_heads(site, index) for index in range(3))
    batch, heads, rows, depth = queries
    own, columns, width = keys[1], keys[2], values[3]
    if site.output.tensor != site.node.outputs[0] or keys[3] != depth or heads % own:
        return [opaque(site.name, site.given, site.output)]
    named = [f"{site.name}.{part}" for part in ("scores", "weights")]
    shape = (batch, heads, rows, columns)
    scores, weights = (Operand(f"{name}.out", shape, shape) for name in named)
    ranks = (Rank("B", batch), Rank("H", heads), Rank("M", rows))
    grid = Access(scores.tensor, tuple(map(plain, "BHMN")))
    first = Einsum(
        named[0], (*ranks, Rank("N", columns), Rank("K", depth)), grid,
        tuple(site.source(index).whole() for index in (0, 1)), "multiply", (), "add",
        origin=site.name,
    )  # fmt: skip
    second = pointwise(named[1], [scores], weights, "normalize")
    reads = (weights.at(*map(plain, "BHMK")), site.source(2).whole())
    last = Einsum(
        site.name, (*ranks, Rank("N", width), Rank("K", columns)), site.output.whole(), reads,
        "multiply", (), "add", origin=site.name,
    )  # fmt: skip
    return [first, second, last]


def _heads(site: Site, index: int) -> tuple[int, ...]:
    shape = site.source(index).shape
    if len(shape) == 4:
        return shape
    count = integer(site.node, "q_num_heads" if index == 0 else "kv_num_heads", 0)
    if len(shape) != 3 or count < 1 or shape[2] % count:
        raise GraphError(f"{count} heads do not fit {shape}", node=site.node.name)
    return (shape[0], count, shape[1], shape[2] // count)


def _check_depth(site: Site, left: int, right: int) -> None:
    if left != right:
        raise GraphError(f"{left} columns meet {right} rows", node=site.node.name)


def _einsum(site: Site) -> list[Einsum]:
    """ONNX's own Einsum, whose equation says everything."""
    equation = text(site.node, "equation", "").replace(" ", "")
    left, arrow, right = equation.partition("->")
    parts = left.split(",")
    plain_text = arrow and (left + right).replace(",", "").isalpha()
    fits = [len(p) for p in parts] == [len(s.shape) for s in site.given]
    if not plain_text or not fits or len(right) != len(site.output.shape):
        return [opaque(site.name, site.given, site.output)]
    extents = {
        letter: extent
        for part, source in zip(parts, site.given, strict=True)
        for letter, extent in zip(part, source.shape, strict=True)
    }
    reads = tuple(
        source.at(*map(plain, part)) for part, source in zip(parts, site.given, strict=True)
    )
    ranks = tuple(Rank(letter, extent) for letter, extent in extents.items())
    made = Access(site.output.tensor, tuple(map(plain, right)))
    map_op: MapOp = "multiply" if len(reads) > 1 else "copy"
    return [Einsum(site.name, ranks, made, reads, map_op, (), "add", origin=site.node.name)]


def _pool(reduce_op: ReduceOp) -> Lower:
    def lower(site: Site) -> list[Einsum]:
        source = site.source(0)
        taps = integers(site.node, "kernel_shape", ())
        windows = _windows(site, taps, source)
        return [pooling(site.name, source, site.output, windows, reduce_op=reduce_op)]

    return lower


def _windows(site: Site, taps: tuple[int, ...], source: Operand) -> Windows:
    node, count = site.node, len(source.shape) - 2
    if len(taps) != count or min(taps, default=0) < 1:
        raise GraphError(f"windows {taps} do not fit data of shape {source.shape}", node=node.name)
    strides = integers(node, "strides", (1,) * count)
    dilations = integers(node, "dilations", (1,) * count)
    pads = integers(node, "pads", (0,) * (2 * count))
    if len(strides) != count or len(dilations) != count or len(pads) != 2 * count:
        raise GraphError(f"strides, dilations and pads must have {count} axes", node=node.name)
    first = pads[:count]
    auto = text(node, "auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        made = site.output.shape[2:]
        total = [
            max((made[i] - 1) * strides[i] + (taps[i] - 1) * dilations[i] + 1 - extent, 0)
            for i, extent in enumerate(source.shape[2:])
        ]
        first = tuple(pad // 2 if auto == "SAME_UPPER" else pad - pad // 2 for pad in total)
    return Windows(taps, strides, first, dilations)


def _global(reduce_op: ReduceOp) -> Lower:
    def lower(site: Site) -> list[Einsum]:
        source = site.source(0)
        axes = range(2, len(source.shape))
        return [reduction(site.name, source, site.output, axes, reduce_op=reduce_op)]

    return lower


def _reduce(reduce_op: ReduceOp, unary: tuple[UnaryOp, ...] = ()) -> Lower:
    def lower(site: Site) -> list[Einsum]:
        source, node = site.source(0), site.node
        rank = len(source.shape)
        axes = integers(node, "axes", ())
        if len(node.inputs) > 1 and node.inputs[1] in site.values:
            axes = tuple(int(value) for value in site.values[node.inputs[1]].ravel())
        chosen = {axis(node, value, rank) for value in axes} or set(range(rank))
        kept = sorted(chosen)
        made = site.output
        return [reduction(site.name, source, made, kept, unary=unary, reduce_op=reduce_op)]

    return lower


def _pointwise(map_op: MapOp) -> Lower:
    """Elementwise on any number of operands; constants that are one value are part of it."""

    def lower(site: Site) -> list[Einsum]:
        names = [name for name in site.node.inputs if name]
        data = [s for s, n in zip(site.given, names, strict=True) if n not in site.values]
        if map_op not in ARITHMETIC and len(data) == 1 and data[0].shape == site.output.shape:
            return [pointwise(site.name, data, site.output, "copy", unary=("function",))]
        if map_op not in ARITHMETIC:
            return [pointwise(site.name, site.given, site.output, map_op)]
        ones = {n for n in names if n in site.values and site.values[n].size == 1}
        if len(ones) == len(set(names)):
            ones = set()
        unary: tuple[UnaryOp, ...] = ()
        if names[0] in ones and map_op in ("subtract", "divide"):  # c - x = -(x - c)
            unary = ("negate",) if map_op == "subtract" else ("reciprocal",)
        sources = [s for s, n in zip(site.given, names, strict=True) if n not in ones]
        constants = tuple(float(site.values[n].item()) for n in names if n in ones)
        return [
            pointwise(site.name, sources, site.output, map_op, unary=unary, constants=constants)
        ]

    return lower


def _unary(function: UnaryOp) -> Lower:
    def lower(site: Site) -> list[Einsum]:
        return [pointwise(site.name, [site.source(0)], site.output, "copy", unary=(function,))]

    return lower


_POWERS: Mapping[float, UnaryOp] = {2.0: "square", 0.5: "sqrt", -1.0: "reciprocal"}


def _power(site: Site) -> list[Einsum]:
    """A function of one value where the exponent is a constant."""
    exponent = site.values.get(site.node.inputs[1])
    if exponent is None:
        return [pointwise(site.name, site.given, site.output, "multiply")]
    function = _POWERS.get(float(exponent.item())) if exponent.size == 1 else None
    unary: tuple[UnaryOp, ...] = (function or "function",)
    return [pointwise(site.name, [site.source(0)], site.output, "copy", unary=unary)]


def _normalize(site: Site) -> list[Einsum]:
    """Batch normalization has a factor and a term a channel; others, one a feature."""
    source, vectors = site.source(0), [s for s in site.sources[1:3] if s is not None]
    einsum = pointwise(site.name, [source], site.output, "normalize")
    is_batch = site.node.op in ("BatchNormalization", "InstanceNormalization")
    channel = plain("B1") if is_batch else plain(f"B{len(site.output.shape) - 1}")
    fits = all(len(vector.shape) == 1 for vector in vectors)
    reads = tuple(vector.at(channel) if fits else vector.whole() for vector in vectors)
    inputs = (*einsum.inputs, *reads)
    return [Einsum(site.name, einsum.ranks, einsum.output, inputs, einsum.map_op, origin=site.name)]


def _whole(map_op: MapOp) -> Lower:
    """Copies and the like, which read data whole and whose other inputs are constants."""

    def lower(site: Site) -> list[Einsum]:
        data = [
            operand
            for operand, name in zip(site.sources, site.node.inputs, strict=True)
            if operand is not None and name not in site.values
        ]
        return [opaque(site.name, data or site.given, site.output, map_op)]

    return lower


_FUNCTIONS: Mapping[str, UnaryOp] = {
    "Abs": "absolute", "BipolarQuant": "quantize", "Ceil": "ceil", "Clip": "clip", "Cos": "cos",
    "DequantizeLinear": "dequantize", "Erf": "erf", "Exp": "exp", "Floor": "floor", "Gelu": "gelu",
    "HardSigmoid": "hard_sigmoid", "HardSwish": "hard_swish", "IntQuant": "quantize", "Log": "log",
    "Neg": "negate", "Not": "not", "Quant": "quantize", "QuantizeLinear": "quantize",
    "Reciprocal": "reciprocal", "Relu": "relu", "Round": "round", "Sigmoid": "sigmoid",
    "Sign": "sign", "Sin": "sin", "Softplus": "softplus", "Sqrt": "sqrt", "Swish": "silu",
    "Tanh": "tanh", "Trunc": "quantize",
}  # fmt: skip
_OTHER_FUNCTIONS = (
    "Acos",
    "Asin",
    "Atan",
    "BitwiseNot",
    "Celu",
    "Elu",
    "IsInf",
    "IsNaN",
    "LeakyRelu",
    "Mish",
    "Selu",
    "Shrink",
    "Softsign",
    "Tan",
    "ThresholdedRelu",
)
_ELEMENTWISE: tuple[tuple[str, MapOp], ...] = (
    ("Add", "add"), ("And", "multiply"), ("BitwiseAnd", "multiply"), ("BitwiseOr", "add"),
    ("BitwiseXor", "add"), ("Div", "divide"), ("Equal", "opaque"), ("Greater", "opaque"),
    ("GreaterOrEqual", "opaque"), ("Less", "opaque"), ("LessOrEqual", "opaque"), ("Max", "max"),
    ("Mean", "add"), ("Min", "min"), ("Mod", "opaque"), ("Mul", "multiply"), ("Or", "add"),
    ("PRelu", "multiply"), ("Sub", "subtract"), ("Sum", "add"), ("Where", "copy"), ("Xor", "add"),
)  # fmt: skip
_NORMS = (
    "BatchNormalization", "GroupNormalization", "InstanceNormalization", "LayerNormalization",
    "LogSoftmax", "LRN", "LpNormalization", "MeanVarianceNormalization", "RMSNormalization",
    "Softmax",
)  # fmt: skip
_COPIES = (
    "Concat", "DepthToSpace", "Expand", "Gather", "GatherElements", "GatherND", "Pad", "Range",
    "ReverseSequence", "ScatterElements", "ScatterND", "Slice", "SpaceToDepth", "Split", "Tile",
    "Transpose", "Trilu",
)  # fmt: skip

LOWER: Mapping[str, Lower] = {
    "Attention": _attention,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Einsum": _einsum,
    "Pow": _power,
    "AveragePool": _pool("add"),
    "LpPool": _pool("add"),
    "MaxPool": _pool("max"),
    "GlobalAveragePool": _global("add"),
    "GlobalLpPool": _global("add"),
    "GlobalMaxPool": _global("max"),
    **dict.fromkeys(("ReduceMean", "ReduceProd", "ReduceSum"), _reduce("add")),
    "ReduceL1": _reduce("add", ("absolute",)),
    **dict.fromkeys(("ReduceL2", "ReduceSumSquare"), _reduce("add", ("square",))),
    "ReduceLogSumExp": _reduce("add", ("exp",)),
    **dict.fromkeys(("ReduceMax", "ArgMax"), _reduce("max")),
    **dict.fromkeys(("ReduceMin", "ArgMin"), _reduce("min")),
    **{name: _unary(function) for name, function in _FUNCTIONS.items()},
    **dict.fromkeys(_OTHER_FUNCTIONS, _unary("function")),
    **{name: _pointwise(map_op) for name, map_op in _ELEMENTWISE},
    **dict.fromkeys(_NORMS, _normalize),
    **dict.fromkeys(_COPIES, _whole("copy")),
    **dict.fromkeys(("GridSample", "Resize", "Upsample"), _whole("interpolate")),
    **dict.fromkeys(("CumSum", "Hardmax", "NonZero", "OneHot", "TopK"), _whole("opaque")),
}  # fmt: skip
"""How each known operator becomes Einsums."""
