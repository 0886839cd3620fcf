"""The tokenizer of a GGUF file."""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from typing import Any

from netwright.errors import DataError, require
from netwright.exchange.gguf.read import GgufFile
from netwright.reading import translated

_SPLITS_DIGITS = ("smollm",)
"""Values of ``tokenizer.ggml.pre`` whose tokenizers split before and behind every digit."""


def tokenizer_of(file: GgufFile) -> Any:
    """The tokenizer that a file describes: byte pairs of bytes, as GPT-2 has.

    Returns:
        A ``tokenizers.Tokenizer``; it adds no token at the beginning.

    Raises:
        DataError: The file describes another one.
        MissingExtra: The library of tokenizers is not installed.
    """
    kinds = file.values.get("tokenizer.ggml.model"), file.values.get("tokenizer.ggml.pre")
    if kinds[0] != "gpt2" or kinds[1] not in _SPLITS_DIGITS:
        raise DataError(
            f"its tokenizer is {reprlib.repr(kinds[0])} with {reprlib.repr(kinds[1])}; 'gpt2' with "
            "'smollm' is read",
            source=str(file.path),
        )
    library = require("tokenizers", extra="gguf", purpose="reading tokens of GGUF files")
    tokens = file.texts("tokenizer.ggml.tokens")
    merges = [tuple(text.split(" ", 1)) for text in file.texts("tokenizer.ggml.merges")]
    if any(len(pair) != 2 for pair in merges) or len(set(tokens)) != len(tokens):
        raise DataError("its tokens or merges are damaged", source=str(file.path))
    with translated(file.path, "a GGUF file with a tokenizer"):
        vocabulary = {token: place for place, token in enumerate(tokens)}
        made = library.Tokenizer(library.models.BPE(vocab=vocabulary, merges=merges))
        made.pre_tokenizer = library.pre_tokenizers.Sequence(
            [
                library.pre_tokenizers.Digits(individual_digits=True),
                library.pre_tokenizers.ByteLevel(add_prefix_space=False),
            ]
        )
        made.decoder = library.decoders.ByteLevel()
    return made


def encode_with(tokenizer: Any) -> Callable[[str], tuple[list[int], list[int]]]:
    """What makes token numbers of a text, and the place behind the last character of each."""

    def encode(text: str) -> tuple[list[int], list[int]]:
        made = tokenizer.encode(text)
        return list(made.ids), [end for _, end in made.offsets]

    return encode
