"""Columns of a user's file, and files that are not what they seem."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.errors import DataError
from netwright.tasks import columns
from netwright.tasks.columns import read_columns


def csv_file(folder: Path, text: str | bytes) -> Path:
    path = folder / "mine.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def message(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_columns(path)
    return str(caught.value).replace(str(path), path.name)


def test_cells_are_whole_numbers_numbers_or_text(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "count,energy,kind\n1,2.5,a\n\n-3,1e3,b\n+4,nan,\n")
    found = read_columns(path)
    assert found.arrays["count"].dtype == np.int64
    assert found.arrays["count"].tolist() == [1, -3, 4]
    assert found.arrays["energy"][:2].tolist() == [2.5, 1000.0]
    assert np.isnan(found.arrays["energy"][2])
    assert found.arrays["kind"].tolist() == ["a", "b", ""]
    assert [found.where(row) for row in range(3)] == ["line 2", "line 4", "line 5"]


@pytest.mark.parametrize("block", [1, 1 << 16])
def test_text_below_numbers_makes_all_of_the_column_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(columns, "_BLOCK", block)
    found = read_columns(csv_file(tmp_path, "a,b\n01,1\n2.50,2\nx,3\n"))
    assert found.arrays["a"].tolist() == ["01", "2.50", "x"]
    assert found.arrays["b"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiters_quotes_and_marks_of_order(tmp_path: Path, delimiter: str) -> None:
    text = f'\ufeff"a{delimiter}1"{delimiter}b\r\n1{delimiter}"two\nlines"\r\n'
    found = read_columns(csv_file(tmp_path, text))
    assert list(found.arrays) == [f"a{delimiter}1", "b"]
    assert found.arrays["b"].tolist() == ["two\nlines"]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(allow_nan=False, width=64), min_size=1, max_size=9))
def test_numbers_are_read_exactly(tmp_path_factory: Any, values: list[float]) -> None:
    path = csv_file(tmp_path_factory.mktemp("csv"), "x\n" + "\n".join(map(repr, values)))
    assert read_columns(path).arrays["x"].tolist() == values


def test_numbers_as_python_alone_writes_them_are_text(tmp_path: Path) -> None:
    found = read_columns(csv_file(tmp_path, "a,b,c\n1_0,١,0x1\n"))
    assert [column.tolist() for column in found.arrays.values()] == [["1_0"], ["١"], ["0x1"]]


def test_whole_numbers_that_no_float_holds_are_no_whole_numbers(tmp_path: Path) -> None:
    found = read_columns(csv_file(tmp_path, "a\n9007199254740993\n"))
    assert found.arrays["a"].dtype == np.float64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "mine.csv: must begin with a line that names the columns, and its first line is "
         "empty"),
        ("a,b\n", "mine.csv: holds no rows\nhint: the first line names the columns"),
        ("1,2\n3,4\n", "mine.csv: must begin with a line that names the columns, not with numbers"),
        ("a,b,a\n1,2,3\n", 'mine.csv: the name "a" stands for two columns\n'
         "hint: columns are counted from 0"),
        ("a,,c\n1,2,3\n", "mine.csv: column 1 has no name\nhint: columns are counted from 0"),
        ("a,b\n1,2\n3\n", "mine.csv: line 3 must have 2 cells like the first, not 1\n"
         "hint: the file may be truncated"),
        ("a,b\n1,2,3\n", "mine.csv: line 2 must have 2 cells like the first, not 3"),
        ('a,b\n1,"2\n', "mine.csv: not a text table (unexpected end of data)"),
        (b"a,b\n1,\xff\n", "mine.csv: is not UTF-8 text (byte 6)"),
        (b"PK\x03\x04\x00\x01\x80", "mine.csv: is not UTF-8 text (byte 6)"),
        ("a\n" + "x" * 200_000, "mine.csv: not a text table (field larger than field limit "
         "(131072))"),
    ],
)  # fmt: skip
def test_text_that_is_no_table_is_refused(tmp_path: Path, text: Any, expected: str) -> None:
    assert message(csv_file(tmp_path, text)) == expected


def test_sizes_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = csv_file(tmp_path, "a,b,c\n1,2,3\n")
    monkeypatch.setattr(columns, "MAX_COLUMNS", 2)
    assert message(path) == "mine.csv: has 3 columns; at most 2 are read"
    monkeypatch.setattr(columns, "MAX_TEXT_BYTES", 8)
    assert message(path) == "mine.csv: has 12 bytes; at most 8 are read"
    path = tmp_path / "mine.npz"
    np.savez_compressed(path, x=np.zeros(100_000))
    monkeypatch.setattr(columns, "MAX_BYTES", 10_000)
    assert message(path) == "mine.npz: holds 800128 bytes unpacked; at most 10000 are read"


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.pkl"
    assert message(path) == (
        'mine.pkl: has the suffix ".pkl", which is not known\n'
        "hint: accepted: .csv, .npz, .parquet; for arrays in memory use from_arrays"
    )
    assert message(tmp_path / "mine.npz") == "mine.npz: no such file"
    np.savez(tmp_path / "mine.npz", x=np.array([{"a": 1}], dtype=object))
    assert '"x" must hold numbers or text, not object' in message(tmp_path / "mine.npz")
    np.savez(tmp_path / "none.npz")
    assert message(tmp_path / "none.npz") == "none.npz: holds nothing"


def test_a_column_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    found = read_columns(csv_file(tmp_path, "a,b\x1b\n1,2\n"))
    with pytest.raises(DataError) as caught:
        _ = found["c\n"]
    assert str(caught.value).endswith('has no column "c\\n"\nhint: it has a, b\\x1b')
