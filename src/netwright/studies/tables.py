"""Files that a study brings: published tables, mappings."""

from __future__ import annotations

import csv
from pathlib import Path

from netwright.errors import ConfigError
from netwright.reading import read_text


def data(study: str, name: str) -> Path:
    """Where a file of a study is.

    Raises:
        ConfigError: The study brings no such file.
    """
    path = Path(__file__).parent / f"{study}_data" / name
    if not path.is_file():
        raise ConfigError(f'the study "{study}" brings no file "{name}"')
    return path


def table(study: str, name: str) -> list[dict[str, str]]:
    """The rows of a published table, by the names of its columns."""
    return list(csv.DictReader(read_text(data(study, name)).splitlines()))
