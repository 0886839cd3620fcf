"""Columns of Parquet files."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netwright.errors import DataError
from netwright.tasks.parquet import read_parquet

arrow = pytest.importorskip("pyarrow", reason="needs pyarrow (extra data)")
parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow (extra data)")


def write(folder: Path, columns: dict[str, Any], **options: Any) -> Path:
    path = folder / "mine.parquet"
    parquet.write_table(arrow.table(columns), path, **options)
    return path


def message(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_parquet(path, most=1 << 20)
    return str(caught.value).replace(str(path), path.name)


def test_numbers_text_and_lists_of_one_length(tmp_path: Path) -> None:
    fixed = arrow.FixedSizeListArray.from_arrays(arrow.array(range(12), arrow.float32()), 4)
    path = write(
        tmp_path,
        {
            "energy": [1.5, 2.5, 3.5], "hit": [True, False, True], "kind": ["p", "q", "p"],
            "wave": [[1, 2], [3, 4], [5, 6]], "fixed": fixed,
            "image": [[[1, 2, 3]], [[4, 5, 6]], [[7, 8, 9]]],
        },
        row_group_size=2,
    )  # fmt: skip
    found, faults = read_parquet(path, most=1 << 20)
    assert not faults
    assert found["energy"].tolist() == [1.5, 2.5, 3.5]
    assert found["hit"].tolist() == [True, False, True]
    assert found["kind"].tolist() == ["p", "q", "p"]
    assert found["wave"].tolist() == [[1, 2], [3, 4], [5, 6]]
    assert found["fixed"].tolist() == np.arange(12.0).reshape(3, 4).tolist()
    assert found["image"].shape == (3, 1, 3)


def test_a_file_without_rows(tmp_path: Path) -> None:
    path = write(tmp_path, {"x": arrow.array([], arrow.float64()), "s": arrow.array([], "str")})
    found, _ = read_parquet(path, most=1 << 20)
    assert {name: values.shape for name, values in found.items()} == {"x": (0,), "s": (0,)}


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"x": [1.0, None]}, 'mine.parquet: column "x" holds nothing at place 1\n'
         "hint: 1 such places in all; fill them or remove these rows"),
        ({"s": ["a", None]}, 'mine.parquet: column "s" holds nothing at place 1\n'
         "hint: 1 such places in all; fill them or remove these rows"),
        ({"w": [[1, 2], None]}, 'mine.parquet: column "w" holds nothing at place 1\n'
         "hint: 1 such places in all; fill them or remove these rows"),
        ({"w": [[1, 2], [3]]}, 'mine.parquet: column "w" must hold lists of one length: that of '
         "row 1 has 1 values, that of row 0 2"),
        ({"t": [{"a": 1}]}, 'mine.parquet: column "t" must hold numbers, text or lists of numbers, '
         "not struct<a: int64>"),
        ({"b": [b"raw"]}, 'mine.parquet: column "b" must hold numbers, text or lists of numbers, '
         "not binary"),
    ],
)  # fmt: skip
def test_columns_that_are_no_arrays_spoil_no_other(
    tmp_path: Path, columns: dict[str, Any], expected: str
) -> None:
    path = write(tmp_path, {**columns, "good": np.arange(len(next(iter(columns.values()))))})
    found, faults = read_parquet(path, most=1 << 20)
    assert list(found) == ["good"]
    assert str(*faults.values()).replace(str(path), path.name) == expected


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    """A few hundred bytes that say "the same a million times"."""
    path = write(tmp_path, {"x": np.zeros(1_000_000)}, compression="zstd")
    assert path.stat().st_size < 20_000
    assert message(path) == (
        "mine.parquet: declares 8000666 bytes unpacked; at most 1048576 are read"
    )


def test_long_words_are_kept_once(tmp_path: Path) -> None:
    """Words of a kilobyte in many rows would be 20 MB."""
    words = ["x" * 1000, "y" * 1000] * 10_000
    path = write(tmp_path, {"s": arrow.array(words).dictionary_encode()})
    found = read_parquet(path, most=1 << 20)[0]["s"]
    assert len({id(word) for word in found}) == 2


@pytest.mark.parametrize("keep", [0, 3, 100, -1])
def test_a_truncated_file_is_refused(tmp_path: Path, keep: int) -> None:
    path = write(tmp_path, {"x": np.arange(100.0)})
    path.write_bytes(path.read_bytes()[:keep])
    assert message(path).startswith("mine.parquet: not a Parquet file (")


def test_changed_bytes_never_break_out(tmp_path: Path) -> None:
    path = write(tmp_path, {"x": np.arange(50.0), "s": ["a", "b"] * 25})
    whole, random = path.read_bytes(), np.random.default_rng(0)
    for _ in range(150):
        data = bytearray(whole)
        for place in random.integers(0, len(data), 3):
            data[place] = random.integers(256)
        path.write_bytes(bytes(data))
        with suppress(DataError):
            read_parquet(path, most=1 << 20)
