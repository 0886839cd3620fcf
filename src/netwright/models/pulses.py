"""Networks for detector pulses: a small convolutional regression, and a denoising autoencoder."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.errors import ConfigError
from netwright.models.widths import check_widths
from netwright.tasks import Task

CHANNELS = (8, 16, 16, 16)
"""Channels behind every convolution of the small network: 23 616 products for a pulse of 64."""

HIDDEN = 32
KERNEL = 4
VALUES = 2
"""Outputs of a regression: beginning and amplitude."""


def pulse_cnn(
    task: Task,
    *,
    channels: tuple[int, ...] = CHANNELS,
    hidden: int = HIDDEN,
    kernel: int = KERNEL,
    seed: int = 0,
) -> nn.Sequential:
    """Convolutions that halve the pulse, and two dense layers, with ReLU between them.

    The default reads 64 samples and has 4 794 parameters and 23 616 products.

    Args:
        task: Gives the number of samples, and of values to estimate.
        channels: Behind every convolution.
        hidden: Width of the first dense layer.
        kernel: Samples that a convolution sees; an even number.
        seed: Seed of the initial weights.

    Returns:
        A sequence with the layers ``conv1``, ``relu1``, …, ``flatten``, ``fc1`` and ``fc2``.

    Raises:
        ConfigError: A number is not accepted, or the task is none of pulses.
    """
    samples = _checked(task, channels, hidden, kernel)
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for at, (given, made) in enumerate(zip((1, *channels), channels, strict=False), 1):
            layers[f"conv{at}"] = nn.Conv1d(given, made, kernel, 2, padding=kernel // 2 - 1)
            layers[f"relu{at}"] = nn.ReLU()
        layers["flatten"] = nn.Flatten()
        layers["fc1"] = nn.Linear(channels[-1] * (samples >> len(channels)), hidden)
        layers[f"relu{len(channels) + 1}"] = nn.ReLU()
        layers["fc2"] = nn.Linear(hidden, task.output_shape[0])
    return nn.Sequential(layers)


class PulseAutoencoder(nn.Module):
    """An encoder, a decoder that gives the pulse without noise, and a regression on the code.

    Every step of the decoder doubles the length and adds what the encoder had at that length.

    Args:
        samples: Of a pulse.
        channels: Behind every convolution of the encoder.
        hidden: Width of the first dense layer of the regression.
        kernel: Samples that a convolution sees.
    """

    def __init__(self, samples: int, channels: tuple[int, ...], hidden: int, kernel: int) -> None:
        super().__init__()
        steps = list(zip((1, *channels), channels, strict=False))
        pad = kernel // 2 - 1
        self.encoder = nn.ModuleList(nn.Conv1d(g, m, kernel, 2, padding=pad) for g, m in steps)
        self.decoder = nn.ModuleList(
            nn.ConvTranspose1d(m, g, kernel, 2, padding=pad) for g, m in reversed(steps)
        )
        self.fc1 = nn.Linear(channels[-1] * (samples >> len(channels)), hidden)
        self.fc2 = nn.Linear(hidden, VALUES)

    def forward(self, pulses: Tensor) -> Tensor:
        """Beginning, amplitude and samples without noise, (rows, 2 + samples)."""
        kept, code = [], pulses
        for convolution in self.encoder:
            code = functional.relu(convolution(code))
            kept.append(code)
        values = self.fc2(functional.relu(self.fc1(code.flatten(1))))
        for at, spread in enumerate(self.decoder):
            code = spread(code)
            if at < len(kept) - 1:
                code = functional.relu(code + kept[-2 - at])
        return torch.cat([values, code.flatten(1)], dim=1)


def pulse_autoencoder(
    task: Task,
    *,
    channels: tuple[int, ...] = CHANNELS,
    hidden: int = HIDDEN,
    kernel: int = KERNEL,
    seed: int = 0,
) -> PulseAutoencoder:
    """A denoising autoencoder with a regression on its code; see :class:`PulseAutoencoder`.

    Args:
        task: Pulses with the samples without noise among the targets (``denoised = true``).
        channels: Behind every convolution of the encoder.
        hidden: Width of the first dense layer of the regression.
        kernel: Samples that a convolution sees; an even number.
        seed: Seed of the initial weights.

    Raises:
        ConfigError: A number is not accepted, or the task has other targets.
    """
    samples = _checked(task, channels, hidden, kernel)
    if task.output_shape != (VALUES + samples,):
        raise ConfigError(
            f'task "{task.name}" has targets of shape {task.output_shape}; an autoencoder of '
            f"pulses gives ({VALUES + samples},)",
            hint="say denoised = true",
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return PulseAutoencoder(samples, channels, hidden, kernel)


def _checked(task: Task, channels: tuple[int, ...], hidden: int, kernel: int) -> int:
    """Samples of a pulse of the task.

    Raises:
        ConfigError: A number is not accepted, or the task is none of pulses.
    """
    shape, targets = task.input_shape, task.output_shape
    if len(shape) != 2 or shape[0] != 1 or len(targets) != 1:
        raise ConfigError(
            f'task "{task.name}" has inputs of shape {shape} and targets of shape {targets}; '
            "a network for pulses reads (1, samples) and gives values"
        )
    if not channels:
        raise ConfigError("channels must hold a number or more")
    check_widths("channels", channels, before=channels[0], behind=1)
    check_widths("hidden", (hidden,))
    if kernel < 2 or kernel % 2:
        raise ConfigError(f"kernel must be an even number from 2 on, not {kernel}")
    if shape[1] % (1 << len(channels)):
        raise ConfigError(
            f"pulses of {shape[1]} samples cannot be halved {len(channels)} times; "
            "give fewer channels"
        )
    return shape[1]
