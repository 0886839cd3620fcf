"""What a model says of many rows, and its score."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netwright.errors import ConfigError
from netwright.tasks import Task
from netwright.tasks.split import INPUT, SplitName
from netwright.train.batches import lengths, trimmed

_PADDED_ROWS = 64
"""Rows of padded sequences in one batch: of about equal length, so that little is padding."""


@torch.no_grad()
def predict(
    model: nn.Module,
    inputs: NDArray[np.generic] | Mapping[str, NDArray[np.generic]],
    *,
    batch_size: int = 8192,
) -> NDArray[np.float64]:
    """The model's outputs for every row, in evaluation mode, (rows, ...).

    Args:
        model: Any module; it runs where its parameters are.
        inputs: The one input, (rows, *shape), or every input by name in the model's order.
        batch_size: Rows at a time.

    Raises:
        ConfigError: The model returns no tensor.
    """
    arrays = dict(inputs) if isinstance(inputs, Mapping) else {INPUT: inputs}
    known = lengths(arrays)
    rows = len(next(iter(arrays.values())))
    order = np.arange(rows) if known is None else np.argsort(known, kind="stable")
    size = batch_size if known is None else min(batch_size, _PADDED_ROWS)
    first = next(chain(model.parameters(), model.buffers()), torch.zeros(0))
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        parts = [
            _outputs(model, _tensors(arrays, order[at : at + size], first))
            for at in range(0, rows, size)
        ]
    finally:
        for module, mode in modes:
            module.training = mode
    found = np.concatenate(parts)
    if known is None:
        return found
    placed = np.empty_like(found)
    placed[order] = found
    return placed


def evaluate(model: nn.Module, task: Task, *, split: SplitName = "test") -> float:
    """The task's score of the model on a split.

    Raises:
        DataError: The outputs do not fit the task, or are not finite.
    """
    return task.evaluate(predict(model, task.split(split).arrays), split=split)


def _tensors(
    arrays: Mapping[str, NDArray[np.generic]], rows: NDArray[np.int64], like: Tensor
) -> list[Tensor]:
    """The inputs of some rows, where a parameter is and in its arithmetic."""
    dtype = like.dtype if like.is_floating_point() else torch.float32
    tensors = {
        name: torch.from_numpy(np.ascontiguousarray(array[rows])) for name, array in arrays.items()
    }
    return [
        tensor.to(like.device, dtype) if tensor.is_floating_point() else tensor.to(like.device)
        for tensor in trimmed(tensors).values()
    ]


def _outputs(model: nn.Module, inputs: list[Tensor]) -> NDArray[np.float64]:
    found = model(*inputs)
    if not isinstance(found, Tensor):
        raise ConfigError(f"a model must return one tensor, not {type(found).__name__}")
    return found.double().cpu().numpy()
