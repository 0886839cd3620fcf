"""A chain of dense layers as one step of automatic differentiation.

Fake quantization adds some ten small operations to every layer. On a network of a few thousand
weights they cost more than the products do, if each is recorded by itself. Here the forward and the
backward pass of the whole chain are written out, and all parameters are rounded together; values
and gradients are those of the layers one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch._utils import _flatten_dense_tensors, _unflatten_dense_tensors
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

from netwright.formats import Rounding
from netwright.train.layers import QuantLayer
from netwright.train.quantizer import Quantizer
from netwright.train.sparse_products import Masks
from netwright.train.straight_through import MOST_DIGITS, gradient_inside, limit_digits, rounded

_EVERYTHING = Masks()


@dataclass(frozen=True)
class Link:
    """One dense layer: its module, the quantizers of its parameters and of its output.

    Attributes:
        layer: The float layer; it has a bias.
        weight: Quantizer of the weight.
        bias: Quantizer of the bias.
        output: Quantizer of the output; ``None`` leaves the sums.
        low: Smallest code of the output; 0 behind a ReLU.
        owner: The quantized layer, which knows what the stages of a training see of the weight.
    """

    layer: torch.nn.Linear
    weight: Quantizer
    bias: Quantizer
    output: Quantizer | None
    low: int
    owner: QuantLayer


@dataclass(frozen=True)
class _Grid:
    """Scale, smallest and largest code: laid out for all parameters, and for each activation.

    The digits are those of all parameters, ``None`` if no quantizer limits them.
    """

    scale: Tensor
    low: Tensor
    high: Tensor
    digits: Tensor | None
    activations: tuple[tuple[float, int, int, Rounding] | None, ...]


class DenseChain:
    """Runs dense layers with fake-quantized parameters and activations.

    The parameters' quantizers must round half to even, the activations' must have one scale. The
    laid-out scales are kept until a quantizer's scale changes.

    Args:
        source: Quantizer of the input.
        links: The layers, in order.
    """

    def __init__(self, source: Quantizer, links: Sequence[Link]) -> None:
        self._source = source
        self._links = tuple(links)
        self._parameter_quantizers = [q for link in links for q in (link.weight, link.bias)]
        self._quantizers = [source, *self._parameter_quantizers]
        self._quantizers += [link.output for link in links if link.output is not None]
        self._revisions: list[int] = []
        self._grid: _Grid | None = None

    def __call__(self, values: Tensor) -> Tensor:
        """Real outputs, (batch, outputs), with straight-through gradients."""
        parameters: list[Tensor] = []
        for link in self._links:
            parameters += (link.layer.weight, link.layer.bias)
        revisions = [quantizer.revision for quantizer in self._quantizers]
        grid = self._grid
        moved = grid is not None and grid.scale.device != values.device
        if grid is None or moved or revisions != self._revisions:
            grid, self._revisions = self._lay_out(parameters), revisions
            self._grid = grid
        masks = [link.owner.masks or _EVERYTHING for link in self._links]
        return _Chain.apply(values, grid, masks, *parameters)  # type: ignore[no-untyped-call]

    def _lay_out(self, parameters: Sequence[Tensor]) -> _Grid:
        pairs = list(zip(parameters, self._parameter_quantizers, strict=True))
        formats = [(p, q.spec.dtype) for p, q in pairs]
        first = _activation(self._source, self._source.spec.dtype.min)
        outputs = [
            None if link.output is None else _activation(link.output, link.low)
            for link in self._links
        ]
        return _Grid(
            torch.cat([q.step(p).expand_as(p).reshape(-1) for p, q in pairs]),
            torch.cat([torch.full_like(p, dtype.min).reshape(-1) for p, dtype in formats]),
            torch.cat([torch.full_like(p, dtype.max).reshape(-1) for p, dtype in formats]),
            _digits(pairs),
            (first, *outputs),
        )


def _digits(pairs: Sequence[tuple[Tensor, Quantizer]]) -> Tensor | None:
    """The digits that every parameter may have; more than any code needs where nothing limits."""
    if all(quantizer.digits is None for _, quantizer in pairs):
        return None
    free = MOST_DIGITS + 1
    limits = [torch.full_like(p, free) if q.digits is None else q.digits for p, q in pairs]
    return torch.cat([limit.reshape(-1) for limit in limits])


def _activation(quantizer: Quantizer, low: int) -> tuple[float, int, int, Rounding]:
    return float(quantizer.scale), low, quantizer.spec.dtype.max, quantizer.spec.rounding


class _Chain(Function):
    @staticmethod
    def forward(
        ctx: Any, values: Tensor, grid: _Grid, masks: Sequence[Masks], *parameters: Tensor
    ) -> Tensor:
        codes = _flatten_dense_tensors(parameters).div_(grid.scale).round_()
        clipped = codes.clamp(grid.low, grid.high)
        beyond = codes.sub_(clipped)
        if grid.digits is not None:
            limited = limit_digits(clipped, grid.digits, grid.high)
            clipped = torch.where(grid.digits > MOST_DIGITS, clipped, limited)
        on_grid = _unflatten_dense_tensors(clipped.mul_(grid.scale), parameters)
        first, *outputs = grid.activations
        assert first is not None
        saved = [beyond, values]
        values = rounded(values, *first)
        for i, output in enumerate(outputs):
            weight = on_grid[2 * i]
            sums = functional.linear(values, masks[i].seen_forward(weight), on_grid[2 * i + 1])
            saved += (values, weight, sums)
            values = sums if output is None else rounded(sums, *output)
        ctx.save_for_backward(*saved)
        ctx.grid, ctx.masks = grid, masks
        return values

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        beyond, source, *saved = ctx.saved_tensors
        first, *outputs = ctx.grid.activations
        found: list[Tensor] = []
        for i in range(len(outputs) - 1, -1, -1):
            values, weight, sums = saved[3 * i : 3 * i + 3]
            gradient = _passed(gradient, sums, outputs[i])
            found += (gradient.sum(0), gradient.t() @ values)
            if i or ctx.needs_input_grad[0]:
                masks = ctx.masks[i]
                gradient = masks.seen_gradient(gradient, 1) @ masks.seen_backward(weight)
        found.reverse()
        flat = gradient_inside(_flatten_dense_tensors(found), beyond, -0.5, 0.5)
        into = _passed(gradient, source, first) if ctx.needs_input_grad[0] else None
        return (into, None, None, *_unflatten_dense_tensors(flat, found))


def _passed(
    gradient: Tensor, values: Tensor, activation: tuple[float, int, int, Rounding] | None
) -> Tensor:
    if activation is None:
        return gradient
    scale, low, high, _ = activation
    return gradient_inside(gradient, values, (low - 0.5) * scale, (high + 0.5) * scale)
