"""Devices that share the rows of every step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from netwright.errors import ConfigError
from netwright.train.recipe import Recipe


class Group(Protocol):
    """The processes that train one model together, as one of them sees them.

    Attributes:
        rank: Number of this one, from 0; the first one alone writes files and tells progress.
        size: How many there are.
        device: Where this one computes.
    """

    rank: int
    size: int
    device: torch.device

    def average(self, parameters: Sequence[nn.Parameter], weight: float) -> None:
        """Make the gradients the weighted mean over all processes.

        Args:
            parameters: What is trained.
            weight: Rows of this process in the step over their mean over the processes.
        """

    def sum(self, value: float) -> float:
        """The sum of a number over all processes."""

    def gather(self, value: Tensor) -> list[Tensor]:
        """The tensors of all processes, which have one shape, in the order of their ranks."""

    def share(self, tensors: Sequence[Tensor]) -> None:
        """Give all processes the values of the first one."""


class Alone:
    """A process that trains by itself."""

    rank = 0
    size = 1

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def average(self, parameters: Sequence[nn.Parameter], weight: float) -> None:
        """Leave the gradients as they are."""

    def sum(self, value: float) -> float:
        """The number itself."""
        return value

    def gather(self, value: Tensor) -> list[Tensor]:
        """The tensor itself."""
        return [value]

    def share(self, tensors: Sequence[Tensor]) -> None:
        """Leave the values as they are."""


def chosen_device(recipe: Recipe) -> torch.device:
    """Where one process computes.

    Raises:
        ConfigError: There is no such device.
    """
    available = torch.cuda.is_available()
    if recipe.device == "cuda" and not available:
        raise ConfigError(
            'device "cuda" is not there: torch sees no GPU',
            hint='use device="auto", which takes the processor then',
        )
    return torch.device("cuda" if available and recipe.device != "cpu" else "cpu")
