"""Convolutions, pooling and resizing of torch; each handler has its operator's own signature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netwright.train.module_refs import Ref, Sizes, fixed, spread, values_of

if TYPE_CHECKING:
    from netwright.train.module_graph import Step


def conv(
    at: Step,
    input: object,
    weight: object,
    bias: object = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Ref:
    """A convolution, with zeros, ``same`` or no padding."""
    source, kernel = values_of(at, input, "the input"), fixed(at, weight, "the weight")
    rank = kernel.ndim - 2
    dilations = spread(dilation, rank)
    if padding == "same":
        spans = [d * (k - 1) for d, k in zip(dilations, kernel.shape[2:], strict=True)]
        pads = (*(s // 2 for s in spans), *(s - s // 2 for s in spans))
    else:
        pads = spread(0 if isinstance(padding, str) else padding, rank) * 2
    names = [source.name, at.constant("weight", kernel)]
    if bias is not None:
        names.append(at.constant("bias", fixed(at, bias, "the bias")))
    return at.emit(
        "Conv", tuple(names), strides=spread(stride, rank), pads=pads, dilations=dilations,
        group=groups,
    )  # fmt: skip


def conv_transpose(
    at: Step,
    input: object,
    weight: object,
    bias: object = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
    output_size: object = None,
) -> Ref:
    """A transposed convolution."""
    source, kernel = values_of(at, input, "the input"), fixed(at, weight, "the weight")
    if output_size is not None:
        raise at.refuse("output_size is not known", hint="give output_padding to the layer")
    rank = kernel.ndim - 2
    names = [source.name, at.constant("weight", kernel)]
    if bias is not None:
        names.append(at.constant("bias", fixed(at, bias, "the bias")))
    return at.emit(
        "ConvTranspose", tuple(names), strides=spread(stride, rank),
        pads=spread(padding, rank) * 2, dilations=spread(dilation, rank),
        output_padding=spread(output_padding, rank), group=groups,
    )  # fmt: skip


def resize(
    at: Step,
    input: object,
    size: object = None,
    scale_factor: object = None,
    mode: str = "nearest",
    align_corners: object = None,
    recompute_scale_factor: object = None,
    antialias: bool = False,
) -> Ref:
    """Nearest neighbors at a whole multiple of the size; what was seen says which multiple."""
    source = values_of(at, input, "the input")
    if mode not in ("nearest", "nearest-exact"):
        raise at.refuse(f"interpolates with mode {mode}", hint="nearest is known")
    extents, made = source.shape[2:], at.shape[2:]
    if len(extents) not in (1, 2) or any(m % e for m, e in zip(made, extents, strict=True)):
        raise at.refuse(
            f"resizes {extents} to {made}", hint="one or two axes, each by a whole factor"
        )
    factors = tuple(m // e for m, e in zip(made, extents, strict=True))
    return at.emit("Resize", (source.name,), factors=factors)


def max_pool(
    at: Step,
    input: object,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Ref:
    """The largest value of every window."""
    source = values_of(at, input, "the input")
    rank = len(source.shape) - 2
    if set(spread(dilation, rank)) != {1} or ceil_mode or return_indices:
        raise at.refuse(
            "max pooling must have dilation 1, ceil_mode off and return no indices",
            hint="pad the input so that windows fill it",
        )
    kernel = spread(kernel_size, rank)
    return at.emit(
        "MaxPool", (source.name,), kernel=kernel,
        strides=spread(stride, rank) if stride is not None else kernel,
        pads=spread(padding, rank) * 2,
    )  # fmt: skip


def avg_pool(
    at: Step,
    input: object,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Ref:
    """The mean of every window, padding included."""
    source = values_of(at, input, "the input")
    rank = len(source.shape) - 2
    pads = spread(padding, rank) * 2
    if ceil_mode or divisor_override is not None or (any(pads) and not count_include_pad):
        raise at.refuse(
            "average pooling must divide by its whole window, with ceil_mode off",
            hint="count_include_pad=True, no divisor_override; pad so that windows fill the input",
        )
    kernel = spread(kernel_size, rank)
    strides = spread(stride, rank) if stride is not None and stride != [] else kernel
    return at.emit("AveragePool", (source.name,), kernel=kernel, strides=strides, pads=pads)


def adaptive_pool(at: Step, input: object, output_size: Any) -> Ref:
    """The mean of windows that divide the extents evenly."""
    source = values_of(at, input, "the input")
    extents = source.shape[2:]
    wanted = (output_size,) * len(extents) if isinstance(output_size, int | None) else output_size
    made = tuple(e if w is None else w for e, w in zip(extents, wanted, strict=True))
    if any(extent % size for extent, size in zip(extents, made, strict=True)):
        raise at.refuse(
            f"windows from {extents} to {made} have more than one size",
            hint="choose extents that divide those of the input",
        )
    kernel = tuple(extent // size for extent, size in zip(extents, made, strict=True))
    return avg_pool(at, input, kernel)
