"""The loss of pulses: beginning, amplitude and, where it is asked for, the pulse without noise."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from netwright.errors import ConfigError

AMPLITUDE_SHARE = 0.1
"""What the squared error of the amplitude weighs beside that of the beginning."""

PARABOLA_SAMPLES = 0.5
"""Error of the beginning, in samples, beyond which the loss grows along a line: two pulses on top
of each other would else decide everything."""

WAVEFORM_SHARE = 0.1
"""What the mean squared error of the samples without noise weighs."""


def pulses(outputs: Tensor, targets: Tensor) -> Tensor:
    """Squared error of the beginning, and shares of those of the amplitude and of the samples.

    Every pulse counts alike, whatever its amplitude: up to errors of half a sample, what is made
    small is the square of the score.

    Args:
        outputs: Shape (rows, 2), or (rows, 2 + samples).
        targets: Of the same shape, as :func:`netwright.tasks.pulses` has them.

    Raises:
        ConfigError: The shapes are others.
    """
    if outputs.shape != targets.shape or targets.ndim != 2 or targets.shape[1] < 2:
        raise ConfigError(
            "the loss of pulses needs outputs and targets of shape (rows, 2) or "
            f"(rows, 2 + samples), not {tuple(outputs.shape)} and {tuple(targets.shape)}"
        )
    late = functional.huber_loss(outputs[:, 0], targets[:, 0], delta=PARABOLA_SAMPLES)
    found = 2 * late + AMPLITUDE_SHARE * functional.mse_loss(outputs[:, 1], targets[:, 1])
    if targets.shape[1] == 2:
        return found
    return found + WAVEFORM_SHARE * functional.mse_loss(outputs[:, 2:], targets[:, 2:])
