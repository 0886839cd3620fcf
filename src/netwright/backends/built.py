"""What was compiled: made once, and loaded only if this user's own process made it as it is now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from netwright.backends.vouching import is_vouched, vouch
from netwright.files import locked, sync, workspace, writing


def built_once(path: Path, *, key: object, make: Callable[[Path], object]) -> Path:
    """Compile a file, unless that was done before and nothing has changed since.

    A file that is there is used only if its digest is the one that was recorded in the
    :func:`~netwright.files.cache_folder` of this user when it was made from the same key: a
    truncated one is made again, and so is one that came with a folder from somebody else. Of
    several threads and processes that ask for one file, one makes it and the others wait.

    Args:
        path: Where the file shall be.
        key: All that it depends on: digests of the sources, options, programs; plain data.
        make: Makes it at the path it gets, in a folder of its own for everything temporary.

    Returns:
        `path`.

    Raises:
        RunError: The folder cannot be written.
    """
    about = repr(key)
    if is_vouched(path, about):
        return path
    with locked(path.parent, wait_s=-1):
        if is_vouched(path, about):  # by another one, in the meantime
            return path
        with writing(path.parent), workspace(path.parent) as folder:
            made = folder / path.name
            make(made)
            sync(made)
            vouch(made, about)
            made.replace(path)
    return path
