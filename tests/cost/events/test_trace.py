from __future__ import annotations

import numpy as np
import pytest

from netwright.cost.events import Table, read_trace, run, trace, write_trace
from netwright.errors import ConfigError, DataError
from tests.cost.events.programs import dram_of, reads

SUFFIXES = (".csv", ".jsonl")


@pytest.fixture
def done():
    table = Table.of(dram_of("ddr4-3200"), refresh=False)
    return run(table, reads(table, [(0, 3, 7, 0, 2)]))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_trace_is_read_as_it_was_written(done, tmp_path, suffix):
    rows, names = read_trace(write_trace(tmp_path / f"t{suffix}", done))
    assert names == done.names
    assert np.array_equal(rows, done.trace)


def test_table_is_readable(done, tmp_path):
    text = write_trace(tmp_path / "t.csv", done).read_text().splitlines()
    assert text[1:] == [
        "cycle,command,channel,bank,row,column,request",
        "0,activate,0,3,7,-1,-1",
        "22,read,0,3,7,0,0",
        "30,read,0,3,7,1,0",
        "# end 3",
    ]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_trace_that_is_cut_anywhere_is_named(done, tmp_path, suffix):
    path = write_trace(tmp_path / f"t{suffix}", done)
    whole = path.read_bytes()
    head = whole.index(b"\n", whole.index(b"\n") + 1 if suffix == ".csv" else 0)
    for size in range(head + 1, len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError, match="the trace is cut"):
            read_trace(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_line_that_is_missing_is_noticed(done, tmp_path, suffix):
    path = write_trace(tmp_path / f"t{suffix}", done)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-2] + lines[-1:]))
    with pytest.raises(DataError) as caught:
        read_trace(path)
    assert caught.value.message == (
        f"{path}: the trace is cut: it has 2 commands, and its last line says 3"
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("trace 1", "trace 2", "the trace has version '2', and 1 is read"),
        ("22,read", "22,raed", "command 1: must have 7 values"),
        ("22,read,0", "22,read", "command 1: must have 7 values"),
        ("22,read,0", "22,read,-2", "of 0 or more (-1 is none)"),
        ("22,read", "x,read", "command 1: must have 7 values"),
        ("# netwright-trace", "#", "is no trace of netwright"),
    ],
)
def test_damaged_trace_is_refused(done, tmp_path, old, new, message):
    path = write_trace(tmp_path / "t.csv", done)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DataError) as caught:
        read_trace(path)
    assert message in caught.value.message


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_many_lines_are_read_some_at_a_time(done, tmp_path, monkeypatch, suffix):
    path = write_trace(tmp_path / f"t{suffix}", done)
    for lines in (1, 2, 3):
        monkeypatch.setattr(trace, "LINES", lines)
        assert np.array_equal(read_trace(path)[0], done.trace)


def test_trace_that_is_too_large_is_refused(done, tmp_path, monkeypatch):
    path = write_trace(tmp_path / "t.csv", done)
    monkeypatch.setattr(trace, "MOST_BYTES", path.stat().st_size - 1)
    with pytest.raises(DataError, match="bytes"):
        read_trace(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_trace_with_ends_of_lines_of_windows_is_read(done, tmp_path, suffix):
    path = write_trace(tmp_path / f"t{suffix}", done)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert np.array_equal(read_trace(path)[0], done.trace)


@pytest.mark.parametrize("value", ["9" * 30, "9223372036854775808", "-1", "-22"])
def test_number_that_no_cycle_is_is_refused(done, tmp_path, value):
    path = write_trace(tmp_path / "t.csv", done)
    path.write_text(path.read_text().replace("22,read", f"{value},read"))
    with pytest.raises(DataError, match="command 1: must have 7 values"):
        read_trace(path)


@pytest.mark.parametrize(
    "line",
    ["[]", "{}", "3", "[0]", '["a", "read"]', "[0, []]", '[0.5, "read", 0, 0, 0, 0, 0]',
     '[true, "read", 0, 0, 0, 0, 0]', "nothing"],
)  # fmt: skip
def test_json_line_that_is_no_command_is_refused(done, tmp_path, line):
    path = write_trace(tmp_path / "t.jsonl", done)
    lines = path.read_text().splitlines()
    lines[1] = line
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match="command 0: must have 7 values"):
        read_trace(path)


def test_end_of_too_many_digits_is_refused(done, tmp_path):
    path = write_trace(tmp_path / "t.csv", done)
    path.write_text(path.read_text().replace("# end 3", "# end " + "9" * 5000))
    with pytest.raises(DataError, match="the trace is cut"):
        read_trace(path)


def test_foreign_json_is_refused(tmp_path):
    for text in ("", "{}\n", "[]\n", "x", '{"netwright-trace": 1}\n'):
        (tmp_path / "t.jsonl").write_text(text)
        with pytest.raises(DataError, match="is no trace of netwright"):
            read_trace(tmp_path / "t.jsonl")


def test_other_names_are_refused(done, tmp_path):
    with pytest.raises(ConfigError, match=r"ends in \.csv or \.jsonl, not '\.txt'"):
        write_trace(tmp_path / "t.txt", done)
