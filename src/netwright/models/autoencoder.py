"""Autoencoders: an encoder for the chip, a few bits between, and a decoder in floating point."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.errors import ConfigError
from netwright.models.convolutional import encoder
from netwright.models.widths import check_widths
from netwright.tasks import Task
from netwright.tasks.calorimeter_geometry import CELLS, SHAPES, image_places

DecoderKind = Literal["dense", "convolutional"]

LATENT_LIMIT = 2.0
"""Values that are sent lie in 0 to below 2: one bit before the point."""

FIRST_BIAS = 0.7
"""What the last biases of an encoder begin with: behind a ReLU, values that begin below zero would
never be used."""

HIDDEN = (128, 256)
"""Widths of the dense decoder."""

MAX_BITS = 16


class Truncate(nn.Module):
    """Values of 0 to below 2 as a link carries them: cut to the highest bits, limited above.

    Gradients pass straight through inside the range.

    Args:
        bits: Bits of a value, one of them before the point; ``None`` lets all values pass.
    """

    def __init__(self, bits: int | None) -> None:
        super().__init__()
        if bits is not None and not 1 <= bits <= MAX_BITS:
            raise ConfigError(f"latent_bits must be 1 to {MAX_BITS}, not {bits}")
        self.bits = bits

    def forward(self, values: Tensor) -> Tensor:
        """The values that arrive, of the same shape."""
        if self.bits is None:
            return values
        step = LATENT_LIMIT / (1 << self.bits)
        limited = values.clamp(0.0, LATENT_LIMIT - step)
        return limited + (torch.floor(limited / step) * step - limited).detach()


class Autoencoder(nn.Module):
    """An encoder, what its values lose on the way, and a decoder.

    Attributes:
        encoder: Runs on the chip; it may be replaced by a quantized copy.
        link: What arrives of its values.
        decoder: Runs elsewhere, in floating point.
    """

    def __init__(self, encoder: nn.Module, link: Truncate, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.link, self.decoder = encoder, link, decoder

    def with_bits(self, latent_bits: int | None) -> Autoencoder:
        """A copy that sends so many bits of each value."""
        twin = copy.deepcopy(self)
        twin.link = Truncate(latent_bits)
        return twin

    def forward(self, inputs: Tensor) -> Tensor:
        """What the decoder makes of the inputs."""
        outputs: Tensor = self.decoder(self.link(self.encoder(inputs)))
        return outputs


class WaferDecoder(nn.Module):
    """The published convolutional decoder: 16 values to an image of 8 × 8, and its 48 cells.

    A dense layer of 128 with ReLU, a transposed convolution of 8 filters and stride 2 with ReLU,
    one of a single filter, and a sigmoid (fastml-science, ``sensor-data-compression``), whose
    outputs are doubled here, since normalized charges reach 2.
    """

    cells: Tensor

    def __init__(self, codes: int) -> None:
        super().__init__()
        self.dense = nn.Linear(codes, 128)
        self.widen = nn.ConvTranspose2d(8, 8, 3, stride=2, padding=1, output_padding=1)
        self.last = nn.ConvTranspose2d(8, 1, 3, padding=1)
        self.register_buffer("cells", torch.from_numpy(image_places()), persistent=False)

    def forward(self, codes: Tensor) -> Tensor:
        """Charges, (rows, 48)."""
        image = functional.relu(self.dense(codes)).reshape(-1, 8, 4, 4)
        image = self.last(functional.relu(self.widen(image)))
        return LATENT_LIMIT * torch.sigmoid(image.flatten(1)[:, self.cells])


def wafer_autoencoder(
    task: Task,
    *,
    latent_bits: int | None = None,
    codes: int = 16,
    filters: int = 8,
    decoder: DecoderKind = "dense",
    hidden: Sequence[int] = HIDDEN,
    seed: int = 0,
) -> Autoencoder:
    """An autoencoder for wafers of the calorimeter task, in either layout.

    The encoder has one convolution 3×3 and one dense layer, each with ReLU: 2144 parameters for the
    layout 8x8 (stride 2) and 2288 for 4x4x3 (stride 1), as published. The decoder is not on the
    chip: dense layers by default, which reconstruct better than the published one.

    Args:
        task: Gives the shape of the inputs.
        latent_bits: Bits of each value that is sent; ``None`` for real values.
        codes: Values that are sent.
        filters: Channels after the convolution.
        decoder: ``"dense"`` or ``"convolutional"``.
        hidden: Widths of the dense decoder.
        seed: Seed of the initial weights.

    Raises:
        ConfigError: The task has other inputs or targets than wafers, or a width is not positive.
    """
    shape = task.input_shape
    if shape not in SHAPES.values() or task.output_shape != (CELLS,):
        raise ConfigError(
            f'task "{task.name}" has inputs of shape {shape} and targets of shape '
            f"{task.output_shape}; an autoencoder of wafers reads (1, 8, 8) or (3, 4, 4) and "
            f"gives ({CELLS},)"
        )
    if decoder not in ("dense", "convolutional"):
        raise ConfigError(f'decoder must be dense or convolutional, not "{decoder}"')
    check_widths("hidden", hidden, before=codes, behind=CELLS)
    stride = 2 if shape == SHAPES["8x8"] else 1
    link = Truncate(latent_bits)
    encoding = encoder(
        shape=(shape[0], shape[1], shape[2]), filters=filters, outputs=codes, stride=stride,
        seed=seed,
    )  # fmt: skip
    with torch.no_grad():
        encoding.get_parameter("fc1.bias").fill_(FIRST_BIAS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed + 1)
        decoding = WaferDecoder(codes) if decoder == "convolutional" else _dense(codes, hidden)
    return Autoencoder(encoding, link, decoding)


def _dense(codes: int, hidden: Sequence[int]) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    widths = (codes, *hidden, CELLS)
    for i in range(1, len(widths)):
        layers[f"fc{i}"] = nn.Linear(widths[i - 1], widths[i])
        layers[f"relu{i}"] = nn.ReLU() if i < len(widths) - 1 else nn.Softplus(beta=20)
    return nn.Sequential(layers)
