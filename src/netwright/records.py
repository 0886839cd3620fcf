"""What long work has finished: one JSON line for each piece, on the disk before it is told."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from errno import ENOSPC
from pathlib import Path
from typing import Self

from netwright.errors import DataError, RunError
from netwright.reading import parse_json, read_bytes

MAX_LOG_BYTES = 1 << 30
"""Most bytes of a file of finished pieces; a million of them have fewer."""

Record = dict[str, float | int | str]
"""What a piece of work reports: plain data, one JSON line."""

_log = logging.getLogger(__name__)


class Journal:
    """A file of JSON lines that is kept open; a line that is added is on the disk.

    Args:
        path: The file, made with its folder if missing. A last line that was cut off is ended, so
            that it spoils no other.

    Raises:
        RunError: The file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._writing():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = path.open("ab", buffering=0)
            self._torn = _is_torn(path)

    def append(self, entry: Mapping[str, object]) -> None:
        """Add a line; when this returns, it is on the disk.

        Raises:
            RunError: The disk is full or broken.
        """
        line = b"\n" * self._torn + json.dumps(entry).encode() + b"\n"
        self._torn = True  # until all of it is written
        with self._writing():
            written = self._stream.write(line)
            if written != len(line):
                raise OSError(ENOSPC, os.strerror(ENOSPC))
            os.fsync(self._stream.fileno())
        self._torn = False

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or str(error)
            if isinstance(error, FileExistsError):
                reason = f"{self.path.parent} is no folder"
            raise RunError(
                f"{self.path}: cannot be written ({reason})",
                hint="choose a folder that is writable and has free space",
            ) from error


def read_lines(log: Path | None) -> list[dict[str, object]]:
    """The objects in the lines of a journal; a line that was cut off is left out.

    Args:
        log: The file; none, or one that is missing, has no lines.

    Raises:
        RunError: The file cannot be read.
    """
    if log is None or not os.path.exists(log):  # false for a name that is too long as well
        return []
    try:
        data = read_bytes(log, most=MAX_LOG_BYTES)
    except DataError as error:
        raise RunError(error.message) from error
    found = []
    for line in data.splitlines():
        try:
            entry = parse_json(line, log)
        except DataError:
            entry = None
        if isinstance(entry, dict):
            found.append(entry)
        elif line.strip():
            _log.warning("%s: ignoring an incomplete line", log)
    return found


def read_records(log: Path | None) -> dict[str, Record]:
    """The pieces that are finished, by key; a line that was cut off is left out.

    Args:
        log: The file; none has no lines.

    Raises:
        RunError: The file cannot be read.
    """
    records: dict[str, Record] = {}
    for entry in read_lines(log):
        key, record = entry.get("key"), entry.get("record")
        if isinstance(key, str) and isinstance(record, dict):
            records[key] = record
        else:
            _log.warning("%s: ignoring an incomplete line", log)
    return records


def append_record(log: Path | None, key: str, record: Record) -> None:
    """Add a finished piece; when this returns, it is on the disk.

    Args:
        log: The file, made if missing; none keeps nothing.
        key: Key of the piece.
        record: What it reports.

    Raises:
        RunError: The file cannot be written.
    """
    if log is not None:
        with Journal(log) as journal:
            journal.append({"key": key, "record": record})


def _is_torn(path: Path) -> bool:
    """Whether the last line of a file has no end."""
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        if size == 0:
            return False
        stream.seek(-1, os.SEEK_END)
        return stream.read(1) != b"\n"
