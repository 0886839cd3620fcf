"""Multilayer perceptrons."""

from __future__ import annotations

from collections import OrderedDict
from math import prod

import torch
from torch import nn

from netwright.errors import ConfigError
from netwright.models.widths import check_widths
from netwright.tasks import Task


def mlp(
    task: Task,
    *,
    hidden: tuple[int, ...] = (64, 32, 32),
    batch_norm: bool = False,
    seed: int = 0,
) -> nn.Sequential:
    """Dense layers with ReLU between them; what `task` asks for comes out.

    The default is the 16-64-32-32-5 jet tagger of Duarte et al. 2018, section 3.

    Args:
        task: Gives the number of inputs, of an image or a waveform all of its values, and of
            outputs: one for every class or value.
        hidden: Width of every hidden layer.
        batch_norm: Normalize between a dense layer and its ReLU.
        seed: Seed of the initial weights.

    Returns:
        A sequence with the layers ``fc1``, ``fc2``, …; before them ``flatten``, where a row has
        several axes.

    Raises:
        ConfigError: A width is not a positive integer, or the task asks for outputs of several
            axes.
        DataError: The task has several inputs.
    """
    if len(task.output_shape) != 1:
        raise ConfigError(
            f'a perceptron gives one axis of values, and task "{task.name}" asks for the shape '
            f"{task.output_shape}",
            hint="flatten its targets, or take another network",
        )
    inputs, outputs = prod(task.input_shape), task.output_shape[0]
    check_widths("hidden", hidden, before=inputs, behind=outputs)
    widths = (inputs, *hidden, outputs)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    if len(task.input_shape) > 1:
        layers["flatten"] = nn.Flatten()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for i in range(1, len(widths)):
            layers[f"fc{i}"] = nn.Linear(widths[i - 1], widths[i])
            if i < len(widths) - 1:
                if batch_norm:
                    layers[f"norm{i}"] = nn.BatchNorm1d(widths[i])
                layers[f"relu{i}"] = nn.ReLU()
    return nn.Sequential(layers)
