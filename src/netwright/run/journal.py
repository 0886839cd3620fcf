"""Finished parts of a long stage, one line of JSON each, safe against being killed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

R = TypeVar("R", bound=BaseModel)


class Journal(Generic[R]):
    """Records that are on disk before :meth:`append` returns.

    Args:
        path: The file; it and its folder need not exist.
        model: What a record is.
    """

    def __init__(self, path: Path, model: type[R]) -> None:
        self.path = path
        self._model = model

    def records(self) -> tuple[R, ...]:
        """All whole records; a last line that was cut off is dropped from the file."""
        if not self.path.exists():
            return ()
        found, kept = [], 0
        for line in self.path.read_bytes().splitlines(keepends=True):
            try:
                record = self._model.model_validate_json(line)
            except ValidationError:
                break
            if not line.endswith(b"\n"):
                break
            found.append(record)
            kept += len(line)
        if kept < self.path.stat().st_size:
            with self.path.open("r+b") as stream:
                stream.truncate(kept)
        return tuple(found)

    def append(self, record: R) -> None:
        """Add a record.

        Raises:
            OSError: The file cannot be written; no part of the record counts then.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as stream:
            stream.write(record.model_dump_json().encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
