"""Shapes that ONNX's own inference does not know: of newer operators and of ONNX Runtime's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from netwright.exchange.onnx.source_model import SourceNode
from netwright.exchange.onnx.vocabulary import MICROSOFT, QONNX_DOMAINS

Shape = tuple[int, ...]
_Rule = Callable[[SourceNode, Sequence[Shape]], Shape]


def _number(node: SourceNode, name: str) -> int:
    value = node.attrs.get(name, 0)
    return value if isinstance(value, int) else 0


def _attends(node: SourceNode, shapes: Sequence[Shape]) -> Shape:
    queries, values = shapes[0], shapes[2] if len(shapes) > 2 else shapes[0]
    heads = _number(node, "num_heads")
    if len(values) == 4:
        return (*queries[:2], heads * values[3])
    own = _number(node, "kv_num_heads") or heads
    return (*queries[:2], heads * (values[-1] // own)) if heads and own else queries


def _projects(node: SourceNode, shapes: Sequence[Shape]) -> Shape:
    sizes = node.attrs.get("qkv_hidden_sizes")
    width = int(sizes[2]) if isinstance(sizes, tuple) else shapes[1][1] // 3
    return (*shapes[0][:2], width)


def _averages(node: SourceNode, shapes: Sequence[Shape]) -> Shape:
    batch, *extents = shapes[0]
    ones = (1,) * (len(extents) - 1)
    return (batch, *ones, extents[-1]) if _number(node, "channels_last") else (
        batch, extents[0], *ones
    )  # fmt: skip


def _joins(node: SourceNode, shapes: Sequence[Shape]) -> Shape:
    parts = shapes[2::3]
    axis = _number(node, "axis") % len(parts[0])
    total = sum(part[axis] for part in parts)
    return (*parts[0][:axis], total, *parts[0][axis + 1 :])


def _multiplies(node: SourceNode, shapes: Sequence[Shape]) -> Shape:
    left, right = list(shapes[0]), list(shapes[1])
    if _number(node, "transA"):
        left[-2:] = left[:-3:-1]
    if _number(node, "transB"):
        right[-2:] = right[:-3:-1]
    front = left[:-2] if len(left) >= len(right) else right[:-2]
    return (*front, left[-2], right[-1])


_SAME: tuple[str, ...] = (
    "BiasGelu", "FastGelu", "Gelu", "QLinearLeakyRelu", "QLinearSigmoid", "QLinearSoftmax",
    "QuickGelu", "RotaryEmbedding", "SimplifiedLayerNormalization", "SkipLayerNormalization",
    "SkipSimplifiedLayerNormalization",
)  # fmt: skip

_RULES: Mapping[tuple[str, str], _Rule] = {
    ("", "GroupNormalization"): lambda node, shapes: shapes[0],
    **{(MICROSOFT, name): lambda node, shapes: shapes[0] for name in _SAME},
    **{
        (domain, name): lambda node, shapes: shapes[0]
        for domain in QONNX_DOMAINS
        for name in ("BipolarQuant", "IntQuant", "Quant", "Trunc")
    },
    (MICROSOFT, "Attention"): _projects,
    (MICROSOFT, "FusedMatMul"): _multiplies,
    (MICROSOFT, "GroupQueryAttention"): _attends,
    (MICROSOFT, "MatMulNBits"): lambda node, shapes: (*shapes[0][:-1], _number(node, "N")),
    (MICROSOFT, "MultiHeadAttention"): _attends,
    (MICROSOFT, "QLinearConcat"): _joins,
    (MICROSOFT, "QLinearGlobalAveragePool"): _averages,
    (MICROSOFT, "QGemm"): lambda node, shapes: (
        shapes[0][-1 if _number(node, "transA") else 0],
        shapes[3 if len(shapes) > 3 else 1][0 if _number(node, "transB") else -1],
    ),
    **{
        (MICROSOFT, name): lambda node, shapes: max(shapes[0], shapes[3], key=len)
        for name in ("QLinearAdd", "QLinearMul")
    },
}


def known_shapes(
    nodes: Sequence[SourceNode], shapes: Mapping[str, Shape], elements: dict[str, int]
) -> dict[str, Shape]:
    """Shapes of first results that follow from those of the operands.

    Args:
        nodes: Of a file, in the order of execution.
        shapes: What is known so far.
        elements: ONNX's numbers of element types; those of the results, which are the same as those
            of the data, are added.
    """
    found: dict[str, Shape] = {}
    for node in nodes:
        rule = _RULES.get(("" if node.domain == "ai.onnx" else node.domain, node.op))
        given = [shapes.get(name, found.get(name)) if name else () for name in node.inputs]
        if rule is None or node.outputs[0] in shapes or not given or None in given:
            continue
        try:
            shape = rule(node, [shape for shape in given if shape is not None])
        except (IndexError, ValueError, ZeroDivisionError):
            continue
        if min(shape, default=1) >= 1:
            found[node.outputs[0]] = shape
            data = node.inputs[2 if node.op == "QLinearConcat" else 0]
            if elements.get(data):
                elements[node.outputs[0]] = elements[data]
    return found
