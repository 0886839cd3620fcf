"""Values and tensors of GGUF files, against the formulas of their blocks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from netwright.errors import DataError
from netwright.exchange.gguf import BLOCKS, GgufFile, read_gguf
from tests.exchange.gguf.files import FEATURES, LAYERS, tensors, write


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> GgufFile:
    return read_gguf(write(tmp_path_factory.mktemp("gguf") / "small.gguf"))


def by_hand(raw: bytes, kind: str) -> NDArray[np.float32]:
    """Dequantization by the published layouts of blocks."""
    if kind in ("F32", "F16"):
        return np.frombuffer(raw, np.float32 if kind == "F32" else np.float16).astype(np.float32)
    made: list[Any] = []
    size = {name: number for name, _, number in BLOCKS.values()}[kind]
    for place in range(0, len(raw), size):
        block = raw[place : place + size]
        scale = np.frombuffer(block[:2], np.float16)[0].astype(np.float32)
        if kind == "Q8_0":
            made += (np.frombuffer(block[2:], np.int8).astype(np.float32) * scale).tolist()
            continue
        least = np.frombuffer(block[2:4], np.float16)[0].astype(np.float32)
        codes = np.frombuffer(block[4:], np.uint8)
        halves = np.concatenate([codes & 15, codes >> 4]).astype(np.float32)
        made += (halves * scale + least).tolist()
    return np.array(made, np.float32)


def test_every_tensor_is_that_of_the_formulas(file: GgufFile) -> None:
    data = file.path.read_bytes()
    kinds = set()
    for name, (values, kind) in tensors().items():
        entry = file.entries[name]
        assert (entry.kind, entry.shape) == (kind, values.shape)
        found = file.tensor(name)
        raw = data[entry.start : entry.start + entry.num_bytes]
        assert np.array_equal(found, by_hand(raw, kind).reshape(values.shape))
        steps = {"F32": 0, "F16": 1e-3, "Q8_0": 0.02, "Q4_1": 0.06}[kind]
        assert np.abs(found - values).max() <= steps
        kinds.add(kind)
    assert kinds == {name for name, _, _ in BLOCKS.values()}


def test_values_are_checked_when_they_are_used(file: GgufFile) -> None:
    assert file.number("llama.block_count", least=1, most=9) == LAYERS
    for name, message in (
        ("llama.embedding_length", f'"llama.embedding_length" must be from 1 to 9, not {FEATURES}'),
        ("llama.none", '"llama.none" must be a number, not None'),
        ("tokenizer.ggml.merges", '"tokenizer.ggml.merges" must be a number, not ['),
        ("general.architecture", "\"general.architecture\" must be a number, not 'llama'"),
    ):
        with pytest.raises(DataError, match=re.escape(message)):
            file.number(name, least=1, most=9)
    with pytest.raises(DataError, match=r'"llama.block_count" must be a list of texts'):
        file.texts("llama.block_count")
    with pytest.raises(DataError, match='it has no tensor "x"'):
        file.tensor("x")


def test_values_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "nan.gguf")
    start = read_gguf(path).entries["output_norm.weight"].start
    data = bytearray(path.read_bytes())
    data[start : start + 4] = np.float32(np.nan).tobytes()
    path.write_bytes(bytes(data))
    with pytest.raises(DataError, match=r'tensor "output_norm.weight" holds NaN or infinity'):
        read_gguf(path).tensor("output_norm.weight")
