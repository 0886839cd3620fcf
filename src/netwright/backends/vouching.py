"""What this user's own runs made, remembered outside of the folders that it lies in.

A folder of a design may come from anywhere, and so may the libraries, netlists and proofs in it.
What is found there is used again only if a digest of it stands in the cache folder of the user, to
which only runs on this account write.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from netwright.files import cache_folder, sha256, write_text

FOLDER = "made-here"
"""Folder in the cache, with an empty file for everything that was made."""


def vouch(path: Path, about: str) -> None:
    """Remember that the file, as it is now, was made by this run.

    Args:
        path: The file.
        about: What it was made from, and how; the same file may be right for one and wrong for
            another.

    Raises:
        RunError: The cache cannot be written.
    """
    write_text(cache_folder() / FOLDER / _name(path, about), "")


def is_vouched(path: Path, about: str) -> bool:
    """Whether the file, as it is now, was made here from just that; ``False`` if there is none."""
    try:
        return (cache_folder() / FOLDER / _name(path, about)).is_file()
    except OSError:
        return False


def _name(path: Path, about: str) -> str:
    return hashlib.sha256(f"{sha256(path)} {about}".encode("utf-8", "surrogateescape")).hexdigest()
