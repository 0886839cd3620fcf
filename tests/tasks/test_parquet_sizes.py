"""Sizes of Parquet files: those of real files, and what is refused before pyarrow sees it."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.tasks.parquet_sizes import MAGIC, VALUE_BYTES, unpacked_bytes

arrow = pytest.importorskip("pyarrow", reason="needs pyarrow (extra data)")
parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow (extra data)")


def varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def encoded(record: dict[int, Any]) -> bytes:
    """A record of whole numbers, records and lists of records, in the compact protocol."""
    found = b""
    for name, value in record.items():
        kind = {int: 6, list: 9, dict: 12}[type(value)]
        found += bytes([kind]) + varint(2 * name)
        if kind == 6:
            found += varint(2 * value if value >= 0 else -2 * value - 1)
        elif kind == 12:
            found += encoded(value)
        else:
            found += bytes([0xFC]) + varint(len(value)) + b"".join(map(encoded, value))
    return found + b"\0"


def file_of(footer: bytes, pages: bytes = b"") -> bytes:
    return MAGIC + pages + footer + len(footer).to_bytes(4, "little") + MAGIC


def one_column(chunk: dict[int, Any], pages: bytes = b"") -> bytes:
    return file_of(encoded({4: [{1: [{3: chunk}]}]}), pages)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "zstd", "data_page_version": "2.0"},
        {"use_dictionary": False, "row_group_size": 100},
        {"compression": "none", "data_page_size": 256, "write_page_index": True},
    ],
)
def test_sizes_are_those_that_pyarrow_finds(options: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    columns = {
        "x": rng.normal(size=500),
        "k": ["a", "b", "c", "d", "e"] * 100,
        "w": rng.integers(0, 9, (500, 7)).tolist(),
        "z": np.zeros(500, np.int32),
    }
    stream = io.BytesIO()
    parquet.write_table(arrow.table(columns), stream, **options)
    about = parquet.ParquetFile(stream).metadata
    values = pages = 0
    for group in range(about.num_row_groups):
        for column in range(about.num_columns):
            chunk = about.row_group(group).column(column)
            values += chunk.num_values
            pages += chunk.total_uncompressed_size
    found = unpacked_bytes(stream.getvalue())
    assert VALUE_BYTES * values < found
    assert found <= VALUE_BYTES * values * 1.1 + pages


def test_pages_that_hold_more_than_their_column_says_count() -> None:
    """The column says 3 values, its page two billions in a few bytes."""
    page = encoded({1: 0, 2: 1 << 30, 3: 0, 5: {1: 1 << 31}})
    data = one_column({5: 3, 7: len(page), 9: 4}, page)
    assert unpacked_bytes(data) == (1 << 30) + VALUE_BYTES * (1 << 31)
    dictionary = encoded({1: 2, 2: 5, 3: 0, 7: {1: 1 << 28}})
    data = one_column({5: 3, 7: len(dictionary + page), 9: 4 + len(dictionary), 11: 4},
                      dictionary + page)  # fmt: skip
    assert unpacked_bytes(data) > VALUE_BYTES * ((1 << 31) + (1 << 28))


def test_a_column_that_says_more_than_its_pages_counts() -> None:
    assert unpacked_bytes(one_column({5: 1 << 40, 7: 0, 9: 4})) == VALUE_BYTES << 40


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it does not end as a Parquet file"),
        (b"PAR1" * 2 + b"PARE", "it does not end as a Parquet file"),
        (MAGIC + b"\xff\xff\xff\xff" + MAGIC, "its footer is longer than the file"),
        (file_of(b"\x15"), "it is shorter than it says"),
        (file_of(b"\x1c" * 40), "it is nested too deeply"),
        (file_of(b"\x15" + b"\xff" * 11), "a number is too long"),
        (file_of(b"\x1e\0"), "it has a value of an unknown type"),
        (file_of(b"\x19\xf5\xff\xff\x03"), "it is shorter than it says"),
        (one_column({5: -1, 9: 4}), "a size is no number"),
        (file_of(encoded({4: [{1: [{2: 1}]}]})), "a column has no description"),
        (one_column({5: 9, 7: 9, 9: 4}, b"\x15" * 9), "it is shorter than it says"),
    ],
)
def test_what_is_damaged_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        unpacked_bytes(data)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_sized(footer: bytes) -> None:
    try:
        assert unpacked_bytes(file_of(footer)) >= 0
    except ValueError as error:
        assert str(error)  # noqa: PT017
