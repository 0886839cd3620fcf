"""Decoders of the GPT family, for one token after many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType

from netwright.errors import ConfigError
from netwright.workload.builder import Builder
from netwright.workload.workload import Workload

BITS = 16
MOST_TOKENS = 1 << 20


@dataclass(frozen=True, slots=True)
class Shape:
    """Extents of a decoder whose feed-forward part is four times as wide as its features.

    Attributes:
        layers: Number of layers.
        features: Width between the layers.
        heads: Heads of queries, keys and values.
        tokens: Most tokens that the network was trained on.
        words: Size of the vocabulary.
    """

    layers: int
    features: int
    heads: int
    tokens: int
    words: int = 50257


DECODERS: Mapping[str, Shape] = MappingProxyType(
    {
        "gpt2_small": Shape(12, 768, 12, 1024),
        "gpt2_medium": Shape(24, 1024, 16, 1024),
        "gpt2_large": Shape(36, 1280, 20, 1024),
        "gpt2_xl": Shape(48, 1600, 25, 1024),
        "gpt3_small": Shape(12, 768, 12, 2048),
        "gpt3_medium": Shape(24, 1024, 16, 2048),
        "gpt3_large": Shape(24, 1536, 16, 2048),
        "gpt3_xl": Shape(24, 2048, 16, 2048),
    }
)
"""GPT-2 as its authors published it (github.com/openai/gpt-2, ``hparams.json``), and the four
smallest of GPT-3 (Brown et al. 2020, table 2.1). That table gives the largest of the four 24 heads
of 128, which are not its 2048 features: it has 16 here."""


def decoder(name: str, *, tokens: int | None = None) -> Workload:
    """One token of a decoder: all layers and the logits, attention over a cache included.

    The new keys and values are appended to the cache. The vectors of the word and of its place are
    inputs; the last product has weights of its own.

    Args:
        name: One of :data:`DECODERS`.
        tokens: Tokens of context, the new one included; as many as it was trained on if not given.

    Raises:
        ConfigError: There is no such decoder, or `tokens` is out of range.
    """
    if name not in DECODERS:
        raise ConfigError(f'"{name}" is no decoder', hint=f"decoders: {', '.join(DECODERS)}")
    shape = DECODERS[name]
    cached = shape.tokens if tokens is None else tokens
    if not 1 <= cached <= MOST_TOKENS:
        raise ConfigError(f"tokens must be from 1 to {MOST_TOKENS}, not {cached}")
    features = shape.features
    b = Builder(name, bits=BITS)
    x = b.add(b.input((1, 1, features)), b.input((1, 1, features)))
    for _ in range(shape.layers):
        y = b.layer_norm(x, trained=True)
        x = b.add(b.attention(y, shape.heads, cached=cached, bias=True, scaled=True), x)
        y = b.linear(b.layer_norm(x, trained=True), 4 * features, bias=True)
        x = b.add(b.linear(b.activate(y, "gelu"), features, bias=True), x)
    made = b.finish(b.linear(b.layer_norm(x, trained=True), shape.words))
    if cached <= shape.tokens:
        return made
    more = (
        f"{name} was trained on {shape.tokens} tokens of context at most, and takes {cached} here"
    )
    return replace(made, assumptions=(*made.assumptions, more))


BUILDERS = {name: partial(decoder, name) for name in DECODERS}
"""Each with as many tokens as it was trained on."""
