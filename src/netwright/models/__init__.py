"""Networks in floating point: ordinary ``torch`` modules, ready to train and to compress."""

from typing import TypeAlias

from torch import nn

from netwright.models import published
from netwright.models.autoencoder import Autoencoder, wafer_autoencoder
from netwright.models.convolutional import encoder
from netwright.models.decoder import (
    Decoder,
    DecoderShape,
    NextTokenBits,
    decoder_from,
    smollm2,
    smollm2_novels,
)
from netwright.models.decoder_graph import decoder_graph
from netwright.models.dense import mlp
from netwright.models.mobilenet import mobilenet
from netwright.models.policies import Policy, policy
from netwright.models.pulses import PulseAutoencoder, pulse_autoencoder, pulse_cnn
from netwright.models.searched import resnet9, unet
from netwright.models.text import TextEncoder, minilm

Network: TypeAlias = nn.Sequential
"""What most constructors here return: a sequence of named layers."""

__all__ = [
    "Autoencoder",
    "Decoder",
    "DecoderShape",
    "Network",
    "NextTokenBits",
    "Policy",
    "PulseAutoencoder",
    "TextEncoder",
    "decoder_from",
    "decoder_graph",
    "encoder",
    "minilm",
    "mlp",
    "mobilenet",
    "policy",
    "published",
    "pulse_autoencoder",
    "pulse_cnn",
    "resnet9",
    "smollm2",
    "smollm2_novels",
    "unet",
    "wafer_autoencoder",
]
