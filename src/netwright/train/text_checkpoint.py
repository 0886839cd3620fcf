"""Checkpoints of a text training: where it stands, and from what it was made.

A checkpoint is taken up by the training that wrote it, and refused by every other one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netwright.errors import RunError
from netwright.files import write_atomic
from netwright.models.text import ActivationGrid, EncoderLinear, TextEncoder
from netwright.tasks.snippets import Sentence

_NONE = "none"
"""Stands for a teacher or schedule that is not there."""


class Companion(Protocol):
    """What goes on beside the steps of a training, and has to be taken up with it."""

    @property
    def settings(self) -> str:
        """All that decides what it does."""

    def state_dict(self) -> dict[str, Tensor]:
        """Where it stands."""

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from there; called after the model was loaded."""


@dataclass(frozen=True, slots=True)
class Origin:
    """From what a training makes a model: settings as text, all else as digests.

    Attributes:
        recipe: Settings of the training.
        companion: Settings of what goes on beside it.
        sentences: Word pieces.
        labels: Their classes.
        start: The model before the first step.
        teacher: The teacher.
    """

    recipe: str
    companion: str
    sentences: str
    labels: str
    start: str
    teacher: str

    @classmethod
    def of(
        cls,
        model: TextEncoder,
        sentences: Sequence[Sentence],
        labels: NDArray[np.int64],
        *,
        recipe: str,
        teacher: TextEncoder | None,
        companion: Companion | None,
    ) -> Origin:
        """Describe a training before its first step."""
        lengths = np.array([len(sentence) for sentence in sentences], dtype=np.int64)
        pieces = np.concatenate([np.asarray(sentence, dtype=np.int64) for sentence in sentences])
        return cls(
            recipe=recipe,
            companion=_NONE if companion is None else companion.settings,
            sentences=_digest([lengths, pieces]),
            labels=_digest([labels]),
            start=model_digest(model),
            teacher=_NONE if teacher is None else model_digest(teacher),
        )

    def differences(self, written: Mapping[str, str]) -> list[str]:
        """In what the training that wrote a checkpoint was another one than this."""
        names = [
            item.name
            for item in fields(self)
            if written.get(item.name) != str(getattr(self, item.name))
        ]
        without = {"companion": "no schedule", "teacher": "no teacher"}
        other = {
            "recipe": written.get("recipe"),
            "companion": written.get("companion"),
            "sentences": "other sentences",
            "labels": "other labels",
            "start": "another model to start from",
            "teacher": "another teacher",
        }
        return [
            without[name] if name in without and written.get(name) == _NONE else str(other[name])
            for name in names
        ]


def model_digest(model: TextEncoder) -> str:
    """SHA-256 over the shape, weights and masks of a model, and how it rounds.

    The ranges of activations count where they are used. Elsewhere they are observed anew before
    they are, and their last digits depend on the number of threads.
    """
    tensors: list[tuple[str, Tensor]] = [*model.named_parameters()]
    rounding: list[object] = [model.shape]
    for name, module in model.named_modules():
        if isinstance(module, EncoderLinear):
            rounding.append(module.quantized)
            if module.mask is not None:
                tensors.append((f"{name}.mask", module.mask))
        elif isinstance(module, ActivationGrid):
            rounding.append(module.mode)
            if module.mode == "on":
                tensors += [(f"{name}.low", module.low), (f"{name}.high", module.high)]
    names = [(name, str(tensor.dtype), tuple(tensor.shape)) for name, tensor in tensors]
    bytes_of = (
        tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy() for _, tensor in tensors
    )
    return _digest(bytes_of, head=repr((rounding, names)))


def load_state(model: TextEncoder, state: dict[str, Tensor]) -> None:
    """Load weights, ranges and masks; masks are what ``load_state_dict`` alone would refuse."""
    for name, linear in model.linears().items():
        key = f"{name}.mask"
        linear.mask = torch.ones_like(linear.weight, dtype=torch.bool) if key in state else None
    model.load_state_dict(state)


def save_checkpoint(
    path: Path,
    model: TextEncoder,
    optimizer: torch.optim.Optimizer | None,
    *,
    origin: Origin,
    companion: Companion | None,
    epoch: int,
) -> None:
    """Write where a training stands after an epoch; without optimizer if it ended.

    Raises:
        RunError: The file cannot be written.
    """
    content = {
        "origin": asdict(origin),
        "epoch": epoch,
        "model": model.state_dict(),
        "optimizer": None if optimizer is None else optimizer.state_dict(),
        "companion": {} if companion is None else companion.state_dict(),
    }
    write_atomic(path, lambda stream: torch.save(content, stream))


def resume_checkpoint(
    path: Path,
    model: TextEncoder,
    optimizer: torch.optim.Optimizer,
    *,
    origin: Origin,
    companion: Companion | None,
) -> int:
    """Go on where a checkpoint ends.

    Returns:
        Epochs that it has done; 0 if there is no file.

    Raises:
        RunError: The file cannot be read, or was written by another training.
    """
    if not path.exists():
        return 0
    try:
        content: dict[str, Any] = torch.load(path, weights_only=True)
        if "origin" not in content:
            raise RunError(
                f"{path}: does not say what it was trained from",
                hint="remove it; it was written by an earlier version",
            )
        differences = origin.differences(content["origin"])
        if differences:
            raise RunError(
                f"{path}: was written by a training with {', '.join(differences)}",
                hint="remove it, or train with the same",
            )
        load_state(model, content["model"])
        if content["optimizer"] is not None:
            optimizer.load_state_dict(content["optimizer"])
        if companion is not None:
            companion.load_state_dict(content["companion"])
        return int(content["epoch"])
    except RunError:
        raise
    except Exception as error:  # torch raises what unpickling and zip files raise
        raise RunError(
            f"{path}: cannot be read as a checkpoint ({type(error).__name__})", hint="remove it"
        ) from None


def _digest(arrays: Iterable[NDArray[Any]], *, head: str = "") -> str:
    state = hashlib.sha256(head.encode())
    for array in arrays:
        state.update(np.ascontiguousarray(array).data)
    return state.hexdigest()
