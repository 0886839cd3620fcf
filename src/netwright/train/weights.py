"""Parameters on disk: ``.npz`` files, never pickles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from netwright.errors import DataError, NumericsError
from netwright.files import write_npz
from netwright.reading import read_arrays


def save_weights(model: nn.Module, path: str | Path) -> Path:
    """Write every parameter and buffer of `model` to `path` (``.npz``).

    Raises:
        RunError: The file cannot be written.
    """
    path = Path(path)
    return write_npz(path, {key: value.cpu().numpy() for key, value in model.state_dict().items()})


def load_weights(model: nn.Module, path: str | Path) -> None:
    """Read parameters and buffers that :func:`save_weights` wrote into `model`.

    Raises:
        DataError: The file is missing, truncated, belongs to another model, or holds values that
            no model has; the model is then as it was.
    """
    path = Path(path)
    hint = "write it again with netwright.train.save_weights"
    arrays = read_arrays(path, what="a weights file", hint=hint)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    _check_shapes(before, arrays, path)
    for key, value in arrays.items():
        if value.dtype.kind not in "biuf" or not np.all(np.isfinite(value)):
            raise DataError(f'"{key}" must hold finite numbers', source=str(path))
    try:
        model.load_state_dict({key: torch.from_numpy(value) for key, value in arrays.items()})
    except NumericsError as error:  # a scale that no quantizer accepts
        model.load_state_dict(before)
        raise DataError(error.message, source=str(path)) from None


def _check_shapes(
    state: dict[str, torch.Tensor], arrays: dict[str, NDArray[np.generic]], path: Path
) -> None:
    expected = {key: tuple(value.shape) for key, value in state.items()}
    found = {key: tuple(value.shape) for key, value in arrays.items()}
    wrong = sorted(
        key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key)
    )
    if wrong:
        key = wrong[0]
        raise DataError(
            f'weights of another model: "{key}" has shape {found.get(key, "none")}, '
            f"the model needs {expected.get(key, 'none')} ({len(wrong)} such entries)",
            source=str(path),
        )
