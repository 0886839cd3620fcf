"""Traces as files that anyone can read: tables (CSV) or one JSON list a line (JSONL)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from netwright.cost.events.outcome import TRACE, Outcome
from netwright.errors import ConfigError, DataError
from netwright.files import write_atomic
from netwright.reading import parse_json, read_text

VERSION = 1
SUFFIXES = (".csv", ".jsonl")
MOST_BYTES = 1 << 28
"""Most bytes of a trace that is read: some million commands."""

MOST = (1 << 63) - 1

LINES = 1 << 16
"""Lines that are written and read together."""

Integers = NDArray[np.int64]


def write_trace(path: str | Path, outcome: Outcome) -> Path:
    """Write a trace; the first line says what it is, the last one how many commands there are.

    Commands are written by name. What a command does not have (a row, a column, a request) is -1.

    Args:
        path: Ends in ``.csv`` or ``.jsonl``.
        outcome: With a trace.

    Raises:
        ConfigError: The name ends otherwise, or there is no trace.
        RunError: The file cannot be written.
    """
    path = _checked(path)
    if outcome.trace is None:
        raise ConfigError("there is no trace to write", hint="run the program with trace=True")
    rows, names = outcome.trace, outcome.names

    def write(stream: IO[bytes]) -> None:
        for text in _chunks(rows, names, path.suffix):
            stream.write(text.encode())

    return write_atomic(path, write)


def _chunks(rows: Integers, names: Sequence[str], suffix: str) -> Iterator[str]:
    is_table = suffix == ".csv"
    head = {"netwright-trace": VERSION, "columns": list(TRACE), "commands": list(names)}
    if is_table:
        yield f"# netwright-trace {VERSION}: {' '.join(names)}\n{','.join(TRACE)}\n"
    else:
        yield json.dumps(head) + "\n"
    for start in range(0, len(rows), LINES):
        lines = rows[start : start + LINES].tolist()
        if is_table:
            yield "".join(
                f"{line[0]},{names[line[1]]},{','.join(map(str, line[2:]))}\n" for line in lines
            )
        else:
            yield "".join(json.dumps([line[0], names[line[1]], *line[2:]]) + "\n" for line in lines)
    yield f"# end {len(rows)}\n" if is_table else json.dumps({"end": len(rows)}) + "\n"


def read_trace(path: str | Path) -> tuple[Integers, tuple[str, ...]]:
    """A trace, one row for each command, and the names of the commands.

    Some lines are read at a time, so that memory is taken for what the file holds alone.

    Raises:
        ConfigError: The name ends neither in ``.csv`` nor in ``.jsonl``.
        DataError: The file is no trace, has another version, is too large, is cut, or a line is
            wrong.
    """
    path = _checked(path)
    text = read_text(path, most=MOST_BYTES)
    if "\r\n" in text[: 1 << 16]:  # of Windows
        text = text.replace("\r\n", "\n")
    is_table = path.suffix == ".csv"
    names, start = (_table_head if is_table else _json_head)(path, text)
    last = text.rfind("\n", 0, len(text) - 1) + 1
    end = (_table_end if is_table else _json_end)(text[last:]) if last >= start else None
    if end is None or not text.endswith("\n"):
        raise DataError("the trace is cut: its last line does not say how many commands there are",
                        source=str(path), hint="write it again")  # fmt: skip
    count = text.count("\n", start, last)
    if end != count:
        raise DataError(f"the trace is cut: it has {count} commands, and its last line says {end}",
                        source=str(path))  # fmt: skip
    number = {name: index for index, name in enumerate(names)}
    parts, done = [np.empty((0, len(TRACE)), np.int64)], 0
    for lines in _batches(text, start, last):
        parts.append(_numbers(path, lines, number, done, is_table=is_table))
        done += len(lines)
    return np.concatenate(parts), names


def _batches(text: str, start: int, last: int) -> Iterator[list[str]]:
    """The lines between two places, some at a time."""
    while start < last:
        stop = start
        for _ in range(LINES):
            stop = text.find("\n", stop, last) + 1
            if stop >= last or not stop:
                break
        stop = stop or last
        yield text[start : stop - 1].split("\n")
        start = stop


def _numbers(
    path: Path, lines: Sequence[str], number: Mapping[str, int], first: int, *, is_table: bool
) -> Integers:
    """Some commands as numbers."""
    rows: list[list[int]] = []
    for line in lines:
        try:
            cells = line.split(",") if is_table else _json_cells(path, line)
            cycle, command, *rest = cells
            values = [int(cycle), number[str(command)], *map(int, rest)]
            if len(values) != len(TRACE) or values[0] < 0 or min(values[2:]) < -1:
                raise ValueError
            if max(values) > MOST:
                raise ValueError
        except (ValueError, KeyError, TypeError):
            raise DataError(
                f"command {first + len(rows)}: must have {len(TRACE)} values, {', '.join(TRACE)}, "
                "of 0 or more (-1 is none) and a command that the first line names",
                source=str(path),
            ) from None
        rows.append(values)
    return np.array(rows, np.int64)


def _json_cells(path: Path, line: str) -> list[int | str]:
    try:
        found = parse_json(line.encode(), path)
    except DataError:
        found = None
    if not isinstance(found, list) or any(type(cell) not in (int, str) for cell in found):
        raise ValueError
    return found


def _table_head(path: Path, text: str) -> tuple[tuple[str, ...], int]:
    """Names of the commands, and where the first of them begins."""
    mark = "# netwright-trace "
    first, _, rest = text[: 1 << 16].partition("\n")
    head = rest.partition("\n")[0]
    if not first.startswith(mark) or head != ",".join(TRACE):
        raise _foreign(path)
    version, _, names = first.removeprefix(mark).partition(": ")
    _check_version(path, version)
    return tuple(names.split()), len(first) + len(head) + 2


def _json_head(path: Path, text: str) -> tuple[tuple[str, ...], int]:
    first = text[: 1 << 16].partition("\n")[0]
    try:
        head = parse_json(first.encode(), path)
    except DataError:
        raise _foreign(path) from None
    if not isinstance(head, dict) or "netwright-trace" not in head:
        raise _foreign(path)
    _check_version(path, str(head["netwright-trace"]))
    names = head.get("commands")
    if head.get("columns") != list(TRACE) or not isinstance(names, list):
        raise _foreign(path)
    return tuple(map(str, names)), len(first) + 1


def _table_end(line: str) -> int | None:
    last = line.rstrip("\n").removeprefix("# end ")
    # Longer numbers count no lines, and Python does not read them.
    return int(last) if line.startswith("# end ") and last.isdecimal() and len(last) < 20 else None


def _json_end(line: str) -> int | None:
    try:
        last = parse_json(line.encode(), "a trace")
    except DataError:
        return None
    end = last.get("end") if isinstance(last, dict) else None
    return end if type(end) is int else None


def _check_version(path: Path, version: str) -> None:
    if version != str(VERSION):
        raise DataError(f"the trace has version {version[:20]!r}, and {VERSION} is read",
                        source=str(path))  # fmt: skip


def _foreign(path: Path) -> DataError:
    return DataError("is no trace of netwright", source=str(path),
                     hint="its first line must be that of write_trace")  # fmt: skip


def _checked(path: str | Path) -> Path:
    found = Path(path)
    if found.suffix not in SUFFIXES:
        raise ConfigError(f"{found}: a trace ends in .csv or .jsonl, not {found.suffix!r}")
    return found
