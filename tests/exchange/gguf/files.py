"""Small GGUF files, written by the library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

WORDS, FEATURES, HEADS, GROUPS, HIDDEN, LAYERS = 40, 64, 4, 2, 96, 2


def tensors(seed: int = 1) -> dict[str, tuple[np.ndarray[Any, np.dtype[np.float32]], str]]:
    """The tensors of a small decoder, and how each is stored."""
    random = np.random.default_rng(seed)
    half = FEATURES // HEADS * GROUPS

    def drawn(*shape: int, scale: float = 0.2) -> Any:
        return (random.normal(size=shape) * scale).astype(np.float32)

    made: dict[str, tuple[Any, str]] = {
        "token_embd.weight": (drawn(WORDS, FEATURES, scale=1.0), "Q8_0"),
        "output_norm.weight": (1 + drawn(FEATURES), "F32"),
    }
    for i in range(LAYERS):
        shapes = {
            "attn_q": (FEATURES, FEATURES), "attn_k": (half, FEATURES), "attn_v": (half, FEATURES),
            "attn_output": (FEATURES, FEATURES), "ffn_gate": (HIDDEN, FEATURES),
            "ffn_up": (HIDDEN, FEATURES), "ffn_down": (FEATURES, HIDDEN),
        }  # fmt: skip
        for name, shape in shapes.items():
            kind = "F16" if name == "attn_v" else "Q4_1"
            made[f"blk.{i}.{name}.weight"] = (drawn(*shape), kind)
        for name in ("attn_norm", "ffn_norm"):
            made[f"blk.{i}.{name}.weight"] = (1 + drawn(FEATURES), "F32")
    return made


def write(path: Path, *, leave_out: str = "", architecture: str = "llama") -> Path:
    """A file of the small decoder, with a tokenizer of single bytes and one merge."""
    gguf = pytest.importorskip("gguf")
    quants = pytest.importorskip("gguf.quants")
    writer = gguf.GGUFWriter(str(path), architecture)
    writer.add_block_count(LAYERS)
    writer.add_embedding_length(FEATURES)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(GROUPS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(1000.0)
    writer.add_rope_dimension_count(FEATURES // HEADS)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list([*"abcdefghijklmnopqrstuvwxyz0123456789", "Ġ", "th", "Ġth", "."])
    writer.add_token_merges(["t h", "Ġ th"])
    for name, (values, kind) in tensors().items():
        if name == leave_out:
            continue
        stored = gguf.GGMLQuantizationType[kind]
        data = quants.quantize(values, stored)
        writer.add_tensor(name, data, raw_shape=data.shape, raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
