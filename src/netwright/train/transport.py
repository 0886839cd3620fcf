"""A loss that is nearly the energy mover's distance of wafers, with gradients.

Moving charge is made a little random, so that the least work follows from products of matrices
(Sinkhorn, Cuturi 2013): the loss is above the distance, less so the longer it iterates.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from netwright.errors import ConfigError
from netwright.tasks.calorimeter_geometry import CELLS, distances

TEMPERATURE = 0.5
"""Sensor cells; that of the published training code (fastml-science)."""

ROUNDS = 20
LEAST = 1e-7
"""Charge that every decoded cell has at least: a wafer of zeros has no shares."""


def transport(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean work that turns wafers into others, both (rows, 48), each scaled to the same charge.

    Wafers without any charge are left out; a batch of nothing else costs nothing.

    Raises:
        ConfigError: The shapes are others.
    """
    if outputs.shape != targets.shape or outputs.ndim != 2 or outputs.shape[1] != CELLS:
        raise ConfigError(
            f"the loss compares wafers of shape (rows, {CELLS}), not {tuple(outputs.shape)} and "
            f"{tuple(targets.shape)}"
        )
    kept = targets.sum(1) > 0
    if not bool(kept.any()):
        return 0.0 * outputs.sum()
    found, wanted = (_shares(part[kept]) for part in (outputs.clamp_min(0) + LEAST, targets))
    kernel, work = _kernel(outputs.dtype)
    left = right = torch.ones_like(found)
    for _ in range(ROUNDS):
        left = found / (right @ kernel + 1e-12)
        right = wanted / (left @ kernel + 1e-12)
    return (left * (right @ work)).sum(1).mean()


def _shares(charges: Tensor) -> Tensor:
    return charges / charges.sum(1, keepdim=True)


@cache
def _kernel(dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """How likely charge moves between two cells, and what that costs, both symmetric."""
    far = torch.from_numpy(distances())
    kernel = torch.exp(-far / TEMPERATURE)
    return kernel.to(dtype), (kernel * far).to(dtype)
