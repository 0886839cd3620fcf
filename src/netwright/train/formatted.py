"""Fake quantization onto any number format, with straight-through gradients.

The format is chosen by whoever has a method ``fit``, such as a quantizer of
``netwright.compress.quantize``. What a forward pass gives is what the format stores, to the bit;
gradients pass to all values that are not beyond the ends of the format, victims of outliers
included, so that a value can become large again.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from netwright.errors import ConfigError, NumericsError
from netwright.formats import Format, NumberFormat
from netwright.formats.hadamard import block_of
from netwright.formats.nearest import nearest


class Fits(Protocol):
    """What chooses the format of a tensor."""

    @property
    def most_rotated(self) -> int:
        """Neighbors along the grouped axis that are rotated together before; 1 for none."""

    def fit(
        self, values: NDArray[np.floating], *, channel_axis: int | None, group_axis: int
    ) -> Format:
        """The format for these values."""


class FormatQuantizer(nn.Module):
    """Rounds a tensor to the values that a format stores.

    Vectors along the grouped axis are padded with zeros to whole groups for that, and cut again.

    Args:
        chooser: Chooses the format, in :meth:`calibrate`.
        channel_axis: The axis along which each index gets a scale; ``None`` for one scale.
        group_axis: The axis along which neighbors are coded together.
        learns_scale: Make the scale a parameter; its gradient is that of LSQ (Esser et al. 2020).

    Attributes:
        format: The format, with the scale that was chosen; ``None`` before that: values pass.
        scale: The scale in use, one for each channel; all ones before.
    """

    scale: Tensor

    def __init__(
        self, chooser: Fits, *, channel_axis: int | None, group_axis: int,
        learns_scale: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.chooser = chooser
        self.channel_axis, self.group_axis = channel_axis, group_axis
        self.learns_scale = learns_scale
        self.format: Format | None = None
        self.seen: list[Tensor] | None = None
        self._keep_scale(torch.ones(1))

    @torch.no_grad()
    def calibrate(self, values: Tensor) -> Format:
        """Choose the format on values like those that will come.

        Raises:
            NumericsError: A value is not finite.
        """
        self.use(
            self.chooser.fit(
                values.detach().float().cpu().numpy(),
                channel_axis=self.channel_axis,
                group_axis=self.group_axis,
            )
        )
        assert self.format is not None
        return self.format

    def watch(self) -> None:
        """Pass values on from now on, and remember them."""
        self.format, self.seen = None, []

    def watched(self) -> Tensor:
        """What passed since, vectors along the grouped axis, (vectors, extent); then forgotten.

        Raises:
            ConfigError: Nothing did.
        """
        found, self.seen = self.seen, None
        if not found:
            raise ConfigError("it was not used on the calibration rows")
        return torch.cat(found)

    def use(self, format: Format) -> None:
        """Use this format from now on."""
        self.format = format
        device = self.scale.device
        self._keep_scale(torch.tensor(format.scale, dtype=torch.float32, device=device))

    def _keep_scale(self, scale: Tensor) -> None:
        if hasattr(self, "scale"):
            del self.scale
        if self.learns_scale:
            self.scale = nn.Parameter(scale)
        else:
            self.register_buffer("scale", scale)

    def forward(self, values: Tensor) -> Tensor:
        """The values that are stored, of the same shape and type."""
        axis = self.group_axis
        if self.seen is not None:
            vectors = values.detach().float().cpu().movedim(axis, -1)
            self.seen.append(vectors.reshape(-1, vectors.shape[-1]))
        if self.format is None:
            return values
        moved = values.float().movedim(axis, -1)
        extent = moved.shape[-1]
        block = 1
        if self.chooser.most_rotated > 1:
            block = block_of(extent, self.chooser.most_rotated)
            moved = rotate(moved, block)
        number = self.format.number
        missing = -extent % number.group
        if missing:
            moved = nn.functional.pad(moved, (0, missing))
        found: Tensor = _Stored.apply(moved, self._steps(moved, axis), number)  # type: ignore[no-untyped-call]
        found = found[..., :extent] if missing else found
        if block > 1:
            found = rotate(found, block)
        return found.movedim(-1, axis).to(values.dtype)

    def _steps(self, moved: Tensor, axis: int) -> Tensor:
        """The scale, shaped to broadcast against values whose grouped axis is the last one."""
        if self.channel_axis is None or self.scale.numel() == 1:
            return self.scale.reshape(())
        channel = self.channel_axis % moved.ndim
        channel -= channel > axis % moved.ndim
        return self.scale.reshape([-1 if i == channel else 1 for i in range(moved.ndim)])

    def extra_repr(self) -> str:
        """The format."""
        return "not calibrated" if self.format is None else str(self.format.number)


def rotate(values: Tensor, block: int) -> Tensor:
    """Blocks along the last axis times a Hadamard matrix; see :mod:`netwright.formats.hadamard`."""
    return (values.unflatten(-1, (-1, block)) @ _matrix(block, values)).flatten(-2)


def _matrix(block: int, like: Tensor) -> Tensor:
    found = torch.ones(1, 1, dtype=like.dtype, device=like.device)
    while len(found) < block:
        found = torch.cat([torch.cat([found, found], 1), torch.cat([found, -found], 1)])
    return found / block**0.5


class _Stored(Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, scale: Tensor, number: NumberFormat) -> Tensor:
        steps = values / scale
        codes = steps.detach().cpu().contiguous().numpy()
        if not np.isfinite(codes).all():
            raise NumericsError("a quantizer met a value that is not finite")
        found = torch.from_numpy(nearest(codes, number)).to(values.device)
        # The scales of groups follow the values: nothing is cut.
        ends = (number.min, number.max) if not number.group_bits else (-float("inf"), float("inf"))
        ctx.save_for_backward(steps, found, scale)
        ctx.ends = ends
        return found * scale

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        steps, found, scale = ctx.saved_tensors
        low, high = ctx.ends
        inside = (steps >= low) & (steps <= high)
        of_values = gradient * inside if ctx.needs_input_grad[0] else None
        of_scale = None
        if ctx.needs_input_grad[1]:
            slope = torch.where(inside, found - steps, found) * gradient
            of_scale = slope.sum_to_size(scale.shape) if scale.ndim else slope.sum()
        return of_values, of_scale, None
