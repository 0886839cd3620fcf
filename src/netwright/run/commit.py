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
    git = _git_folder(Path(netwright.__file__).parents[2] / ".git")
    head = _read(git / "HEAD")
    if head is None:
        return None
    reference = head.removeprefix("ref: ")
    commit = head if reference == head else _resolved(git, reference)
    return Revision(commit, None) if commit else None


def _git_folder(place: Path) -> Path:
    """The folder itself; of a further working tree, ``.git`` is a file that names it."""
    if not place.is_file():
        return place
    named = (_read(place) or "").removeprefix("gitdir: ")
    return place.parent / named


def _resolved(git: Path, reference: str) -> str | None:
    """The commit of a branch; it stands in a file of its own or in a list of packed ones."""
    shared = _read(git / "commondir")
    common = git if shared is None else git / shared
    commit = _read(common / reference)
    if commit is not None:
        return commit
    for line in (_read(common / "packed-refs") or "").splitlines():
        name = line.partition(" ")
        if name[2] == reference:
            return name[0]
    return None


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
