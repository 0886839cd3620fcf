"""Packed files: what was saved comes back, and nothing else is accepted."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.errors import DataError, NetwrightError, RunError
from netwright.kernels import BlockSparse, load_packed, pack, save_packed


def weights(seed: int = 0, rows: int = 16, columns: int = 9, block_rows: int = 4) -> BlockSparse:
    random = np.random.default_rng(seed)
    kept = np.repeat(random.random((rows // block_rows, columns)) < 0.4, block_rows, axis=0)
    dense = random.integers(-128, 128, (rows, columns), dtype=np.int8)
    return pack(dense * kept.astype(np.int8), block_rows=block_rows)


@settings(max_examples=30)
@given(seed=st.integers(0, 99), block_rows=st.sampled_from((4, 8)), stripes=st.integers(1, 5))
def test_saved_weights_come_back(
    seed: int, block_rows: int, stripes: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    saved = weights(seed, stripes * block_rows, 7, block_rows)
    path = save_packed(saved, tmp_path_factory.mktemp("packed") / "w.bin")
    loaded = load_packed(path)
    assert loaded.digest() == saved.digest()
    np.testing.assert_array_equal(loaded.unpack(), saved.unpack())
    groups = len(saved.values)
    assert path.stat().st_size == 72 + 4 * (stripes + 1) + groups * 4 * (2 + block_rows)


def test_every_truncated_or_altered_file_is_refused(tmp_path: Path) -> None:
    path = save_packed(weights(), tmp_path / "w.bin")
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(NetwrightError):
            load_packed(path)
    for position in range(len(data)):
        path.write_bytes(data[:position] + bytes([data[position] ^ 0x40]) + data[position + 1 :])
        with pytest.raises(NetwrightError):
            load_packed(path)


def test_file_says_what_is_wrong(tmp_path: Path) -> None:
    path = save_packed(weights(), tmp_path / "w.bin")
    data = path.read_bytes()
    value = len(data) - weights().values.size
    hint = "\nhint: write it again with netwright.kernels.save_packed"
    for damaged, message in (
        (
            data[:-1],
            f"must have {len(data)} bytes for the shape in its header, not {len(data) - 1}",
        ),
        (
            data[:value] + bytes([data[value] ^ 1]) + data[value + 1 :],
            "was altered: its digest does not fit",
        ),
        (b"PK" + data[2:], "not a file of packed weights, version 1"),
        (
            data[:16] + struct.pack("<Q", 65_536) + data[24:],
            "columns must be from 1 to 65535 for 16-bit indices, not 65536",
        ),
        (
            data[:8] + struct.pack("<Q", 2**62) + data[16:],
            f"must have {72 + 4 * (2**60 + 1) + 24 * (len(data) - 72 - 20) // 24} bytes for the "
            f"shape in its header, not {len(data)}",
        ),
    ):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=f"^{re.escape(f'{path}: {message}{hint}')}$"):
            load_packed(path)


def test_missing_file_and_folder_are_named(tmp_path: Path) -> None:
    missing = tmp_path / "none.bin"
    with pytest.raises(DataError, match=r"none\.bin: no such file"):
        load_packed(missing)
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        save_packed(weights(), tmp_path / "file" / "w.bin")
