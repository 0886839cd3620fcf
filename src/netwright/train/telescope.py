"""The telescope loss: differences between wafers on three scales of length.

It is :func:`netwright.tasks.telescope.telescope_error` with gradients, averaged over the rows.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from netwright.errors import ConfigError
from netwright.tasks.calorimeter_geometry import CELLS
from netwright.tasks.telescope import Weights, scales


def telescope(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean telescope error of wafers, both (rows, 48), with the published window weights.

    Raises:
        ConfigError: The shapes are others.
    """
    return _telescope(outputs, targets, "published")


def consistent_telescope(outputs: Tensor, targets: Tensor) -> Tensor:
    """Like :func:`telescope`, with window weights that count every cell alike."""
    return _telescope(outputs, targets, "consistent")


def _telescope(outputs: Tensor, targets: Tensor, weights: Weights) -> Tensor:
    if outputs.shape != targets.shape or outputs.shape[1:] != (CELLS,):
        raise ConfigError(
            f"the telescope loss needs outputs and targets of shape (rows, {CELLS}), "
            f"not {tuple(outputs.shape)} and {tuple(targets.shape)}"
        )
    sums, shares = _constants(weights, outputs.device, outputs.dtype)
    found, wanted = outputs @ sums, targets.to(outputs.dtype) @ sums
    errors = (found - wanted).square() * torch.maximum(found, wanted)
    return (errors @ shares).mean()


@cache
def _constants(weights: Weights, device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """The matrix that sums cells on all scales, (48, 87), and what each sum weighs, (87,)."""
    parts = scales(weights)
    sums = np.concatenate([matrix for matrix, _ in parts], axis=1)
    shares = np.concatenate([share for _, share in parts])
    return torch.tensor(sums, device=device, dtype=dtype), torch.tensor(
        shares, device=device, dtype=dtype
    )
