"""Digests of the models that a training is made from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

_PLAIN = (bool, int, float, str)


def module_digest(model: nn.Module) -> str:
    """SHA-256 over the classes, plain settings, parameters and buffers of a model.

    Plain settings are the numbers, texts and tuples of them that a module has as attributes, but
    for private ones and the mode it is in.
    """
    settings: list[object] = []
    for name, module in model.named_modules():
        kind = type(module)
        plain = {
            key: value
            for key, value in sorted(vars(module).items())
            if key != "training" and not key.startswith("_") and _is_plain(value)
        }
        settings.append((name, f"{kind.__module__}.{kind.__qualname__}", plain))
    tensors = [*model.named_parameters(), *model.named_buffers()]
    shapes = [(name, str(tensor.dtype), tuple(tensor.shape)) for name, tensor in tensors]
    return _digest((bytes_of(tensor) for _, tensor in tensors), head=repr((settings, shapes)))


def bytes_of(tensor: Tensor) -> NDArray[np.uint8]:
    """The values of a tensor as bytes."""
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()


def _is_plain(value: object) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, _PLAIN)


def _digest(arrays: Iterable[NDArray[np.generic]], *, head: str) -> str:
    state = hashlib.sha256(head.encode())
    for array in arrays:
        state.update(np.ascontiguousarray(array).data)
    return state.hexdigest()
