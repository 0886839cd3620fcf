"""Normalizations and softmax, as the cascades that they are."""

from __future__ import annotations

from math import prod

from netwright.exchange.onnx.attributes import axis, integer, real, single
from netwright.exchange.onnx.lower_site import Site
from netwright.ir.einsums.einsum import Access, Affine, Einsum, Rank
from netwright.ir.einsums.functions import UnaryOp
from netwright.ir.einsums.lower import Operand, plain, pointwise, rescaled, softmax_over
from netwright.workload import blocks

_OLD_SOFTMAX = 13
"""Before this version softmax flattens all axes from the given one on."""


def softmax(site: Site) -> list[Einsum]:
    """Softmax or its logarithm."""
    source = site.source(0)
    rank = len(source.shape)
    old = site.opset < _OLD_SOFTMAX
    place = axis(site.node, integer(site.node, "axis", 1 if old else -1), rank)
    over = range(place, rank) if old else (place,)
    is_log = site.node.op == "LogSoftmax"
    return softmax_over(site.name, source, site.output, tuple(over), logarithm=is_log)


def layer_norm(site: Site) -> list[Einsum]:
    """Over the last axes; also of the mean of squares alone."""
    source = site.source(0)
    rank = len(source.shape)
    first = axis(site.node, integer(site.node, "axis", -1), rank)
    reads, writes, ranks = _along(source, site.output)
    over = [f"B{i}" for i in range(first, rank)]
    scale, bias = (_last(site.optional(i), ranks) for i in (1, 2))
    epsilon = real(site.node, "epsilon", 1e-5)
    if "RMS" in site.node.op or "Simplified" in site.node.op:
        return blocks.rms_norm(site.name, reads, writes, ranks, over, scale=scale, epsilon=epsilon)
    return blocks.layer_norm(
        site.name, reads, writes, ranks, over, scale=scale, bias=bias, epsilon=epsilon
    )


def group_norm(site: Site) -> list[Einsum]:
    """Over groups of channels and all extents; instance normalization has one channel a group."""
    source, node = site.source(0), site.node
    batch, channels, *extents = source.shape
    groups = integer(node, "num_groups", 1) if node.op == "GroupNormalization" else channels
    own = channels // groups
    ranks = [Rank("N", batch), Rank("G", groups), Rank("C", own)]
    ranks += [Rank(f"P{i}", extent) for i, extent in enumerate(extents)]
    channel = Affine((("G", own), ("C", 1)))
    index = (plain("N"), channel, *(plain(f"P{i}") for i in range(len(extents))))
    factors: list[Access | None] = []
    for place in (1, 2):
        vector = site.optional(place)
        by_group = vector is not None and vector.shape == (groups,) and own > 1
        at = plain("G") if by_group else channel
        factors.append(None if vector is None else vector.at(at))
    over = ["C", *(f"P{i}" for i in range(len(extents)))]
    return blocks.layer_norm(
        site.name, source.at(*index), site.output.at(*index), ranks, over,
        scale=factors[0], bias=factors[1], epsilon=single(node, "epsilon", 1e-5),
    )  # fmt: skip


def batch_norm(site: Site) -> list[Einsum]:
    """A factor and a term for each channel, into which the statistics are folded."""
    scale, bias = site.source(1), site.optional(2)
    return rescaled(site.name, site.source(0), site.output, scale, bias)


def norm(site: Site) -> list[Einsum]:
    """Division by a norm along one axis, or over all extents with the mean taken off."""
    source = site.source(0)
    rank = len(source.shape)
    reads, writes, ranks = _along(source, site.output)
    if site.node.op == "MeanVarianceNormalization":
        axes = site.node.attrs.get("axes", (0, 2, 3))
        chosen = axes if isinstance(axes, tuple) else (0, 2, 3)
        over = [f"B{axis(site.node, int(i), rank)}" for i in chosen]
        return blocks.layer_norm(site.name, reads, writes, ranks, over, epsilon=1e-9)
    place = axis(site.node, integer(site.node, "axis", -1), rank)
    kept = [r for i, r in enumerate(ranks) if i != place]
    power: tuple[UnaryOp, ...] = ("square",) if integer(site.node, "p", 2) == 2 else ("absolute",)
    shape = tuple(r.extent for r in kept) or (1,)
    total = site.inner("sum", shape)
    index = total.at(*(plain(r.name) for r in kept)) if kept else total.whole()
    first = Einsum(
        total.tensor, tuple(ranks), index, (reads,), "copy", power, "add", origin=site.name
    )
    root = site.inner("norm", shape)
    after: tuple[UnaryOp, ...] = ("sqrt",) if power == ("square",) else ("absolute",)
    second = Einsum(
        root.tensor, tuple(kept), Access(root.tensor, index.index), (index,), "copy", after,
        origin=site.name,
    )  # fmt: skip
    norms = Access(root.tensor, index.index)
    last = Einsum(site.name, tuple(ranks), writes, (reads, norms), "divide", origin=site.name)
    return [first, second, last]


def local_norm(site: Site) -> list[Einsum]:
    """Division by a function of the squares in a window of channels."""
    source = site.source(0)
    size = integer(site.node, "size", 1)
    reads, writes, ranks = _along(source, site.output)
    total = site.inner("squares", source.shape)
    near = Affine((("B1", 1), ("R", 1)), -((size - 1) // 2))
    window = Access(source.tensor, (reads.index[0], near, *reads.index[2:]))
    made = Access(total.tensor, writes.index)
    first = Einsum(
        total.tensor, (*ranks, Rank("R", size)), made, (window,), "copy", ("square",), "add",
        origin=site.name,
    )  # fmt: skip
    last = pointwise(site.name, [source, total], site.output, "divide", unary=("function",))
    return [first, last]


def _along(source: Operand, output: Operand) -> tuple[Access, Access, list[Rank]]:
    names = [f"B{i}" for i in range(len(source.shape))]
    index = tuple(map(plain, names))
    ranks = [Rank(name, extent) for name, extent in zip(names, source.shape, strict=True)]
    return source.at(*index), output.at(*index), ranks


def _last(vector: Operand | None, ranks: list[Rank]) -> Access | None:
    """An operand over the last ranks; ones stand for any extent."""
    if vector is None:
        return None
    own = ranks[len(ranks) - len(vector.shape) :]
    fits = prod(vector.shape) > 1
    return vector.at(*(
        plain(r.name) if extent > 1 or not fits else Affine(())
        for r, extent in zip(own, vector.shape, strict=True)
    ))  # fmt: skip
