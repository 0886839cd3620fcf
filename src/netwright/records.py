"""What long work has finished: one JSON line for each piece, on the disk before it is told."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

from netwright.errors import DataError, RunError
from netwright.reading import MAX_TEXT_BYTES, parse_json, read_bytes

Record = dict[str, float | int | str]
"""What a piece of work reports: plain data, one JSON line."""

_log = logging.getLogger(__name__)


def read_records(log: Path | None) -> dict[str, Record]:
    """The pieces that are finished, by key; a line that was cut off is left out.

    Args:
        log: The file; none has no lines.

    Raises:
        RunError: The file cannot be read.
    """
    if log is None or not log.exists():
        return {}
    try:
        data = read_bytes(log, most=MAX_TEXT_BYTES)
    except DataError as error:
        raise RunError(error.message) from error
    records: dict[str, Record] = {}
    for line in data.splitlines():
        try:
            entry = parse_json(line, log)
            records[entry["key"]] = entry["record"]
        except (DataError, KeyError, TypeError):
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
    if log is None:
        return
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        torn = log.exists() and log.stat().st_size > 0 and not log.read_bytes().endswith(b"\n")
        with log.open("a", encoding="utf-8") as stream:
            stream.write("\n" * torn + json.dumps({"key": key, "record": record}) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        reason = error.strerror or str(error)
        if isinstance(error, FileExistsError):
            reason = f"{log.parent} is no folder"
        raise RunError(
            f"{log}: cannot be written ({reason})",
            hint="choose a folder that is writable and has free space",
        ) from error
