"""Reports on disk."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from netwright.errors import DataError, StaleRun
from netwright.files import write_text
from netwright.reading import read_text
from netwright.report.document import SCHEMA_VERSION, Document
from netwright.report.html import render

JSON_NAME = "report.json"
HTML_NAME = "report.html"


def write(document: Document, folder: str | Path) -> tuple[Path, Path]:
    """Write ``report.json`` and ``report.html``; equal documents give equal bytes.

    The data come first: they are kept even if the page cannot be drawn.

    Args:
        document: What to report.
        folder: Where to; made if missing.

    Returns:
        The paths of the two files.

    Raises:
        RunError: The folder cannot be written.
        MissingExtra: Matplotlib is not installed.
    """
    folder = Path(folder)
    data = write_text(folder / JSON_NAME, document.to_json())
    return data, write_page(document, folder)


def write_page(document: Document, folder: Path) -> Path:
    """Write ``report.html`` alone.

    Raises:
        RunError: The folder cannot be written.
        MissingExtra: Matplotlib is not installed.
    """
    return write_text(folder / HTML_NAME, render(document))


def read(path: str | Path) -> Document:
    """Read a ``report.json``.

    Raises:
        DataError: The file is missing, truncated, or breaks the schema; all faults are listed.
        StaleRun: The file was written by another version of the schema.
    """
    path = Path(path)
    text = read_text(path)
    try:
        return Document.model_validate_json(text)
    except ValidationError as error:
        faults = error.errors(include_url=False)
    if any(fault["loc"] == ("schema_version",) for fault in faults):
        raise StaleRun(
            f"the report must have schema_version {SCHEMA_VERSION}",
            path=str(path),
            hint="write the report again with this version of netwright",
        )
    lines = (f"{_dotted(fault['loc'])}: {fault['msg']}" for fault in faults)
    raise DataError("not a report:\n" + "\n".join(lines), source=str(path))


def _dotted(place: Iterable[str | int]) -> str:
    return ".".join(map(str, place)) or "(file)"
