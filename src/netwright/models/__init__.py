"""Networks in floating point: ordinary ``torch`` modules, ready to train and to compress."""

from typing import TypeAlias

from torch import nn

from netwright.models.convolutional import encoder
from netwright.models.dense import mlp
from netwright.models.mobilenet import mobilenet

Network: TypeAlias = nn.Sequential
"""What every constructor here returns: a sequence of named layers."""

__all__ = ["Network", "encoder", "mlp", "mobilenet"]
