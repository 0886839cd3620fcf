"""Convolutions, and the attributes of what goes over windows."""

from __future__ import annotations

from netwright.errors import GraphError
from netwright.exchange.onnx.attributes import integer, integers, text
from netwright.exchange.onnx.source_model import SourceNode
from netwright.exchange.qonnx.reader import Reader
from netwright.ir import AttrValue


def window_attrs(
    node: SourceNode,
    extents: tuple[int, ...],
    kernel: tuple[int, ...],
    dilations: tuple[int, ...],
) -> dict[str, AttrValue]:
    """Strides and explicit pads of a node with windows.

    Raises:
        GraphError: The attributes contradict each other or the input.
    """
    rank = len(kernel)
    strides = integers(node, "strides", (1,) * rank)
    mode = text(node, "auto_pad", "NOTSET")
    if len(extents) != rank or len(strides) != rank or len(dilations) != rank:
        raise GraphError(
            f"kernel {kernel}, strides {strides} and dilations {dilations} do not suit an input "
            f"with {len(extents)} extents",
            node=node.name,
        )
    if min((*strides, *dilations, *kernel), default=1) < 1:
        raise GraphError("strides, dilations and kernel must be 1 or more", node=node.name)
    if mode == "NOTSET":
        pads = integers(node, "pads", (0,) * 2 * rank)
    elif mode == "VALID":
        pads = (0,) * 2 * rank
    elif mode in {"SAME_UPPER", "SAME_LOWER"}:
        pads = same_pads(extents, kernel, strides, dilations, upper=mode == "SAME_UPPER")
    else:
        raise GraphError(
            f"auto_pad must be NOTSET, VALID, SAME_UPPER or SAME_LOWER, not {mode!r}",
            node=node.name,
        )
    return {"strides": strides, "pads": pads}


def transposed_window_attrs(
    node: SourceNode, extents: tuple[int, ...], kernel: tuple[int, ...]
) -> dict[str, AttrValue]:
    """Strides, dilations, explicit pads and output padding of a ConvTranspose.

    Raises:
        GraphError: The attributes contradict each other or the input.
    """
    rank = len(kernel)
    strides = integers(node, "strides", (1,) * rank)
    dilations = integers(node, "dilations", (1,) * rank)
    extra = integers(node, "output_padding", (0,) * rank)
    shape, mode = integers(node, "output_shape", ()), text(node, "auto_pad", "NOTSET")
    if integers(node, "kernel_shape", kernel) != kernel:
        raise GraphError(f"kernel_shape does not fit a kernel of {kernel}", node=node.name)
    if {len(extents), len(strides), len(dilations), len(extra)} != {rank}:
        raise GraphError(
            f"strides {strides}, dilations {dilations} and output_padding {extra} do not suit a "
            f"kernel of {kernel} on an input with {len(extents)} extents",
            node=node.name,
        )
    if mode not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"):
        raise GraphError(
            f"auto_pad must be NOTSET, VALID, SAME_UPPER or SAME_LOWER, not {mode!r}",
            node=node.name,
        )
    wanted: tuple[int, ...] = shape
    if not shape and mode.startswith("SAME"):
        wanted = tuple(e * s for e, s in zip(extents, strides, strict=True))
    pads = integers(node, "pads", (0,) * 2 * rank) if mode == "NOTSET" else (0,) * 2 * rank
    if wanted:
        if len(wanted) != rank:
            raise GraphError(f"output_shape must have {rank} extents", node=node.name)
        totals = [
            strides[i] * (extents[i] - 1) + dilations[i] * (kernel[i] - 1) + 1 + extra[i]
            - wanted[i]
            for i in range(rank)
        ]  # fmt: skip
        if min(totals) < 0:
            raise GraphError(
                f"an output of {wanted} is larger than what the kernel reaches",
                node=node.name,
                hint="give pads and output_padding",
            )
        lesser = tuple(total // 2 for total in totals)
        larger = tuple(total - total // 2 for total in totals)
        pads = (*lesser, *larger) if mode == "SAME_UPPER" else (*larger, *lesser)
    return {"strides": strides, "dilations": dilations, "pads": pads, "output_padding": extra}


def same_pads(
    extents: tuple[int, ...],
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
    *,
    upper: bool,
) -> tuple[int, ...]:
    """Zeros in front of and behind each axis, for one window at every multiple of the stride."""
    before, after = [], []
    for extent, width, stride, dilation in zip(extents, kernel, strides, dilations, strict=True):
        count = -(-extent // stride)
        total = max((count - 1) * stride + dilation * (width - 1) + 1 - extent, 0)
        before.append(total // 2 if upper else total - total // 2)
        after.append(total - before[-1])
    return (*before, *after)


def emit_conv(
    reader: Reader, node: SourceNode, inputs: tuple[str, ...], *, output: str | None = None
) -> str:
    """Add a convolution with the attributes of `node`.

    Args:
        reader: The graph.
        node: A node with the attributes of Conv.
        inputs: Tensors of the graph: data, weights and perhaps a bias.
        output: As for :meth:`Reader.emit`.
    """
    shape = reader.shape(inputs[1])
    if len(shape) not in (3, 4):
        raise GraphError(
            f"weights of shape {shape} are not supported",
            node=node.name,
            hint="convolutions in one and two dimensions are; others are for the host",
        )
    kernel = integers(node, "kernel_shape", shape[2:])
    if kernel != shape[2:]:
        raise GraphError(f"kernel_shape {kernel} does not fit weights {shape}", node=node.name)
    dilations = integers(node, "dilations", (1,) * len(kernel))
    attrs: dict[str, AttrValue] = {
        **window_attrs(node, reader.shape(inputs[0])[2:], kernel, dilations),
        "dilations": dilations,
        "group": integer(node, "group", 1),
    }
    return reader.emit(node, "Conv", inputs, output, attrs)
