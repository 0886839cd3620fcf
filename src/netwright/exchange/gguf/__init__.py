"""GGUF, the files of decoders, through the ``gguf`` package behind a check of our own."""

from netwright.exchange.gguf.layout import BLOCKS, Entry, checked_layout
from netwright.exchange.gguf.package import SMOLLM2_SHA256, VARIABLE, smollm2_file
from netwright.exchange.gguf.read import GgufFile, read_gguf
from netwright.exchange.gguf.tokens import encode_with, tokenizer_of

__all__ = [
    "BLOCKS",
    "SMOLLM2_SHA256",
    "VARIABLE",
    "Entry",
    "GgufFile",
    "checked_layout",
    "encode_with",
    "read_gguf",
    "smollm2_file",
    "tokenizer_of",
]
