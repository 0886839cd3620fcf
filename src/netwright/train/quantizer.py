"""Fake quantization: real values that lie on the grid of an integer format."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from netwright.dtypes import Int, Rounding
from netwright.errors import NumericsError

_CLIP_STEPS = 24
_CALIBRATION_VALUES = 1 << 17


@dataclass(frozen=True, slots=True)
class QuantSpec:
    """How a tensor is quantized.

    Attributes:
        dtype: Format of the codes.
        power_of_two: Restrict scales to powers of two, so that firmware needs shifts only.
        channels: Number of scales along axis 0; ``None`` for one scale.
        rounding: Rounding mode; half-even is what ``torch.round`` does.
    """

    dtype: Int
    power_of_two: bool = True
    channels: int | None = None
    rounding: Rounding = Rounding.HALF_EVEN


def round_tensor(values: Tensor, mode: Rounding) -> Tensor:
    """Round to integers; the torch twin of :func:`netwright.ir.round_real`."""
    match mode:
        case Rounding.FLOOR:
            return values.floor()
        case Rounding.CEIL:
            return values.ceil()
        case Rounding.TOWARD_ZERO:
            return values.trunc()
        case Rounding.AWAY_FROM_ZERO:
            return values.abs().ceil().copysign(values)
        case Rounding.HALF_EVEN:
            return values.round()
        case Rounding.HALF_UP:
            below = values.floor()
            return below + (values - below >= 0.5).to(values.dtype)
        case Rounding.HALF_DOWN:
            above = values.ceil()
            return above - (above - values >= 0.5).to(values.dtype)
        case Rounding.HALF_AWAY:
            return round_tensor(values.abs(), Rounding.HALF_UP).copysign(values)
        case Rounding.HALF_TOWARD_ZERO:
            return round_tensor(values.abs(), Rounding.HALF_DOWN).copysign(values)


class Quantizer(nn.Module):
    """Rounds a tensor to ``codes * scale``; gradients pass straight through inside the range.

    The scale is a buffer, found by :meth:`calibrate` and constant between calibrations: QAT steps
    then cost one kernel for each tensor.
    """

    scale: Tensor

    def __init__(self, spec: QuantSpec) -> None:
        super().__init__()
        self.spec = spec
        shape = () if spec.channels is None else (spec.channels,)
        self.register_buffer("scale", torch.ones(shape, dtype=torch.float64))
        self._number = 1.0

    @torch.no_grad()
    def set_scale(self, scale: Tensor) -> None:
        """Use `scale`: one positive finite value, or one for each channel.

        Raises:
            NumericsError: A value is not positive and finite.
        """
        if not bool(torch.isfinite(scale).all()) or not bool((scale > 0).all()):
            raise NumericsError("quantizer scales must be positive and finite")
        self.scale.copy_(scale.double().expand_as(self.scale))
        self._number = float(self.scale) if self.spec.channels is None else 1.0

    def _load_from_state_dict(self, *args: object, **kwargs: object) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self.set_scale(self.scale)

    @torch.no_grad()
    def calibrate(self, values: Tensor) -> None:
        """Choose the scale with the smallest mean squared error on `values`.

        Power-of-two scales are searched from the one that clips nothing downward; other scales over
        24 clipping points from 25 % to 100 % of the largest magnitude.
        """
        dtype = self.spec.dtype
        rows = values.detach().double()
        rows = rows.reshape(1, -1) if self.spec.channels is None else rows.flatten(1)
        stride = max(1, rows.numel() // _CALIBRATION_VALUES)
        rows = rows[:, ::stride]
        largest = rows.abs().amax(dim=1).clamp_min(1e-12) / dtype.max
        if self.spec.power_of_two:
            top = torch.exp2(torch.ceil(torch.log2(largest)))
            candidates = torch.stack([top * 2.0**-k for k in range(5)])
        else:
            steps = torch.linspace(0.25, 1.0, _CLIP_STEPS, dtype=torch.float64)
            candidates = steps.flip(0)[:, None] * largest
        errors = torch.stack([self._error(rows, scale[:, None]) for scale in candidates])
        best = errors.argmin(dim=0)
        chosen = candidates.gather(0, best[None])[0]
        self.set_scale(chosen if self.spec.channels is not None else chosen[0])

    def _error(self, rows: Tensor, scale: Tensor) -> Tensor:
        codes = round_tensor(rows / scale, self.spec.rounding)
        codes = codes.clamp(self.spec.dtype.min, self.spec.dtype.max)
        return (codes * scale - rows).square().sum(dim=1)

    def scale_like(self, values: Tensor) -> Tensor:
        """The scale, shaped to broadcast against `values` along its axis 0."""
        if self.spec.channels is None:
            return self.scale
        return self.scale.reshape(-1, *(1,) * (values.ndim - 1))

    def codes(self, values: Tensor) -> Tensor:
        """The integer codes of `values`, as float64."""
        scaled = values.double() / self.scale_like(values)
        dtype = self.spec.dtype
        return round_tensor(scaled, self.spec.rounding).clamp(dtype.min, dtype.max)

    def forward(self, values: Tensor) -> Tensor:
        """The nearest representable real values, with straight-through gradients."""
        dtype = self.spec.dtype
        if self.spec.rounding is Rounding.HALF_EVEN:
            if self.spec.channels is None:
                return torch.fake_quantize_per_tensor_affine(
                    values, self._number, 0, dtype.min, dtype.max
                )
            zeros = torch.zeros(len(self.scale), dtype=torch.int32)
            return torch.fake_quantize_per_channel_affine(
                values, self.scale.float(), zeros, 0, dtype.min, dtype.max
            )
        scale = self.scale_like(values).to(values.dtype)
        clipped = values.clamp(dtype.min * scale, dtype.max * scale)
        rounded = round_tensor(clipped.detach() / scale, self.spec.rounding) * scale
        return clipped + (rounded - clipped).detach()
