"""The commit of the package's own working tree, for manifests."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import netwright


class Revision(NamedTuple):
    """A commit, and whether the working tree differs from it (``None``: not known)."""

    commit: str
    dirty: bool | None


def revision() -> Revision | None:
    """Revision of the working tree that this package runs from; ``None`` for an installed one."""
    git = Path(netwright.__file__).parents[2] / ".git"
    head = _read(git / "HEAD")
    if head is None:
        return None
    reference = head.removeprefix("ref: ")
    commit = head if reference == head else _read(git / reference)
    return Revision(commit, None) if commit else None


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
