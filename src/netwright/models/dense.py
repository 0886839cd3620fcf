"""Multilayer perceptrons."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from netwright.errors import ConfigError
from netwright.tasks import Task


def mlp(
    task: Task,
    *,
    hidden: tuple[int, ...] = (64, 32, 32),
    batch_norm: bool = False,
    seed: int = 0,
) -> nn.Sequential:
    """Dense layers with ReLU between them; the logits of `task` come out.

    The default is the 16-64-32-32-5 jet tagger of Duarte et al. 2018, section 3.

    Args:
        task: Gives the number of inputs and of classes.
        hidden: Width of every hidden layer.
        batch_norm: Normalize between a dense layer and its ReLU.
        seed: Seed of the initial weights.

    Returns:
        A sequence with the layers ``fc1``, ``fc2``, …

    Raises:
        ConfigError: A width is not a positive integer.
    """
    if any(isinstance(w, bool) or not isinstance(w, int) or w < 1 for w in hidden):
        raise ConfigError(f"hidden widths must be positive integers, not {hidden}")
    widths = (task.input_shape[0], *hidden, len(task.classes))
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for i in range(1, len(widths)):
            layers[f"fc{i}"] = nn.Linear(widths[i - 1], widths[i])
            if i < len(widths) - 1:
                if batch_norm:
                    layers[f"norm{i}"] = nn.BatchNorm1d(widths[i])
                layers[f"relu{i}"] = nn.ReLU()
    return nn.Sequential(layers)
