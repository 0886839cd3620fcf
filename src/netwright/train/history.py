"""What a training achieved, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one epoch achieved.

    Attributes:
        number: 1 for the first epoch.
        loss: Mean training loss.
        score: The task's score on the validation split.
    """

    number: int
    loss: float
    score: float


@dataclass(frozen=True, slots=True)
class History:
    """All epochs of a training, and which one the model holds now."""

    epochs: tuple[Epoch, ...]
    best: Epoch
