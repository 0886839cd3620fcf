"""The shape of a BERT encoder, and the names of its tensors."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from numbers import Integral, Real
from pathlib import Path

from netwright.errors import ConfigError, DataError
from netwright.reading import read_json

SITES = ("input", "attention", "context", "middle", "before_gelu", "after_gelu")
"""Where a layer's activations become bytes: what its query, key and value read; query, key and
value themselves; what attention returns; what its first wide product reads; the result of that
product; GELU of it."""

SIGNED_SITES = ("attention",)
"""Sites whose codes are signed, with the zero point 0."""

LINEARS = (
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "intermediate.dense",
    "output.dense",
)
"""The linear operators of a layer, in the names of BERT."""

NORMS = ("attention.output.LayerNorm", "output.LayerNorm")
"""The normalizations of a layer, in the names of BERT."""

MAX_LAYERS = 1024
"""Most layers of an encoder."""

_CONFIG = {
    "hidden": "hidden_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "intermediate": "intermediate_size",
    "vocabulary": "vocab_size",
    "positions": "max_position_embeddings",
    "epsilon": "layer_norm_eps",
}

_KINDS = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute"}


@dataclass(frozen=True, slots=True)
class EncoderShape:
    """Extents of an encoder with post-normalization, exact GELU and absolute positions.

    Attributes:
        hidden: Features of a token.
        layers: Layers, at most :data:`MAX_LAYERS`.
        heads: Attention heads of a layer; must divide `hidden`.
        intermediate: Features between the two wide products.
        vocabulary: Word pieces.
        positions: Most tokens of a sentence.
        classes: Outputs of the classifier on the mean over the tokens.
        epsilon: Added to the variance in a normalization.

    Raises:
        DataError: An extent is not accepted; all faults are listed.

    >>> EncoderShape(hidden=8, layers=1, heads=2, intermediate=16, vocabulary=9, positions=4).head
    4
    """

    hidden: int = 384
    layers: int = 6
    heads: int = 12
    intermediate: int = 1536
    vocabulary: int = 30522
    positions: int = 512
    classes: int = 2
    epsilon: float = 1e-12

    def __post_init__(self) -> None:
        faults = []
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name == "epsilon":
                if not is_number(value) or not 0 < value < 1:
                    faults.append(f"epsilon must be between 0 and 1, not {value!r}")
                else:
                    object.__setattr__(self, "epsilon", float(value))
            elif not is_number(value) or not isinstance(value, Integral):
                faults.append(f"{item.name} must be an integer, not {value!r}")
            elif value < 1:
                faults.append(f"{item.name} must be at least 1, not {value}")
            else:
                object.__setattr__(self, item.name, int(value))
        if not faults and self.layers > MAX_LAYERS:
            faults.append(f"an encoder has at most {MAX_LAYERS} layers, not {self.layers}")
        if not faults and self.hidden % self.heads:
            faults.append(f"hidden {self.hidden} must be a multiple of heads {self.heads}")
        if not faults and self.head % 4:
            faults.append(
                f"hidden / heads must be a multiple of 4, not {self.hidden} / {self.heads}"
            )
        if faults:
            raise DataError("the encoder's shape is not accepted: " + "; ".join(faults))

    @property
    def head(self) -> int:
        """Features of a head."""
        return self.hidden // self.heads

    @property
    def macs_per_token(self) -> int:
        """Multiplications of a token in the linear operators of all layers."""
        return self.layers * (4 * self.hidden**2 + 2 * self.hidden * self.intermediate)


def read_config(path: Path | str, *, classes: int = 2) -> EncoderShape:
    """Read the shape from the ``config.json`` of a BERT model.

    Args:
        path: The file.
        classes: Outputs of the classifier.

    Raises:
        DataError: The file cannot be read, or describes another kind of encoder.
    """
    source = str(path)
    raw = read_json(path)
    if not isinstance(raw, dict):
        raise DataError("must be a JSON object", source=source)
    faults = [
        f'"{name}" must be a positive {kind}, not {raw.get(name)!r}'
        for name in _CONFIG.values()
        for kind in ("number" if name == _CONFIG["epsilon"] else "integer",)
        if not is_number(raw.get(name)) or (kind == "integer" and isinstance(raw[name], float))
    ]
    for name, accepted in _KINDS.items():
        if raw.get(name, accepted) != accepted:
            faults.append(f'"{name}" must be "{accepted}", not {raw[name]!r}')
    if faults:
        raise DataError("; ".join(faults), source=source)
    try:
        return EncoderShape(**{ours: raw[name] for ours, name in _CONFIG.items()}, classes=classes)
    except DataError as error:
        raise DataError(error.message, source=source) from None


def is_number(value: object) -> bool:
    """Whether a value is a real number, and neither a boolean, infinite nor NaN."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    return isinstance(value, Integral) or math.isfinite(value)


def check_blocks(shape: EncoderShape, block_rows: int) -> None:
    """Refuse blocks that do not divide the outputs of every operator.

    Raises:
        ConfigError: `block_rows` is neither 4 nor 8.
        DataError: It does not divide an extent.
    """
    if block_rows not in (4, 8):
        raise ConfigError(f"block_rows must be 4 or 8, not {block_rows}")
    for extent in (shape.hidden, shape.intermediate):
        if extent % block_rows:
            raise DataError(
                f"the encoder's extents must be multiples of {block_rows}, not {extent}"
            )
