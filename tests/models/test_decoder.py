"""The decoder against NumPy in float64, written from the published formulas."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from netwright.errors import ConfigError, DataError
from netwright.exchange.gguf import GgufFile, read_gguf, smollm2_file, tokenizer_of
from netwright.models import DecoderShape, NextTokenBits, decoder_from, smollm2
from netwright.models.decoder import Cache
from tests.exchange.gguf.files import WORDS, write

Reals = NDArray[np.float64]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> GgufFile:
    return read_gguf(write(tmp_path_factory.mktemp("gguf") / "small.gguf"))


def normed(values: Reals, weight: Reals) -> Reals:
    return values / np.sqrt((values**2).mean(-1, keepdims=True) + 1e-5) * weight


def turned(vector: Reals, place: int, base: float) -> Reals:
    """Pairs of neighbors as complex numbers, turned by an angle for each position."""
    angles = place * base ** (-np.arange(0, len(vector), 2) / len(vector))
    made = (vector[0::2] + 1j * vector[1::2]) * np.exp(1j * angles)
    return np.stack([made.real, made.imag], -1).ravel()


def logits_by_hand(file: GgufFile, tokens: list[int]) -> Reals:
    """Token by token, head by head."""

    def extent(name: str) -> int:
        return int(file.number(f"llama.{name}", least=1, most=1e9))

    heads, groups = extent("attention.head_count"), extent("attention.head_count_kv")
    features, base = extent("embedding_length"), float(extent("rope.freq_base"))
    width = features // heads

    def weight(name: str) -> Reals:
        return file.tensor(f"{name}.weight").astype(np.float64)

    values = weight("token_embd")[tokens]
    for i in range(extent("block_count")):

        def part(name: str, i: int = i) -> Reals:
            return weight(f"blk.{i}.{name}")

        inner = normed(values, part("attn_norm"))
        q, k, v = (inner @ part(name).T for name in ("attn_q", "attn_k", "attn_v"))
        made = np.zeros((len(tokens), features))
        for head in range(heads):
            group = head // (heads // groups)
            own, shared = (slice(n * width, (n + 1) * width) for n in (head, group))
            for t in range(len(tokens)):
                query = turned(q[t, own], t, base)
                scores = np.array([query @ turned(k[s, shared], s, base) for s in range(t + 1)])
                shares = np.exp(scores / np.sqrt(width))
                made[t, own] = shares / shares.sum() @ v[: t + 1, shared]
        values = values + made @ part("attn_output").T
        inner = normed(values, part("ffn_norm"))
        gate = inner @ part("ffn_gate").T
        fed = gate / (1 + np.exp(-gate)) * (inner @ part("ffn_up").T)
        values = values + fed @ part("ffn_down").T
    return normed(values, weight("output_norm")) @ weight("token_embd").T


TOKENS = np.random.default_rng(4).integers(0, WORDS, 13).tolist()


def test_logits_are_those_of_an_independent_computation(file: GgufFile) -> None:
    decoder = decoder_from(file)
    with torch.no_grad():
        found = decoder(torch.tensor([TOKENS, TOKENS[::-1]])).double().numpy()
    for row, tokens in zip(found, (TOKENS, TOKENS[::-1]), strict=True):
        expected = logits_by_hand(file, tokens)
        assert np.abs(row - expected).max() < 1e-4 * np.abs(expected).max()


@pytest.mark.slow
def test_logits_of_smollm2_are_those_of_an_independent_computation() -> None:
    try:
        path = smollm2_file()
    except DataError as error:
        pytest.skip(error.message)
    file = read_gguf(path)
    tokens = tokenizer_of(file).encode("It is a truth universally acknowledged").ids
    with torch.no_grad():
        found = smollm2(path).decoder(torch.tensor([tokens]))[0].double().numpy()
    expected = logits_by_hand(file, tokens)
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()


def test_the_cache_changes_nothing(file: GgufFile) -> None:
    decoder, cache = decoder_from(file), Cache()
    tokens = torch.tensor([TOKENS])
    with torch.no_grad():
        whole = decoder(tokens)
        parts = [decoder(part, cache=cache) for part in tokens.split([5, 1, 1, 6], dim=1)]
    assert cache.tokens() == len(TOKENS)
    assert torch.allclose(torch.cat(parts, 1), whole, atol=1e-4)


def test_bits_are_those_of_the_logits(file: GgufFile) -> None:
    rows = torch.tensor([TOKENS] * 3)
    found = NextTokenBits(decoder_from(file))(rows).detach().numpy()
    logits = logits_by_hand(file, TOKENS)[:-1]
    shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    expected = -np.log2(shares[np.arange(len(TOKENS) - 1), TOKENS[1:]])
    assert found.shape == (3, len(TOKENS) - 1)
    assert np.allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"general.architecture": "bert"}, "its architecture must be llama, not 'bert'"),
        ({"llama.block_count": 3}, 'tensor "blk.2.attn_norm.weight" is missing'),
        ({"llama.block_count": 1}, "9 tensors have no place in a decoder of this kind"),
        ({"llama.block_count": 10**6}, '"llama.block_count" must be from 1 to 256, not 1e+06'),
        ({"llama.block_count": 1.5}, '"llama.block_count" must be a whole number'),
        ({"llama.attention.head_count_kv": 3}, "a decoder needs positive extents, heads in whole"),
        ({"llama.rope.dimension_count": 8}, "its positions turn a part of each head only"),
        (
            {"llama.feed_forward_length": 64},
            'tensor "blk.0.ffn_gate.weight" has shape (96, 64); it must have shape (64, 64)',
        ),
    ],
)
def test_files_of_other_decoders_are_refused(
    file: GgufFile, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        decoder_from(replace(file, values={**file.values, **changed}))


def test_a_file_without_words_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "small.gguf", leave_out="token_embd.weight")
    with pytest.raises(DataError, match="a decoder needs positive extents"):
        decoder_from(read_gguf(path))


def test_shapes_that_are_none_are_refused() -> None:
    with pytest.raises(ConfigError, match="heads in whole groups"):
        DecoderShape(10, 8, 1, 3, 2, 8, 4)
