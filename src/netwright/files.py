"""Files that appear whole or not at all."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from netwright.errors import RunError


def write_atomic(path: Path, write: Callable[[IO[bytes]], object]) -> Path:
    """Write a file under a temporary name beside `path`, then rename it.

    Args:
        path: Where the file shall be; its folder is made if missing.
        write: Called with the open file.

    Returns:
        `path`.

    Raises:
        RunError: The folder cannot be written or is full; nothing is left behind.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        raise RunError(
            f"{path}: cannot be written ({error.strerror or error})",
            hint="choose a folder that exists, is writable and has free space",
        ) from error
    finally:
        if temporary.exists():
            temporary.unlink(missing_ok=True)
    return path


def write_text(path: Path, text: str) -> Path:
    """Write UTF-8 text; see :func:`write_atomic`."""
    return write_atomic(path, lambda stream: stream.write(text.encode()))


def write_npz(path: Path, arrays: Mapping[str, NDArray[Any]]) -> Path:
    """Write arrays as a compressed ``.npz`` that is equal byte for byte for equal arrays.

    (NumPy's own writer stores the time of writing.)
    """

    def write(stream: IO[bytes]) -> None:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for name in sorted(arrays):
                buffer = BytesIO()
                np.lib.format.write_array(buffer, np.asarray(arrays[name]), allow_pickle=False)
                entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, buffer.getvalue())

    return write_atomic(path, write)


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    state = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            state.update(block)
    return state.hexdigest()
