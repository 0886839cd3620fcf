"""Products of layers whose stages see other weights: what N:M training computes in a step.

A step has three stages: the forward pass (FF), the gradients of what a layer reads (BP), and those
of its weights (WU). The weights are the same dense ones in all of them; each stage may have zeros
of its own in them, and the gradients of the weights pass straight through the zeros.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

from netwright.formats import NM
from netwright.train.nm_masks import pruned

Product: TypeAlias = nn.Linear | nn.Conv1d | nn.Conv2d
PRODUCTS: tuple[type[nn.Module], ...] = (nn.Linear, nn.Conv1d, nn.Conv2d)
"""Layers whose stages may see other weights."""


@dataclass(frozen=True, slots=True, eq=False)
class Masks:
    """What the stages of a step see of a layer's weights: 1 where a weight stays.

    Attributes:
        forward: For FF, like the weights; ``None`` for all.
        backward: For BP, like the weights; ``None`` for all.
        gradients: Pattern of the gradients that BP multiplies, along the outputs.
    """

    forward: Tensor | None = None
    backward: Tensor | None = None
    gradients: NM | None = None

    def seen_forward(self, weight: Tensor) -> Tensor:
        """The weights as FF sees them."""
        return _masked(weight, self.forward)

    def seen_backward(self, weight: Tensor) -> Tensor:
        """The weights as BP sees them."""
        return _masked(weight, self.backward)

    def seen_gradient(self, gradient: Tensor, axis: int) -> Tensor:
        """The gradient of the sums as BP sees it; `axis` is that of the outputs."""
        if self.gradients is None:
            return gradient
        return pruned(gradient, NM(self.gradients.kept, self.gradients.group, axis))


def _masked(weight: Tensor, mask: Tensor | None) -> Tensor:
    return weight if mask is None else weight * mask.to(weight.dtype)


def sums(layer: Product, values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """What a layer computes of `values` with other weights."""
    if isinstance(layer, nn.Linear):
        return functional.linear(values, weight, bias)
    conv = functional.conv1d if isinstance(layer, nn.Conv1d) else functional.conv2d
    found: Tensor = conv(
        values, weight, bias, layer.stride, layer.padding, layer.dilation, layer.groups
    )
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Copies:
    """Weights as the stages see them, made once for a step.

    Attributes:
        forward: As FF sees them.
        backward: As BP sees them.
    """

    forward: Tensor
    backward: Tensor


def sparse_product(
    layer: Product,
    values: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    masks: Masks,
    copies: Copies | None = None,
) -> Tensor:
    """What `layer` computes, each stage of its step with the weights that it sees.

    Args:
        layer: Says how sums are made; paddings are numbers.
        values: What it reads.
        weight: All its weights, or what stands for them: gradients reach all of them.
        bias: Its bias, if it has one.
        masks: What the stages see.
        copies: The weights as they are seen, where they are known.
    """
    kind = values.device.type
    mixed = torch.is_autocast_enabled(kind)
    if mixed:
        dtype = torch.get_autocast_dtype(kind)
        values, weight = values.to(dtype), weight.to(dtype)
        bias, copies = None if bias is None else bias.to(dtype), None
    if not torch.is_grad_enabled():
        seen = masks.seen_forward(weight) if copies is None else copies.forward
        return sums(layer, values, seen, bias)
    with torch.autocast(kind, enabled=False) if mixed else nullcontext():
        return _Product.apply(values, weight, bias, masks, layer, copies)  # type: ignore[no-untyped-call]


class _Product(Function):
    @staticmethod
    def forward(
        ctx: Any,
        values: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        masks: Masks,
        layer: Product,
        copies: Copies | None,
    ) -> Tensor:
        ctx.save_for_backward(values, weight)
        ctx.masks, ctx.layer, ctx.copies = masks, layer, copies
        seen = masks.seen_forward(weight) if copies is None else copies.forward
        return sums(layer, values, seen, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        values, weight = ctx.saved_tensors
        wanted = ctx.needs_input_grad[:3]
        copies = ctx.copies
        seen = ctx.masks.seen_backward(weight) if copies is None else copies.backward
        made = _dense if isinstance(ctx.layer, nn.Linear) else _convolved
        return (*made(ctx.layer, ctx.masks, gradient, values, seen, wanted), None, None, None)


def _dense(
    layer: Product,
    masks: Masks,
    gradient: Tensor,
    values: Tensor,
    weight: Tensor,
    wanted: tuple[bool, bool, bool],
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Gradients of what is read, of the weights and of the bias; BP sees `weight`."""
    into = of_weight = of_bias = None
    rows = gradient.reshape(-1, gradient.shape[-1])
    if wanted[0]:
        into = masks.seen_gradient(rows, 1) @ weight
        into = into.reshape(values.shape)
    if wanted[1]:
        of_weight = rows.t() @ values.reshape(-1, values.shape[-1])
    if wanted[2]:
        of_bias = rows.sum(0)
    return into, of_weight, of_bias


def _convolved(
    layer: Product,
    masks: Masks,
    gradient: Tensor,
    values: Tensor,
    weight: Tensor,
    wanted: tuple[bool, bool, bool],
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Gradients of what is read, of the weights and of the bias; BP sees `weight`."""
    assert not isinstance(layer, nn.Linear)

    def stage(gradient: Tensor, weight: Tensor, wanted: list[bool]) -> list[Tensor | None]:
        found: list[Tensor | None] = torch.ops.aten.convolution_backward.default(
            gradient, values, weight, [layer.out_channels], layer.stride, layer.padding,
            layer.dilation, False, [0] * len(layer.kernel_size), layer.groups, wanted,
        )  # fmt: skip
        return found

    into = None
    if wanted[0]:
        into = stage(masks.seen_gradient(gradient, 1), weight, [True, False, False])[0]
    _, of_weight, of_bias = stage(gradient, weight, [False, wanted[1], wanted[2]])
    return into, of_weight, of_bias
