"""Batch normalization folded into the layer before it."""

from __future__ import annotations

import copy
from collections import OrderedDict

import torch
from torch import nn

from netwright.errors import GraphError
from netwright.train.sequence import as_sequence


@torch.no_grad()
def fold_batch_norm(model: nn.Module) -> nn.Sequential:
    """A copy of `model` without batch normalization, equal to it in evaluation mode.

    The scale goes into the weights and the shift into the bias of the linear or convolutional layer
    before. Without any normalization layer the copy has the same layers.

    Args:
        model: A sequence of layers, or a module whose `forward` is one; see
            :func:`~netwright.train.as_sequence`.

    Raises:
        GraphError: A normalization does not follow a linear or convolutional layer directly, or
            `forward` is no chain.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for name, module in as_sequence(model).named_children():
        layer = copy.deepcopy(module)
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            previous = list(layers.values())[-1] if layers else None
            if not isinstance(previous, nn.Linear | nn.Conv2d):
                raise GraphError(
                    "batch normalization must follow a linear or convolutional layer", node=name
                )
            _fold(previous, layer)
            continue
        layers[name] = layer
    return nn.Sequential(layers).train(model.training)


def _fold(layer: nn.Linear | nn.Conv2d, norm: nn.BatchNorm1d | nn.BatchNorm2d) -> None:
    if norm.running_mean is None or norm.running_var is None:
        raise GraphError("batch normalization must track running statistics to be folded")
    gain = torch.rsqrt(norm.running_var + norm.eps)
    if norm.affine:
        gain = gain * norm.weight
    shift = -norm.running_mean * gain + (norm.bias if norm.affine else 0.0)
    bias = layer.bias if layer.bias is not None else torch.zeros_like(norm.running_mean)
    layer.weight.mul_(gain.reshape(-1, *(1,) * (layer.weight.ndim - 1)))
    layer.bias = nn.Parameter(bias * gain + shift)
