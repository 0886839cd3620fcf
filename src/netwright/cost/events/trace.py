"""Traces as files that anyone can read: tables (CSV) or one JSON list a line (JSONL)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
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
MOST_BYTES = 1 << 30
"""Most bytes of a trace that is read."""

LINES = 1 << 16
"""Lines that are written together."""

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

    Raises:
        ConfigError: The name ends neither in ``.csv`` nor in ``.jsonl``.
        DataError: The file is no trace, has another version, is cut, or a line is wrong.
    """
    path = _checked(path)
    text = read_text(path, most=MOST_BYTES)
    lines = text.splitlines()
    reader = _table if path.suffix == ".csv" else _lines
    names, body, end = reader(path, lines)
    if end is None or not text.endswith("\n"):
        raise DataError("the trace is cut: its last line does not say how many commands there are",
                        source=str(path), hint="write it again")  # fmt: skip
    if end != len(body):
        raise DataError(f"the trace is cut: it has {len(body)} commands, and its last line says "
                        f"{end}", source=str(path))  # fmt: skip
    number = {name: index for index, name in enumerate(names)}
    found = np.empty((len(body), len(TRACE)), np.int64)
    for index, cells in enumerate(body):
        try:
            cycle, command, *rest = cells
            found[index] = [int(cycle), number[str(command)], *map(int, rest)]
        except (ValueError, KeyError, TypeError, OverflowError):
            raise DataError(
                f"command {index}: must have {len(TRACE)} values, {', '.join(TRACE)}, and a "
                "command that the first line names",
                source=str(path),
            ) from None
    return found, names


Body = list[list[str | int]]


def _table(path: Path, lines: list[str]) -> tuple[tuple[str, ...], Body, int | None]:
    mark = "# netwright-trace "
    if len(lines) < 2 or not lines[0].startswith(mark) or lines[1] != ",".join(TRACE):
        raise _foreign(path)
    version, _, names = lines[0].removeprefix(mark).partition(": ")
    _check_version(path, version)
    last = lines[-1].removeprefix("# end ")
    # Longer numbers count no lines, and Python does not read them.
    end = int(last) if lines[-1] != last and last.isdecimal() and len(last) < 20 else None
    body = lines[2:-1] if end is not None else lines[2:]
    return tuple(names.split()), [[*line.split(",")] for line in body], end


def _lines(path: Path, lines: list[str]) -> tuple[tuple[str, ...], Body, int | None]:
    found: list[object] = []
    for number, line in enumerate(lines):
        try:
            found.append(parse_json(line.encode(), path))
        except DataError:
            if number == 0:
                raise _foreign(path) from None
            if number + 1 == len(lines):
                break  # the end of a file that is cut
            raise DataError(f"line {number + 1} is not JSON", source=str(path)) from None
    head = found[0] if found else None
    if not isinstance(head, dict) or "netwright-trace" not in head:
        raise _foreign(path)
    _check_version(path, str(head["netwright-trace"]))
    names = head.get("commands")
    if head.get("columns") != list(TRACE) or not isinstance(names, list):
        raise _foreign(path)
    last = found[-1]
    end = last.get("end") if isinstance(last, dict) and len(found) > 1 else None
    if not isinstance(end, int):
        end = None
    body = [line if isinstance(line, list) else [] for line in found[1:]]
    return tuple(map(str, names)), body[:-1] if end is not None else body, end


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
