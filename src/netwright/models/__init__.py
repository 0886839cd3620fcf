"""Networks in floating point: ordinary ``torch`` modules, ready to train and to compress."""

from netwright.models.encoder import encoder
from netwright.models.mlp import mlp

__all__ = ["encoder", "mlp"]
