"""Small random encoders."""

from __future__ import annotations

import numpy as np

from netwright.backends.cpu.encoders import EncoderShape, EncoderWeights, calibrate, read_state
from netwright.backends.cpu.weights import tensor_shapes

SHAPE = EncoderShape(hidden=24, layers=2, heads=3, intermediate=40, vocabulary=50, positions=70)


def random_state(shape: EncoderShape = SHAPE, *, sparsity: float = 0.0, seed: int = 0):
    random = np.random.default_rng(seed)
    state = {}
    for name, extents in tensor_shapes(shape).items():
        values = random.normal(size=extents) * (0.3 if len(extents) > 1 else 0.1)
        if name.endswith("LayerNorm.weight"):
            values += 1
        if len(extents) == 2 and name.startswith("encoder"):
            kept = random.random((extents[0] // 4, extents[1])) >= sparsity
            values *= np.repeat(kept, 4, axis=0)
        state[name] = values.astype(np.float32)
    return state


def random_sentences(lengths=(5, 1, 33, 64), seed: int = 1):
    random = np.random.default_rng(seed)
    return [random.integers(0, 50, length).astype(np.int32) for length in lengths]


def random_weights(*, sparsity: float = 0.0) -> EncoderWeights:
    return calibrate(read_state(random_state(sparsity=sparsity), SHAPE), random_sentences())
