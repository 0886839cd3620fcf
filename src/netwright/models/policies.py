"""Policies: networks that read observations of an environment and say actions of -1 to 1."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.errors import ConfigError
from netwright.models.widths import check_widths
from netwright.tasks import Task

Front = Literal["convolution", "dense"]

FILTERS = 4
KERNELS = ((3, 1), (3, 2), (3, 3))
"""Of the published front end: heights and widths over the trend and the readings."""

TREND = 3


class TrendConvolution(nn.Module):
    """The published front end: three convolutions side by side, each with a leaky ReLU.

    They read an image of trend and readings, all of the trend at once.

    Args:
        readings: Values that the monitors read; an observation has three times as many.
    """

    def __init__(self, readings: int) -> None:
        super().__init__()
        self.readings = readings
        self.narrow, self.middle, self.wide = (nn.Conv2d(1, FILTERS, size) for size in KERNELS)

    @property
    def features(self) -> int:
        """Number of values that come out."""
        return sum(FILTERS * (self.readings - width + 1) for _, width in KERNELS)

    def forward(self, observation: Tensor) -> Tensor:
        """Features of observations, (rows, 3 * readings) to (rows, features)."""
        image = observation.reshape(-1, 1, TREND, self.readings)
        parts = [
            functional.leaky_relu(conv(image)).flatten(1)
            for conv in (self.narrow, self.middle, self.wide)
        ]
        return torch.cat(parts, dim=1)


def front_of(front: Front, observations: int) -> tuple[nn.Module, int]:
    """A front end, and the number of its features.

    Args:
        front: ``"convolution"`` for the published one, ``"dense"`` for none.
        observations: Values that are read.

    Raises:
        ConfigError: There is no such front end, or it does not fit.
    """
    if front == "dense":
        return nn.Identity(), observations
    if front != "convolution":
        raise ConfigError(f'front must be convolution or dense, not "{front}"')
    if observations % TREND or observations < TREND**2:
        raise ConfigError(
            f"the front end reads {TREND} rows of {TREND} readings or more, not "
            f"{observations} values",
            hint='take front = "dense"',
        )
    made = TrendConvolution(observations // TREND)
    return made, made.features


class Policy(nn.Module):
    """A front end, dense layers with ReLU, and a hyperbolic tangent.

    Args:
        observations: Values that are read.
        actions: Values that are said.
        front: ``"convolution"`` for observations of trend and readings, ``"dense"`` for any.
        hidden: Widths of the dense layers.

    Raises:
        ConfigError: A width is not accepted, or the front end does not fit the observations.
    """

    def __init__(
        self, observations: int, actions: int, *, front: Front = "dense",
        hidden: Sequence[int] = (256, 256),
    ) -> None:  # fmt: skip
        super().__init__()
        self.front, features = front_of(front, observations)
        check_widths("hidden", hidden, before=features, behind=actions)
        widths = [features, *hidden]
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(widths[-1], actions)

    @property
    def first_layers(self) -> list[nn.Linear | nn.Conv2d]:
        """The layers that read the observation."""
        if isinstance(self.front, TrendConvolution):
            return [self.front.narrow, self.front.middle, self.front.wide]
        return [next((m for m in self.body if isinstance(m, nn.Linear)), self.head)]

    def forward(self, observation: Tensor) -> Tensor:
        """Actions for observations, (rows, observations) to (rows, actions)."""
        return torch.tanh(self.head(self.body(self.front(observation))))


def policy(
    task: Task,
    *,
    front: Front = "dense",
    hidden: tuple[int, ...] = (256, 256),
    seed: int = 0,
) -> Policy:
    """A policy for what a task has as inputs and targets: observations and actions.

    Args:
        task: Gives the number of observed values and of actions.
        front: ``"convolution"`` for the published one, ``"dense"`` for none.
        hidden: Widths of the dense layers; 256 and 256 are published.
        seed: Seed of the initial weights.

    Raises:
        ConfigError: Inputs or targets have several axes, or the front end does not fit.
    """
    if len(task.input_shape) != 1 or len(task.output_shape) != 1:
        raise ConfigError(
            f'a policy reads and says one axis of values; task "{task.name}" has inputs of shape '
            f"{task.input_shape} and asks for {task.output_shape}"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Policy(task.input_shape[0], task.output_shape[0], front=front, hidden=hidden)
