"""Fused operators of ONNX Runtime, as the steps that they are."""

from __future__ import annotations

from dataclasses import replace

from netwright.errors import GraphError
from netwright.exchange.onnx.attributes import flag, integer
from netwright.exchange.onnx.lower_moves import join
from netwright.exchange.onnx.lower_norms import layer_norm
from netwright.exchange.onnx.lower_site import Site
from netwright.ir.einsums.einsum import Einsum, MapOp, ReduceOp
from netwright.ir.einsums.lower import Operand, opaque, pointwise, product, reduction, turned


def fused_product(site: Site) -> list[Einsum]:
    """A product of two stacks of matrices, either of which may come transposed."""
    flips = (bool(flag(site.node, "transA", 0)), bool(flag(site.node, "transB", 0)))
    return product(site.name, site.source(0), site.source(1), site.output, flips=flips)


def integer_gemm(site: Site) -> list[Einsum]:
    """A product of two matrices of codes, plus a bias."""
    flips = (bool(flag(site.node, "transA", 0)), bool(flag(site.node, "transB", 0)))
    bias = site.optional(6)
    return product(site.name, site.source(0), site.source(3), site.output, flips=flips, bias=bias)


def packed_product(site: Site) -> list[Einsum]:
    """A product with weights of few bits, several in a byte, in blocks with a scale each."""
    source, stored = site.source(0), site.source(1)
    rows, depth = integer(site.node, "N", 0), integer(site.node, "K", 0)
    if depth != source.shape[-1] or rows != site.output.shape[-1]:
        raise GraphError(
            f"weights of {rows} rows and {depth} columns do not fit {source.shape}",
            node=site.node.name,
        )
    weight = Operand(f"{stored.tensor}.unpacked", (rows, depth))
    site.stored[weight.tensor] = (weight.shape, integer(site.node, "bits", 4))
    return product(site.name, source, weight, site.output, flips=(False, True))


def biased_function(site: Site) -> list[Einsum]:
    """GELU in its approximate form, after a bias if there is one."""
    map_op: MapOp = "add" if len(site.given) > 1 else "copy"
    return [pointwise(site.name, site.given, site.output, map_op, unary=("function",))]


def skip_norm(site: Site) -> list[Einsum]:
    """A sum of two tensors, and perhaps a bias, then a normalization over the last axis."""
    node = site.node
    simplified = node.op == "SkipSimplifiedLayerNormalization"
    beta, bias = (None, site.optional(3)) if simplified else (site.optional(3), site.optional(4))
    total = site.inner("added", site.output.shape)
    parts = [site.source(0), site.source(1), *([] if bias is None else [bias])]
    first = pointwise(total.tensor, parts, total, "add")
    if site.place == 3:
        return [replace(first, name=site.name, output=site.output.along(site.output))]
    if site.place:
        return [opaque(site.name, site.given, site.output)]
    inner = replace(site, sources=(total, site.source(2), beta))
    return [first, *layer_norm(inner)]


def integer_pair(site: Site) -> list[Einsum]:
    """A sum or a product of two tensors of codes, as codes."""
    map_op: MapOp = "add" if site.node.op == "QLinearAdd" else "multiply"
    operands = [site.source(0), site.source(3)]
    return [pointwise(site.name, operands, site.output, map_op, unary=("quantize",))]


def rotary(site: Site) -> list[Einsum]:
    """Each pair of features turned by an angle of its position; the tables are read whole."""
    return [turned(site.name, site.source(0), site.given[1:], site.output)]


def dynamic_quantizer(site: Site) -> list[Einsum]:
    """Codes, and the scale and zero point that the limits of the data give."""
    source = site.source(0)
    if site.place == 0:
        return [pointwise(site.name, [source], site.output, "copy", unary=("quantize",))]
    limit: ReduceOp = "max" if site.place == 1 else "min"
    top = site.inner("limit", site.output.shape)
    axes = range(len(source.shape))
    first = reduction(top.tensor, source, top, axes, reduce_op=limit)
    return [first, pointwise(site.name, [top], site.output, "copy", unary=("function",))]


def integer_mean(site: Site) -> list[Einsum]:
    """A mean of codes over everything but rows and channels, as codes."""
    source = site.source(0)
    last = flag(site.node, "channels_last", 0)
    axes = range(1, len(source.shape) - 1) if last else range(2, len(source.shape))
    mean = site.inner("mean", site.output.shape)
    first = reduction(mean.tensor, source, mean, axes, mean=True)
    return [first, pointwise(site.name, [mean], site.output, "copy", unary=("quantize",))]


def integer_join(site: Site) -> list[Einsum]:
    """Codes, one after the other along an axis; each comes with a scale and a zero point."""
    return join(replace(site, sources=site.sources[2::3]))
