"""Attention of ONNX and of ONNX Runtime, as scores, softmax and weighted sums."""

from __future__ import annotations

from math import sqrt

from netwright.errors import GraphError
from netwright.exchange.onnx.attributes import flag, integer, real
from netwright.exchange.onnx.lower_site import Site
from netwright.exchange.onnx.source_model import SourceNode
from netwright.exchange.onnx.vocabulary import MICROSOFT
from netwright.ir.einsums.einsum import Access, Affine, Einsum, Rank
from netwright.ir.einsums.lower import Operand, opaque, plain, product
from netwright.workload import blocks
from netwright.workload.view import Shape

_CACHES = {"Attention": (4, 5), "MultiHeadAttention": (6, 7), "GroupQueryAttention": (3, 4)}
"""Where the keys and values of earlier tokens are among the inputs."""


def attention(site: Site) -> list[Einsum]:
    """ONNX's ``Attention`` and ONNX Runtime's ``MultiHeadAttention`` and ``GroupQueryAttention``.

    Queries, keys and values are ``(batch, heads, tokens, features)``, or ``(batch, tokens,
    features)`` with the number of heads as an attribute. Heads of queries that share keys are a
    rank of their own. Every score is computed, those that a causal mask hides too.
    """
    node = site.node
    if site.place != 0:
        return [opaque(site.name, site.given, site.output)]
    queries, keys, values = (_Heads.of(site, place) for place in range(3))
    if queries.batch != keys.batch or keys.width != queries.width or queries.heads % keys.heads:
        raise _misfit(site)
    if values.heads != keys.heads or values.tokens != keys.tokens:
        raise _misfit(site)
    output = _Heads.shaped(site, site.output, queries.heads)
    groups = queries.heads // keys.heads
    ranks = _ranks(queries.batch, keys.heads, groups, queries.tokens, keys.tokens)
    ranks += [Rank("E", queries.width), Rank("F", values.width)]
    default = 1 / sqrt(queries.width)
    scale = real(node, "scale", 0.0) or default
    if flag(node, "is_causal", 0) or flag(node, "unidirectional", 0) or _always_causal(node):
        site.notes.append("scores that a causal mask hides are computed like any other")
    mask = _mask(site, 3 if node.domain != MICROSOFT else 5, groups, ranks)
    return blocks.attention(
        site.name,
        queries.at("P", "E", groups),
        keys.at("M", "E"),
        values.at("M", "F"),
        output.at("P", "F", groups),
        ranks,
        mask=mask,
        scale=scale,
    )


