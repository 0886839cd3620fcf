"""Files and folders that appear whole or not at all, and those that exist for a while only.

What is being made has a name that nobody can predict, in the folder where it shall be, and is
locked by the process that makes it. A process may be killed anywhere: the next one that writes to
the same folder removes what has a temporary name and no owner.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import secrets
import shutil
import stat
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from errno import EINVAL, ENOTDIR
from functools import cache, partial
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from netwright.errors import RunError, reason, refusal

if sys.platform != "win32":  # Windows does not remove what is open, so that it needs no lock
    from fcntl import LOCK_EX, LOCK_NB, flock

LOCK = ".lock"
"""File by which a process holds a folder."""

_PREFIX, _SUFFIX = ".netwright-", ".tmp"
_ABANDONED_S = 86_400.0
"""Age at which something temporary has no owner, where locks do not tell."""

_NEW_FILE = (
    os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the operating system refuses into a :class:`RunError` that names `path`."""
    try:
        yield
    except OSError as error:
        refused = refusal(error)
        raise RunError(
            f"{path}: cannot be written ({reason(error)})",
            hint=refused.hint if refused else "choose a folder that exists and is writable",
        ) from error


def write_atomic(path: Path, write: Callable[[IO[bytes]], object]) -> Path:
    """Write a file under a temporary name beside `path`, then rename it.

    Args:
        path: Where the file shall be; its folder is made if missing.
        write: Called with the open file.

    Returns:
        `path`.

    Raises:
        RunError: The folder cannot be written or is full, or `path` is a device or a pipe; nothing
            is left behind.
    """
    with writing(path):
        make_folder(path.parent)
        check_replaceable(path)
        _sweep_once(path.parent.resolve())
        temporary, descriptor = _new(path.parent, _new_file)
        try:
            with os.fdopen(descriptor, "w+b") as stream:
                write(stream)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    return path


def check_replaceable(path: Path) -> None:
    """Refuse to put a file in the place of a device, a pipe or a socket.

    Raises:
        RunError: That is what `path` names.
        OSError: Nobody may look at it.
    """
    with suppress(FileNotFoundError):
        mode = path.lstat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode) or stat.S_ISDIR(mode)):
            raise RunError(
                f"{path}: is no regular file, and a file would take its place",
                hint="name a file to write",
            )


def write_text(path: Path, text: str) -> Path:
    """Write UTF-8 text; see :func:`write_atomic`."""
    return write_atomic(path, lambda stream: stream.write(text.encode()))


def write_npz(path: Path, arrays: Mapping[str, NDArray[Any]], *, level: int = 6) -> Path:
    """Write arrays as a compressed ``.npz`` that is equal byte for byte for equal arrays.

    (NumPy's own writer stores the time of writing.)

    Args:
        path: The file.
        arrays: What it holds.
        level: How hard it is compressed, 1 to 9. Of real weights 1 makes 11 % more than 6, in a
            sixth of the time.
    """

    def write(stream: IO[bytes]) -> None:
        with zipfile.ZipFile(stream, "w") as archive:
            for name in sorted(arrays):
                buffer = BytesIO()
                np.lib.format.write_array(buffer, np.asarray(arrays[name]), allow_pickle=False)
                entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, buffer.getvalue(), compresslevel=level)

    return write_atomic(path, write)


def sha256(path: Path) -> str:
    """Hex digest of a file.

    Raises:
        OSError: It cannot be read, or is a device, a pipe or a socket, which may never end.
    """
    state = hashlib.sha256()
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OSError(EINVAL, "it is a device, a pipe or a socket", str(path))
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            state.update(block)
    return state.hexdigest()


@contextmanager
def workspace(parent: Path, *, mode: int = 0o777) -> Iterator[Path]:
    """A new folder inside `parent`, removed with all that is left in it at the end.

    Args:
        parent: The folder around it; made if missing.
        mode: Who may use it, further limited by the process's mask.

    Yields:
        The folder; it may be renamed to what it shall be.

    Raises:
        OSError: It cannot be made.
    """
    make_folder(parent)
    _sweep_once(parent.resolve())
    folder, descriptor = _new(parent, partial(_new_folder, mode))
    try:
        yield folder
    finally:
        if descriptor is not None:
            os.close(descriptor)
        shutil.rmtree(folder, ignore_errors=True)


