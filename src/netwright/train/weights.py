"""Parameters on disk: ``.npz`` files, never pickles."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import nn

from netwright.errors import DataError
from netwright.files import write_npz


def save_weights(model: nn.Module, path: Path) -> Path:
    """Write every parameter and buffer of `model` to `path` (``.npz``).

    Raises:
        RunError: The file cannot be written.
    """
    return write_npz(path, {key: value.numpy() for key, value in model.state_dict().items()})


def load_weights(model: nn.Module, path: Path) -> None:
    """Read parameters and buffers that :func:`save_weights` wrote into `model`.

    Raises:
        DataError: The file is missing, truncated, or belongs to another model.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise DataError("no such file", source=str(path)) from None
    except (zipfile.BadZipFile, ValueError, EOFError, OSError) as error:
        raise DataError(f"not a weights file ({error})", source=str(path)) from error
    expected = {key: tuple(value.shape) for key, value in model.state_dict().items()}
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
    model.load_state_dict({key: torch.from_numpy(value) for key, value in arrays.items()})
