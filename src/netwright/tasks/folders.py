"""Published files that do not come with the package: where they are, and that they are unharmed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from netwright.errors import DataError
from netwright.reading import read_bytes


def found_folder(
    folder: Path | str | None, *, variable: str, places: tuple[Path, ...], what: str, how: str
) -> Path:
    """The folder that holds published files.

    Args:
        folder: The one that the caller names.
        variable: Environment variable that may name it.
        places: Where the files are usually put.
        what: Name of the data.
        how: How to get them.

    Raises:
        DataError: No folder is named, and there is none of the usual ones.
    """
    named = folder or os.environ.get(variable)
    if named:
        return Path(named)
    found = next((place for place in places if place.is_dir()), None)
    if found is None:
        raise DataError(
            f"{what} is not in {' or '.join(map(str, places))}",
            hint=f"{how}; for a copy of yours name its folder (option folder, or {variable})",
        )
    return found


def read_published(path: Path, digest: str, *, most: int, hint: str) -> bytes:
    """The bytes of a published file.

    Args:
        path: The file.
        digest: Its SHA-256, in hexadecimal digits.
        most: Bytes that are read at most.
        hint: Where to get it.

    Raises:
        DataError: It cannot be read, or its bytes are others.
    """
    found = read_bytes(path, most=most, hint=hint)
    given = hashlib.sha256(found).hexdigest()
    if given != digest:
        raise DataError(
            f"SHA-256 must be {digest[:12]}…, not {given[:12]}…", source=str(path), hint=hint
        )
    return found
