"""Fake quantization: real values that lie on the grid of an integer format."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from netwright.errors import NumericsError
from netwright.formats import Int, Rounding
from netwright.formats.scales import Ladder, least_error, peak_scales, sampling_stride
from netwright.train.straight_through import limit_digits, on_grid, round_tensor

_POWERS, _STEPS = Ladder(14), Ladder(14, 4)
_CALIBRATION_VALUES = 1 << 16


@dataclass(frozen=True, slots=True)
class QuantSpec:
    """How a tensor is quantized.

    Attributes:
        dtype: Format of the codes.
        power_of_two: Restrict scales to powers of two, so that firmware needs shifts only.
        channels: Number of scales along axis 0; ``None`` for one scale.
        rounding: Rounding mode; half-even is what ``torch.round`` does.

    Raises:
        NumericsError: The format holds no positive code (a signed format of 1 bit).
    """

    dtype: Int
    power_of_two: bool = True
    channels: int | None = None
    rounding: Rounding = Rounding.HALF_EVEN

    def __post_init__(self) -> None:
        if self.dtype.max < 1:
            raise NumericsError(
                f"a quantizer's format must hold a positive code, which {self.dtype} does not",
                hint="use 2 bits or more, or an unsigned format",
            )


class Quantizer(nn.Module):
    """Rounds a tensor to ``codes * scale``; gradients pass straight through inside the range.

    The scale is a buffer, found by :meth:`calibrate` and constant between calibrations, so that a
    training step does not pay for finding it.

    Attributes:
        scale: Real value of one code step, float64; one, or one for each channel.
        revision: Grows whenever the scale or the digits change.
        pinned: Whether the scale was given and no calibration changes it.
        digits: How many signed powers of two each code may be a sum of, in the shape of what is
            quantized; ``None`` for no limit. It steers a training and is not stored with the scale.
    """

    scale: Tensor

    def __init__(self, spec: QuantSpec) -> None:
        super().__init__()
        self.spec = spec
        self.revision = 0
        self.pinned = False
        self.digits: Tensor | None = None
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
        self._scale_changed()

    def pin(self, scale: float | Tensor) -> None:
        """Use `scale` from now on; calibrations leave it as it is.

        Raises:
            NumericsError: It is not positive and finite.
        """
        self.set_scale(torch.as_tensor(scale, dtype=torch.float64))
        self.pinned = True

    def set_digits(self, digits: Tensor | None) -> None:
        """Limit the signed powers of two in each code."""
        self.digits = digits
        self.revision += 1

    def _scale_changed(self) -> None:
        self.revision += 1
        self._number = float(self.scale) if self.spec.channels is None else 1.0

    def _load_from_state_dict(self, *args: object, **kwargs: object) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self.set_scale(self.scale)

    @torch.no_grad()
    def calibrate(self, values: Tensor, *, norm: float = 2.0) -> None:
        """Choose the scale with the smallest mean of ``|error| ** norm`` on `values`.

        Scales are searched over 14 octaves from the one that clips nothing downward, in steps of
        one octave for powers of two and of a quarter for others. A norm of 2 suits weights. Smaller
        norms keep a few outliers from taking the resolution of all other values: a network that is
        trained with the clipping learns to live with it, not with the loss of resolution. Channels
        whose values are all zero, or tiny beside the other channels, get a scale that is 2**-16 of
        the largest channel's: it decides nothing, and the scales stay close enough together for
        one requantizer. A pinned scale stays.

        Raises:
            NumericsError: A value is not finite; the message says where.
        """
        if self.pinned:
            return
        finite = values.isfinite()
        if not finite.all():
            place = tuple(torch.nonzero(~finite)[0].tolist())
            raise NumericsError(
                f"a scale is chosen on finite values, not on {float(values[place])} at {place}"
            )
        dtype = self.spec.dtype
        rows = values.detach().double()
        rows = rows.reshape(1, -1) if self.spec.channels is None else rows.flatten(1)
        stride = sampling_stride(rows.numel(), _CALIBRATION_VALUES, row=math.prod(values.shape[1:]))
        seen = rows[:, ::stride].cpu().numpy()
        peaks = rows.abs().amax(dim=1).cpu().numpy() / dtype.max
        candidates = (_POWERS if self.spec.power_of_two else _STEPS).below(
            peak_scales(peaks, unused=1.0 / dtype.max)
        )
        chosen, _ = least_error(seen, dtype, candidates, norm=norm, rounding=self.spec.rounding)
        found = torch.from_numpy(chosen).to(self.scale.device)
        self.set_scale(found if self.spec.channels is not None else found[0])

    def scale_like(self, values: Tensor) -> Tensor:
        """The scale, float64, shaped to broadcast against `values` along its axis 0."""
        if self.spec.channels is None:
            return self.scale
        return self.scale.reshape(-1, *(1,) * (values.ndim - 1))

    def step(self, values: Tensor) -> Tensor:
        """The scale in the arithmetic of `values`, shaped to broadcast against them."""
        return self.scale_like(values).to(values.dtype)

    def codes(self, values: Tensor) -> Tensor:
        """The integer codes of `values`, as float64."""
        scaled = values.double() / self.scale_like(values)
        dtype = self.spec.dtype
        codes = round_tensor(scaled, self.spec.rounding).clamp(dtype.min, dtype.max)
        return codes if self.digits is None else limit_digits(codes, self.digits, dtype.max)

    def forward(self, values: Tensor) -> Tensor:
        """The representable real values, with straight-through gradients."""
        scale = self._number if self.spec.channels is None else self.step(values)
        dtype = self.spec.dtype
        found = on_grid(values, scale, low=dtype.min, high=dtype.max, rounding=self.spec.rounding)
        if self.digits is None:
            return found
        limited = limit_digits((found / scale).round(), self.digits, dtype.max) * scale
        return found + (limited - found).detach()