def packed_attention(site: Site) -> list[Einsum]:
    """ONNX Runtime's ``Attention``: one product makes queries, keys and values."""
    node, source, weight = site.node, site.source(0), site.source(1)
    heads = integer(node, "num_heads", 1)
    batch, tokens, features = source.shape[0], source.shape[1], weight.shape[1]
    sizes = node.attrs.get("qkv_hidden_sizes", (features // 3,) * 3)
    if site.place != 0 or not isinstance(sizes, tuple) or sum(sizes) != features:
        return [opaque(site.name, site.given, site.output)]
    if site.optional(4) is not None or any(size % heads for size in sizes):
        return [opaque(site.name, site.given, site.output)]
    asks, looks, holds = (int(size) for size in sizes)
    joint = site.inner("projected", (batch, tokens, features))
    bias = site.optional(2)
    steps = product(f"{site.name}.projection", source, weight, joint, bias=bias)
    ranks = _ranks(batch, heads, 1, tokens, tokens)
    ranks += [Rank("E", asks // heads), Rank("F", holds // heads)]

    def part(operand: Operand, token: str, own: str, width: int, start: int) -> Access:
        index = Affine((("H", width), (own, 1)), start)
        return operand.at(plain("B"), plain(token), index)

    return steps + blocks.attention(
        site.name,
        part(joint, "P", "E", asks // heads, 0),
        part(joint, "M", "E", looks // heads, asks),
        part(joint, "M", "F", holds // heads, asks + looks),
        part(site.output, "P", "F", holds // heads, 0),
        ranks,
        scale=real(node, "scale", 0.0) or 1 / sqrt(asks // heads),
    )


def with_cache_apart(node: SourceNode, shapes: dict[str, Shape]) -> list[SourceNode]:
    """An attention node with a cache as nodes that append to it, and one that attends to it.

    Args:
        node: Any node; others come back as they are.
        shapes: Extents of all tensors; those of the new ones are added.
    """
    places = _CACHES.get(node.op)
    if places is None or len(node.inputs) <= places[1] or not node.inputs[places[1]]:
        return [node]
    inputs, made = list(node.inputs), []
    for turn, place in enumerate(places, start=1):
        past, new = node.inputs[place], node.inputs[turn]
        if past not in shapes or new not in shapes or len(shapes[past]) != 4:
            return [node]
        batch, heads, before, width = shapes[past]
        if len(shapes[new]) == 3:
            tokens = shapes[new][1]
            split, turned = f"{node.name}.{turn}.split", f"{node.name}.{turn}.heads"
            shapes[split], shapes[turned] = (
                (batch, tokens, heads, width),
                (batch, heads, tokens, width),
            )
            made.append(SourceNode(f"{split}.view", "Reshape", "", (new,), (split,), {}))
            order = {"perm": (0, 2, 1, 3)}
            made.append(SourceNode(f"{turned}.view", "Transpose", "", (split,), (turned,), order))
            new = turned
        given = node.outputs[turn] if turn < len(node.outputs) else ""
        longer = given or f"{node.name}.{turn}.longer"
        is_static = shapes.get(longer) == shapes[past]
        if not is_static:
            shapes[longer] = (batch, heads, before + shapes[new][2], width)
        op = "TensorScatter" if is_static else "Concat"  # some rows are replaced, or come last
        name = f"{node.name}.{turn}.append"
        made.append(SourceNode(name, op, "", (past, new), (longer,), {"axis": 2}))
        inputs[turn], inputs[place] = longer, ""
    attrs = {k: v for k, v in node.attrs.items()}
    made.append(SourceNode(node.name, node.op, node.domain, tuple(inputs), node.outputs[:1], attrs))
    return made


class _Heads:
    """Queries, keys or values, whichever way their heads are stored."""

    def __init__(self, operand: Operand, shape: Shape, *, packed: bool) -> None:
        self.operand = operand
        self.batch, self.heads, self.tokens, self.width = shape
        self.packed = packed

    @classmethod
    def of(cls, site: Site, place: int) -> _Heads:
        node = site.node
        names = ("q_num_heads", "kv_num_heads", "kv_num_heads")
        count = integer(node, names[place], 0)
        if node.domain == MICROSOFT:
            count = integer(node, "num_heads", 0)
            if place and node.op == "GroupQueryAttention":
                count = integer(node, "kv_num_heads", 0)
        return cls.shaped(site, site.source(place), count)

    @classmethod
    def shaped(cls, site: Site, operand: Operand, count: int) -> _Heads:
        shape = operand.shape
        if len(shape) == 4:
            return cls(operand, shape, packed=False)
        if len(shape) != 3 or count < 1 or shape[2] % count:
            raise GraphError(f"{count} heads do not fit {shape}", node=site.node.name)
        return cls(operand, (shape[0], count, shape[1], shape[2] // count), packed=True)

    def at(self, token: str, own: str, groups: int = 0) -> Access:
        """An element of a head; `groups` heads of queries share one of keys."""
        head = Affine((("H", groups), ("G", 1))) if groups else plain("H")
        if not self.packed:
            return self.operand.at(plain("B"), head, plain(token), plain(own))
        terms = tuple((rank, step * self.width) for rank, step in head.terms)
        return self.operand.at(plain("B"), plain(token), Affine((*terms, (own, 1))))


def _ranks(batch: int, heads: int, groups: int, rows: int, columns: int) -> list[Rank]:
    extents = (batch, heads, groups, rows, columns)
    return [Rank(name, extent) for name, extent in zip("BHGPM", extents, strict=True)]


def _mask(site: Site, place: int, groups: int, ranks: list[Rank]) -> Access | None:
    """What is added to the scores, broadcast over batch and heads."""
    mask = site.optional(place)
    if mask is None or len(mask.shape) > 4:
        return None
    extents = {rank.name: rank.extent for rank in ranks}
    head = Affine((("H", groups), ("G", 1)))
    index = [plain("B"), head, plain("P"), plain("M")][4 - len(mask.shape) :]
    whole = [extents["B"], extents["H"] * groups, extents["P"], extents["M"]][4 - len(mask.shape) :]
    return mask.at(*(
        part if extent == full else Affine(())
        for part, extent, full in zip(index, mask.shape, whole, strict=True)
    ))  # fmt: skip


def _always_causal(node: SourceNode) -> bool:
    return node.op == "GroupQueryAttention"


def _misfit(site: Site) -> GraphError:
    shapes = ", ".join(str(site.source(place).shape) for place in range(3))
    return GraphError(f"queries, keys and values {shapes} do not fit", node=site.node.name)
