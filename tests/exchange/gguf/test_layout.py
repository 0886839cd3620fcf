"""Files of strangers: nothing is believed before it was compared with the file."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from netwright.errors import DataError
from netwright.exchange.gguf import checked_layout, read_gguf
from tests.exchange.gguf.files import write


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write(tmp_path_factory.mktemp("gguf") / "small.gguf").read_bytes()


def head_of(data: bytes, tensor: str) -> int:
    """Where the extents of a tensor begin: behind its name and the number of axes."""
    name = struct.pack("<Q", len(tensor)) + tensor.encode()
    return data.index(name) + len(name) + 4


def changed(place: Callable[[bytes], int], code: str, value: int) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        made = bytearray(data)
        struct.pack_into("<" + code, made, place(data), value)
        return bytes(made)

    return change


def embedding(skip: int) -> Callable[[bytes], int]:
    return lambda data: head_of(data, "token_embd.weight") + skip


CASES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "magic": (lambda data: b"GGML" + data[4:], "it does not begin with GGUF"),
    "empty": (lambda data: b"", "it ends in its first word, at byte 0"),
    "version": (changed(lambda d: 4, "I", 9), "its version must be one of (2, 3), not 9"),
    "many tensors": (
        changed(lambda d: 8, "Q", 1 << 60),
        f"the number of tensors is {1 << 60}; at most 100000 is read",
    ),
    "many values": (
        changed(lambda d: 16, "Q", 1 << 40),
        f"the number of values is {1 << 40}; at most 10000 is read",
    ),
    "long name": (
        changed(lambda d: 24, "Q", 1 << 62),
        f"the length of the name of a value is {1 << 62}; at most 1024 is read",
    ),
    "value of unknown type": (
        changed(lambda d: 24 + 8 + len("general.architecture"), "I", 77),
        '"general.architecture" has the unknown type 77',
    ),
    "axes": (changed(embedding(-4), "I", 9), 'axes of "token_embd.weight" is 9; at most 4 is read'),
    "unknown tensor type": (
        changed(embedding(16), "I", 99), 'tensor "token_embd.weight" has the unknown type 99'
    ),
    "offset beyond": (
        changed(embedding(20), "Q", 1 << 40),
        'tensor "token_embd.weight" takes 2720 bytes from byte',
    ),
    "offset not aligned": (
        changed(embedding(20), "Q", 5),
        'the offset 5 of tensor "token_embd.weight" must be a multiple of 32',
    ),
    "overflowing extents": (
        changed(embedding(8), "Q", (1 << 40) - 1),
        'tensor "token_embd.weight" has 70368744177600 elements; that is too many',
    ),
    "overlap": (
        changed(lambda d: head_of(d, "output_norm.weight") + 12, "Q", 0),
        "overlap",
    ),
    "part of a block": (
        changed(embedding(0), "Q", 63),
        'tensor "token_embd.weight" of shape (40, 63) does not consist of blocks of 32 elements',
    ),
    "nothing": (
        changed(embedding(8), "Q", 0),
        'tensor "token_embd.weight" of shape (0, 64) holds nothing',
    ),
    "truncated tensors": (lambda data: data[:-64], "and the file ends at byte"),
    "truncated header": (lambda data: data[:200], "it ends in"),
    "two tensors of a name": (
        lambda data: data.replace(b"blk.0.attn_norm.weight", b"blk.1.attn_norm.weight"),
        'it has two tensors "blk.1.attn_norm.weight"',
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_files_that_are_not_what_they_say_are_refused(
    name: str, whole: bytes, tmp_path: Path
) -> None:
    change, message = CASES[name]
    path = tmp_path / "hostile.gguf"
    path.write_bytes(change(whole))
    with pytest.raises(DataError, match=re.escape(message)):
        read_gguf(path)


def test_every_truncation_is_an_error_of_ours(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "short.gguf"
    entries = checked_layout(path, memoryview(whole))
    end = max(entry.start + entry.num_bytes for entry in entries)
    for length in {*range(0, len(whole) - 4096, 97), end - 1}:
        with pytest.raises(DataError):
            checked_layout(path, memoryview(whole[:length]))


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_gguf(tmp_path / "none.gguf")
