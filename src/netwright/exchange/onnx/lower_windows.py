"""Maxima and sums over windows and over whole axes."""

from __future__ import annotations

from math import prod

from netwright.errors import GraphError
from netwright.exchange.onnx.attributes import axis, flag, integer, integers, text
from netwright.exchange.onnx.lower_site import Lower, Site
from netwright.ir.einsums.einsum import Einsum, ReduceOp
from netwright.ir.einsums.functions import UnaryOp
from netwright.ir.einsums.lower import Operand, Windows, averaged, pointwise, pooling, reduction


def pool(reduce_op: ReduceOp) -> Lower:
    """A maximum or a mean over windows.

    A mean that leaves out the border counts there like any other.
    """

    def lower(site: Site) -> list[Einsum]:
        source = site.source(0)
        taps = integers(site.node, "kernel_shape", ())
        windows = windows_of(site, taps, source)
        step = pooling(site.name, source, site.output, windows, reduce_op=reduce_op)
        return [averaged(step, prod(taps)) if reduce_op == "add" else step]

    return lower


def windows_of(
    site: Site, taps: tuple[int, ...], source: Operand, *, transposed: bool = False
) -> Windows:
    """The windows that a node's attributes describe.

    Args:
        site: Where.
        taps: Extents of a window.
        source: The data that it slides over.
        transposed: Whether windows are written and not read.
    """
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
    explicit = "output_shape" in node.attrs
    if auto in ("SAME_UPPER", "SAME_LOWER") or explicit:
        wide, narrow = source.shape[2:], site.output.shape[2:]
        if transposed:
            wide, narrow = narrow, wide
        more = integers(node, "output_padding", (0,) * count)
        total = [
            max((narrow[i] - 1) * strides[i] + (taps[i] - 1) * dilations[i] + 1 - extent
                + (more[i] if transposed else 0), 0)
            for i, extent in enumerate(wide)
        ]  # fmt: skip
        first = tuple(pad // 2 if auto == "SAME_UPPER" else pad - pad // 2 for pad in total)
    return Windows(taps, strides, first, dilations)


def reduce_all(reduce_op: ReduceOp) -> Lower:
    """A maximum or a mean over everything behind the channels."""

    def lower(site: Site) -> list[Einsum]:
        source = site.source(0)
        axes, mean = range(2, len(source.shape)), reduce_op == "add"
        made = site.output
        return [reduction(site.name, source, made, axes, reduce_op=reduce_op, mean=mean)]

    return lower


def reduce_axes(
    reduce_op: ReduceOp,
    unary: tuple[UnaryOp, ...] = (),
    last: tuple[UnaryOp, ...] = (),
    *,
    mean: bool = False,
) -> Lower:
    """A maximum, a sum or a mean over some axes.

    Args:
        reduce_op: What combines the values.
        unary: Functions of each value before that.
        last: Functions of the result.
        mean: Whether a sum is divided by the number of its terms.
    """

    def lower(site: Site) -> list[Einsum]:
        source, node = site.source(0), site.node
        rank = len(source.shape)
        axes = integers(node, "axes", ())
        if len(node.inputs) > 1 and node.inputs[1] in site.values:
            axes = tuple(int(value) for value in site.values[node.inputs[1]].ravel())
        if "axis" in node.attrs:
            axes = (integer(node, "axis", 0),)
        chosen = {axis(node, value, rank) for value in axes}
        if not chosen and flag(node, "noop_with_empty_axes", 0) == 0:
            chosen = set(range(rank))
        kept = sorted(chosen)
        made = site.output if not last else site.inner("sum", site.output.shape)
        name = site.name if not last else made.tensor
        first = reduction(name, source, made, kept, unary=unary, reduce_op=reduce_op, mean=mean)
        if not last:
            return [first]
        return [first, pointwise(site.name, [made], site.output, "copy", unary=last)]

    return lower