def make_folder(path: Path) -> None:
    """Make a folder and those around it, unless it is there.

    Raises:
        OSError: It cannot be made; :class:`NotADirectoryError` where a file has its name.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(ENOTDIR, os.strerror(ENOTDIR), str(path)) from None


def sync(path: Path) -> None:
    """Bring a file, or all files of a folder, to the disk.

    Raises:
        OSError: The disk is full or broken.
    """
    for place in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if place.is_file():
            descriptor = os.open(place, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def sweep(folder: Path) -> None:
    """Remove what killed processes left in a folder and those inside; what has an owner stays."""
    for place, _, _ in os.walk(folder):
        _sweep(Path(place))


@contextmanager
def locked(folder: Path, *, wait_s: float = 0.0, why: str = "") -> Iterator[None]:
    """Hold a folder, made if missing, for this block alone: other processes and threads wait.

    The lock belongs to the process: it is free when the process has ended, however it ended.

    Args:
        folder: The folder.
        wait_s: Seconds to wait for another one; negative to wait as long as it takes.
        why: What the others are told that cannot wait: "is working on this run".

    Raises:
        RunError: Another one holds it, or the folder cannot be written.
    """
    with writing(folder):
        make_folder(folder)
        path = folder / LOCK
        lock = FileLock(path, timeout=wait_s, thread_local=False)
        try:
            lock.acquire()
        except Timeout:  # itself a kind of OSError
            owner = ""
            with suppress(OSError):
                owner = path.read_text(encoding="ascii", errors="replace").strip()
            raise RunError(
                f"{folder}: process {owner} {why or 'is using this folder'}",
                hint="wait for it, end it, or use another folder",
            ) from None
        with suppress(OSError):
            path.write_text(f"{os.getpid()}\n", encoding="ascii")
    try:
        yield
    finally:
        lock.release()


def cache_folder() -> Path:
    """The folder in which this user keeps what later processes may use again, and trust.

    It is ``netwright`` in ``XDG_CACHE_HOME``, or else in ``~/.cache``. Where that cannot be
    written, or others could write to it, a temporary folder takes its place that ends with this
    process.
    """
    return _cache_folder(os.environ.get("XDG_CACHE_HOME", ""), os.environ.get("HOME", ""))


@cache
def _cache_folder(chosen: str, home: str) -> Path:
    with suppress(OSError, RuntimeError):
        base = Path(chosen) if os.path.isabs(chosen) else Path.home() / ".cache"
        folder = base / "netwright"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _is_private(folder):
            with workspace(folder):
                return folder
    private = workspace(Path(tempfile.gettempdir()), mode=0o700)
    folder = private.__enter__()
    atexit.register(private.__exit__, None, None, None)
    return folder


def _is_private(folder: Path) -> bool:
    """Whether nobody but this user can write to a folder."""
    if not hasattr(os, "getuid"):
        return True
    about = folder.stat()
    return about.st_uid == os.getuid() and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


@cache
def _sweep_once(folder: Path) -> None:
    _sweep(folder)


def _sweep(folder: Path) -> None:
    with suppress(OSError), os.scandir(folder) as entries:
        left = [e.path for e in entries if e.name.startswith(_PREFIX) and e.name.endswith(_SUFFIX)]
        for path in map(Path, left):
            _remove_abandoned(path)


def _new(parent: Path, make: Callable[[Path], Any]) -> tuple[Path, Any]:
    """Something new with a temporary name, and the open descriptor that shows its owner."""
    for _ in range(100):
        path = parent / f"{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}"
        with suppress(FileExistsError):
            descriptor = make(path)
            if _owned(path, descriptor):
                return path, descriptor
            os.close(descriptor)
    raise RunError(f"{parent}: no temporary file can be made there")


def _new_file(path: Path) -> int:
    return os.open(path, _NEW_FILE, 0o666)


def _new_folder(mode: int, path: Path) -> int | None:
    path.mkdir(mode)
    if sys.platform == "win32":
        return None
    try:
        return os.open(path, os.O_RDONLY)
    except FileNotFoundError:  # taken for one that was left
        raise FileExistsError from None


def _owned(path: Path, descriptor: int) -> bool:
    """Whether what is open is now ours, and still in its place."""
    if sys.platform == "win32":
        return True
    try:
        flock(descriptor, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _remove_abandoned(path: Path) -> None:
    with suppress(OSError):
        about = path.lstat()
        is_folder = stat.S_ISDIR(about.st_mode)
        if not (is_folder or stat.S_ISREG(about.st_mode)):
            return
        if sys.platform == "win32":
            if time.time() - about.st_mtime > _ABANDONED_S:
                _remove(path, is_folder)
            return
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            flock(descriptor, LOCK_EX | LOCK_NB)  # raises where it has an owner, or no locks
            _remove(path, is_folder)
        finally:
            os.close(descriptor)


def _remove(path: Path, is_folder: bool) -> None:
    if is_folder:
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink()
