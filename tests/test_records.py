"""Finished pieces of long work on the disk."""

from pathlib import Path

import pytest

from netwright.errors import RunError
from netwright.records import append_record, read_lines, read_records


def test_pieces_come_back_and_the_last_of_a_key_counts(tmp_path: Path) -> None:
    log = tmp_path / "deep" / "log.jsonl"
    assert read_records(log) == {} == read_records(None)
    append_record(log, "a", {"n": 1})
    append_record(log, "b", {"n": 2, "text": "ü"})
    append_record(log, "a", {"n": 3})
    append_record(None, "a", {"n": 4})
    assert read_records(log) == {"a": {"n": 3}, "b": {"n": 2, "text": "ü"}}


def test_a_line_that_was_cut_off_is_left_out_and_the_next_is_whole(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    append_record(log, "a", {"n": 1})
    with log.open("a") as stream:
        stream.write('{"key": "b", "rec')
    assert read_records(log) == {"a": {"n": 1}}
    append_record(log, "c", {"n": 3})
    assert read_records(log) == {"a": {"n": 1}, "c": {"n": 3}}


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="file is no folder"):
        append_record(tmp_path / "file" / "log.jsonl", "a", {})


def test_a_name_that_is_too_long_names_no_file(tmp_path: Path) -> None:
    assert list(read_lines(tmp_path / ("x" * 300))) == []
