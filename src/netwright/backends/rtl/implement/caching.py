"""Results of long-running tools: made once, kept in the design's build folder."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from pathlib import Path

from netwright.backends.vouching import is_vouched, vouch
from netwright.errors import BackendError, DataError, NetwrightError, RunError
from netwright.files import locked, sha256, sync, workspace, write_text, writing
from netwright.reading import read_json

VOUCHED = "a record of what a tool made"


def made_once(
    folder: Path,
    name: str,
    *,
    key: Mapping[str, object],
    outputs: Iterable[str],
    make: Callable[[Path], float],
) -> float:
    """Make some files, unless the same ones are there already and were made by this user.

    They are made in a folder of their own and moved when all is done, so that a failure leaves
    neither a new file nor a mixture of two runs. A file that was changed since is made again.

    Args:
        folder: Where the files shall be.
        name: Name of the step; one record of each name is kept.
        key: What the files depend on: digests, options, versions; plain data for JSON.
        outputs: Names of the files.
        make: Makes them in the folder it gets, checks them, and returns the seconds it took.

    Returns:
        The seconds it took when the files were made.

    Raises:
        RunError: The folder cannot be written, or its disk is full, which tools do not always say.
    """
    record = folder / f"{name}.made.json"
    wanted = json.loads(json.dumps(dict(key), sort_keys=True))
    names = tuple(outputs)
    known = _seconds(record, wanted, folder, names)
    if known is not None:
        return known
    with locked(folder, wait_s=-1), writing(folder), workspace(folder) as made:
        known = _seconds(record, wanted, folder, names)
        if known is not None:  # made by another one, in the meantime
            return known
        try:
            seconds = make(made)
        except NetwrightError:
            _check_room(made)
            raise
        _check_room(made)
        digests = {output: sha256(made / output) for output in names}
        record.unlink(missing_ok=True)
        for output in names:
            sync(made / output)
        for output in names:
            (made / output).replace(folder / output)
    text = json.dumps({"key": wanted, "seconds": seconds, "files": digests}, indent=2)
    write_text(record, text + "\n")
    vouch(record, VOUCHED)
    return seconds


_ROOM_BYTES = 1 << 16

_ENDS = {".v": b"\nendmodule\n", ".json": b"\n}\n", ".il": b"\nend\n"}
"""How files of Yosys end that are whole, by suffix."""

_LAST_BYTES = 64
"""Bytes that are looked at to see an end."""


def _check_room(folder: Path) -> None:
    """Find out whether what a tool wrote may be short: not all of them notice a full disk.

    Raises:
        OSError: The disk has no room.
    """
    with (folder / "room").open("wb", buffering=0) as stream:
        stream.write(bytes(_ROOM_BYTES))
        os.fsync(stream.fileno())
    (folder / "room").unlink()


def check_whole(path: Path) -> None:
    """Refuse a file of Yosys whose end is missing; it does not notice a disk that is full.

    Raises:
        BackendError: It is.
        OSError: It cannot be read.
    """
    with path.open("rb") as stream:
        stream.seek(-min(_LAST_BYTES, path.stat().st_size), os.SEEK_END)
        if not (b"\n" + stream.read().rstrip() + b"\n").endswith(_ENDS.get(path.suffix, b"")):
            raise BackendError(
                f"{path.name}: ends in the middle",
                hint="the log in the build folder may say why; was the disk full?",
            )


def _seconds(
    record: Path, key: Mapping[str, object], folder: Path, names: tuple[str, ...]
) -> float | None:
    """What a record says, or ``None`` if the files must be made."""
    try:
        if not is_vouched(record, VOUCHED):
            return None
        found = read_json(record)
        same = found["key"] == key and list(found["files"]) == list(names)
        if same and all(sha256(folder / name) == found["files"][name] for name in names):
            seconds = float(found["seconds"])
            return seconds if isfinite(seconds) else None
    except (DataError, OSError, ValueError, KeyError, TypeError):
        return None
    return None


def digest_of(paths: Iterable[Path]) -> str:
    """One SHA-256 for the names and contents of some files, in any order.

    Raises:
        RunError: A file cannot be read.
    """
    try:
        digests = sorted((path.name, sha256(path)) for path in paths)
    except OSError as error:
        raise RunError(f"{error.filename}: cannot be read ({error.strerror})") from error
    return hashlib.sha256(repr(digests).encode()).hexdigest()
