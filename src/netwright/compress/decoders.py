"""A decoder in four bits: weights, what its products read, and the keys and values it keeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from netwright.compress.modules import formatted_layers, quantize_module
from netwright.compress.plan import LayerPlan, Plan
from netwright.errors import ConfigError
from netwright.models import NextTokenBits
from netwright.tasks import Task
from netwright.train.formatted import FormatQuantizer

KEPT = ("key", "value")
"""Layers of a decoder whose results are kept for later tokens."""

VARIANTS = ("W4A16", "W4A16 KV4", "W4A4", "W4A4 KV4")
"""Weights and what products read in so many bits; with KV4, keys before their rotation and values
as well. A16 is float32 here, which holds every value of half precision."""

RESAMPLED = 2000
PERCENT = 95.0


@dataclass(frozen=True, slots=True)
class Bits:
    """Bits per character of a text, and its difference to another network on the same rows.

    Attributes:
        value: Bits per character.
        low: Lower end of the 95 % interval over rows.
        high: Upper end.
        more: Bits per character more than the other network; 0 without one.
        more_low: Lower end of the paired interval of that.
        more_high: Upper end.
    """

    value: float
    low: float
    high: float
    more: float = 0.0
    more_low: float = 0.0
    more_high: float = 0.0


def decoder_plan(model: NextTokenBits, quantizer: str, *, bits: int = 4) -> Plan:
    """A plan that names one quantizer for all layers but the words' vectors.

    Args:
        model: A decoder.
        quantizer: A name that :func:`netwright.compress.quantize.quantizer` knows.
        bits: Width of weights, of what layers read, and of keys and values.
    """
    names = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    layers = []
    for name in names:
        kept = name.rpartition(".")[2] in KEPT
        layers.append(
            LayerPlan(
                name,
                bits,
                bits,
                weights=quantizer,
                inputs=quantizer,
                outputs=quantizer if kept else None,
                output_bits=bits if kept else None,
            )
        )
    return Plan(tuple(layers), scale="float", granularity="channel", origin=quantizer)


def decoder_variants(
    model: NextTokenBits, task: Task, quantizer: str, *, rows: int = 4
) -> Iterator[tuple[str, nn.Module]]:
    """A decoder in four bits, in the order of :data:`VARIANTS`; nothing is trained.

    The weights are quantized once. The module that is given is the same each time, with other
    quantizers switched on: use it before the next one is asked for.

    Args:
        model: A decoder; it is not changed.
        task: Its first training rows say what layers read and keep.
        quantizer: A name that :func:`netwright.compress.quantize.quantizer` knows.
        rows: So many of them.
    """
    quantized = quantize_module(model, decoder_plan(model, quantizer), task, rows=rows)
    layers = formatted_layers(quantized).values()
    found: list[tuple[FormatQuantizer | None, FormatQuantizer | None]] = []
    with torch.no_grad():
        for layer in layers:
            layer.layer.get_parameter("weight").copy_(layer.weight)
            layer.weights = None
            found.append((layer.inputs, layer.outputs))
    for variant in VARIANTS:
        for layer, (inputs, outputs) in zip(layers, found, strict=True):
            layer.inputs = inputs if "A4" in variant else None
            layer.outputs = outputs if "KV4" in variant else None
        yield variant, quantized


def bits_with_interval(
    bits: NDArray[np.floating],
    characters: NDArray[np.floating],
    *,
    beside: NDArray[np.floating] | None = None,
    seed: int = 0,
) -> Bits:
    """Bits per character of rows, with 95 % intervals from rows drawn again (percentiles).

    Args:
        bits: Of each token, (rows, tokens).
        characters: That each token stands for, of the same shape.
        beside: Bits of another network for the same tokens.
        seed: Of the draws.

    Raises:
        ConfigError: The shapes differ, or there are fewer than two rows.
    """
    shapes = {bits.shape, characters.shape, bits.shape if beside is None else beside.shape}
    if len(shapes) > 1 or bits.ndim != 2 or len(bits) < 2:
        raise ConfigError(f"bits and characters must be of the same two rows or more, not {shapes}")
    length = characters.sum(axis=1, dtype=np.float64)
    own = bits.sum(axis=1, dtype=np.float64)
    other = np.zeros_like(own) if beside is None else beside.sum(axis=1, dtype=np.float64)
    draws = np.random.default_rng(seed).integers(0, len(own), (RESAMPLED, len(own)))
    total = length[draws].sum(axis=1)
    ends = (50 - PERCENT / 2, 50 + PERCENT / 2)
    low, high = np.percentile(own[draws].sum(axis=1) / total, ends)
    value = float(own.sum() / length.sum())
    if beside is None:
        return Bits(value, float(low), float(high))
    more = own - other
    more_low, more_high = np.percentile(more[draws].sum(axis=1) / total, ends)
    return Bits(
        value, float(low), float(high), float(more.sum() / length.sum()), float(more_low),
        float(more_high),
    )  # fmt: skip
