"""Tokens of GGUF files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from netwright.errors import DataError
from netwright.exchange.gguf import encode_with, read_gguf, tokenizer_of
from tests.exchange.gguf.files import write

pytest.importorskip("tokenizers")


def test_a_text_becomes_tokens_and_the_text_again(tmp_path: Path) -> None:
    file = read_gguf(write(tmp_path / "small.gguf"))
    tokenizer = tokenizer_of(file)
    words = file.texts("tokenizer.ggml.tokens")
    ids, ends = encode_with(tokenizer)("the path 42.")
    assert [words[i] for i in ids] == ["th", "e", "Ġ", "p", "a", "th", "Ġ", "4", "2", "."]
    assert ends == [2, 3, 4, 5, 6, 8, 9, 10, 11, 12]
    assert tokenizer.decode(ids) == "the path 42."


def test_other_tokenizers_are_refused(tmp_path: Path) -> None:
    file = read_gguf(write(tmp_path / "small.gguf"))
    other = replace(file, values={**file.values, "tokenizer.ggml.pre": "llama-bpe"})
    with pytest.raises(DataError, match="its tokenizer is 'gpt2' with 'llama-bpe'"):
        tokenizer_of(other)
    listed = replace(file, values={**file.values, "tokenizer.ggml.pre": ["smollm"] * 9999})
    with pytest.raises(DataError, match="its tokenizer is 'gpt2' with \\['smollm', ") as caught:
        tokenizer_of(listed)
    assert len(str(caught.value)) < 300
    damaged = replace(file, values={**file.values, "tokenizer.ggml.merges": ["th"]})
    with pytest.raises(DataError, match="its tokens or merges are damaged"):
        tokenizer_of(damaged)
