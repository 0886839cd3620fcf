"""Networks in floating point: ordinary ``torch`` modules, ready to train and to compress."""

from netwright.models.convolutional import encoder
from netwright.models.dense import mlp

__all__ = ["encoder", "mlp"]
