"""Small encoders and sentences whose class can be learned."""

from __future__ import annotations

import numpy as np
import torch

from netwright.backends.cpu.encoders import EncoderShape
from netwright.models.text import TextEncoder

SHAPE = EncoderShape(hidden=16, layers=2, heads=2, intermediate=32, vocabulary=20, positions=12)


def encoder(seed: int = 0) -> TextEncoder:
    torch.set_num_threads(1)  # small products: threads would only wait for each other
    torch.manual_seed(seed)
    return TextEncoder(SHAPE)


def sentences(count: int = 64, seed: int = 0):
    """The class says whether word 1 or word 2 is somewhere in the sentence."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, count)
    found = []
    for label in labels:
        words = random.integers(3, 20, random.integers(2, 10)).astype(np.int32)
        words[random.integers(len(words))] = 1 + label
        found.append(words)
    return found, labels
