"""The edge at which files come in: every reader of the package opens and parses them here.

A file is not trusted. It must be a plain file of a bounded size (no device that never ends, no pipe
that never begins), nothing is allocated on its word alone, and whatever a library raises becomes an
error of ours that names the file.
"""

from __future__ import annotations

import io
import json
import os
import re
import stat
import tomllib
import warnings
import zipfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from netwright.errors import ConfigError, DataError, NetwrightError
from netwright.escape import visible

MAX_TEXT_BYTES = 1 << 26
"""Most bytes of a JSON file; every other kind has a limit of its own."""

MAX_TOML_BYTES = 1_000_000
"""Most bytes of a TOML file; a larger one is not written by hand."""

MAX_TOML_DEPTH = 32
"""Most parts of a dotted key; with more of them the time to read it grows with their square."""

MAX_ARRAY_BYTES = 1 << 29
"""Most bytes of all arrays of an archive, unpacked."""

MAX_ARCHIVE_MEMBERS = 100_000

MAX_LETTER = 0x10FFFF
"""The last code point of Unicode."""

_MAX_HEADER_BYTES = 10_000
_PART = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+"""
_DEEP_KEY = re.compile(rf"(?<![\w\"'-]){_PART}(?:\.[ \t]*+{_PART}){{{MAX_TOML_DEPTH}}}")

Fault = type[DataError] | type[ConfigError]

Value = TypeVar("Value")
Value_co = TypeVar("Value_co", covariant=True)


def failure(kind: Fault, source: Path | str, message: str, *, hint: str | None = None) -> Exception:
    """An error of ours about a file."""
    name = os.fspath(source)
    if issubclass(kind, ConfigError):
        return kind(message, path=name, hint=hint)
    return kind(message, source=name, hint=hint)


@contextmanager
def translated(
    source: Path | str, what: str, *, kind: Fault = DataError, hint: str | None = None
) -> Iterator[None]:
    """Turn what a library raises about a file into one sentence of ours.

    Only calls of the library belong inside: a mistake of our own would be blamed on the file.

    Args:
        source: The file.
        what: What it should be, as in ``"a graph"``.
        kind: Class of the error.
        hint: What to do instead.
    """
    try:
        yield
    except NetwrightError:
        raise
    except (MemoryError, RecursionError) as error:
        reason = "too large" if isinstance(error, MemoryError) else "nested too deeply"
        raise failure(kind, source, f"not {what} ({reason})", hint=hint) from None
    except Exception as error:  # compressors, parsers and C libraries have no base in common
        first = visible((str(error).strip().splitlines() or [""])[0])[:200]
        reason = first or type(error).__name__
        raise failure(kind, source, f"not {what} ({reason})", hint=hint) from None


def read_bytes(
    path: Path | str, *, most: int, kind: Fault = DataError, hint: str | None = None
) -> bytes:
    """All bytes of a plain file.

    Args:
        path: The file.
        most: Bytes it may have.
        kind: Class of the error.
        hint: What to do if it cannot be read.

    Raises:
        DataError: (or `kind`) It is missing, no plain file, larger, or cannot be read.
    """
    try:
        descriptor = _open_plain(path, kind)
        with os.fdopen(descriptor, "rb") as stream:
            size = os.fstat(descriptor).st_size
            if size <= most:
                data = _up_to(stream, size, most + 1)
                size = len(data)
    except FileNotFoundError:
        raise failure(kind, path, "no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise failure(kind, path, f"cannot be read ({reason})", hint=hint) from None
    if size > most:
        raise failure(kind, path, f"has {size} bytes; at most {most} are read", hint=hint)
    return data


def _up_to(stream: BinaryIO, size: int, most: int) -> bytes:
    """At most so many bytes, with room for those that there are, not for all that are allowed."""
    data = stream.read(min(size + 1, most))
    while len(data) > size and len(data) < most:  # it grows, or tells no size
        more = stream.read(min(1 << 20, most - len(data)))
        if not more:
            break
        data, size = data + more, size + len(more)
    return data


def check_plain(path: Path | str, *, kind: Fault = DataError, hint: str | None = None) -> int:
    """Refuse what is no plain file, for readers that open it themselves.

    Args:
        path: The file.
        kind: Class of the error.
        hint: What to do if it is missing.

    Returns:
        Its size in bytes.

    Raises:
        DataError: (or `kind`) It is missing, no plain file, or cannot be read.
    """
    try:
        descriptor = _open_plain(path, kind)
        try:
            return os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise failure(kind, path, "no such file", hint=hint) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise failure(kind, path, f"cannot be read ({reason})") from None


def _open_plain(path: Path | str, kind: Fault) -> int:
    """A descriptor; a pipe without a writer is not waited for."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    flags |= getattr(os, "O_BINARY", 0)
    if os.path.isdir(path):
        raise failure(kind, path, "is a folder, not a file")
    descriptor = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise failure(kind, path, "is not a plain file (a device, a pipe or a socket)")
    return descriptor


def read_text(
    path: Path | str, *, most: int = MAX_TEXT_BYTES, kind: Fault = DataError,
    hint: str | None = None,
) -> str:  # fmt: skip
    """The UTF-8 text of a plain file; see :func:`read_bytes`."""
    return _decoded(read_bytes(path, most=most, kind=kind, hint=hint), path, kind, hint)


def _decoded(data: bytes, path: Path | str, kind: Fault, hint: str | None) -> str:
    try:
        return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError as error:
        raise failure(kind, path, f"is not UTF-8 text (byte {error.start})", hint=hint) from None


def read_json(
    path: Path | str, *, most: int = MAX_TEXT_BYTES, kind: Fault = DataError,
    hint: str | None = None,
) -> Any:  # fmt: skip
    """The value in a JSON file.

    Raises:
        DataError: (or `kind`) It cannot be read, or is no JSON.
    """
    return parse_json(read_bytes(path, most=most, kind=kind, hint=hint), path, kind=kind, hint=hint)


def parse_json(
    data: bytes, source: Path | str, *, kind: Fault = DataError, hint: str | None = None
) -> Any:
    """The value in JSON text that comes from the file `source`."""
    text = _decoded(data, source, kind, hint)
    with translated(source, "JSON", kind=kind, hint=hint):
        return json.loads(text)


class Adapter(Protocol[Value_co]):
    """Makes a value of JSON, or raises a ``ValueError``: a ``TypeAdapter`` of pydantic."""

    def validate_json(self, data: bytes, /) -> Value_co:
        """The value."""


def read_typed(
    path: Path | str, adapter: Adapter[Value], *, what: str, hint: str | None = None
) -> Value:
    """A value of known structure in a JSON file.

    Args:
        path: The file.
        adapter: Knows the structure.
        what: What it should be, as in ``"is not a plan"``.
        hint: What to do if it is damaged.

    Raises:
        DataError: It cannot be read, or has another structure.
    """
    data = read_bytes(path, most=MAX_TEXT_BYTES, hint=hint)
    try:
        return adapter.validate_json(data)
    except ValueError as error:
        reason = visible(_reason(error))
        raise failure(DataError, path, f"{what} ({reason})", hint=hint) from error


def _reason(error: ValueError) -> str:
    """What an adapter found wrong, field by field."""
    from pydantic import ValidationError  # not needed to read anything that is right

    from netwright.faults import plain_faults

    return plain_faults(error) if isinstance(error, ValidationError) else str(error).splitlines()[0]


def read_toml(
    path: Path | str, *, kind: Fault = ConfigError, hint: str | None = None
) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        ConfigError: (or `kind`) It cannot be read, or is no TOML.
    """
    text = read_text(path, most=MAX_TOML_BYTES, kind=kind, hint=hint)
    return parse_toml(text, path, kind=kind, hint=hint)


def parse_toml(
    text: str, source: Path | str, *, kind: Fault = ConfigError, hint: str | None = None
) -> dict[str, Any]:
    """The tables in TOML text that comes from the file `source`."""
    if _DEEP_KEY.search(text):
        raise failure(kind, source, "is not TOML: nested too deeply", hint=hint)
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise failure(kind, source, "is not TOML: nested too deeply", hint=hint) from None
    except ValueError as error:  # a number of too many digits is none of tomllib's own errors
        reason = visible(str(error).splitlines()[0])
        raise failure(kind, source, f"is not TOML: {reason}", hint=hint) from None


def read_arrays(
    path: Path | str,
    *,
    most: int = MAX_ARRAY_BYTES,
    names: Collection[str] | None = None,
    what: str = "an .npz file",
    hint: str | None = None,
) -> dict[str, NDArray[Any]]:
    """The arrays of an ``.npz`` file, no pickles among them.

    Every size that the archive or an array declares is compared with the bytes that are there
    before anything is allocated for it.

    Args:
        path: The file.
        most: Bytes that all arrays together may have.
        names: The arrays to read; all if not given. Those that are missing are left out.
        what: What the file should be, for messages.
        hint: What to do instead.

    Raises:
        DataError: The file is missing, damaged, too large, has two arrays of one name, or holds
            something else than arrays of numbers and text.
    """
    data = read_bytes(path, most=most, hint=hint)
    arrays: dict[str, NDArray[Any]] = {}
    with translated(path, what, hint=hint), zipfile.ZipFile(io.BytesIO(data)) as archive:
        left = most
        for entry in checked_members(archive, path, most=most, hint=hint).values():
            name = entry.filename.removesuffix(".npy")
            if names is not None and name not in names:
                continue
            content = read_member(archive, entry, path, most=left, hint=hint)
            left -= len(content)
            arrays[name] = parse_array(content, path, name, hint=hint)
    return arrays


def checked_members(
    archive: zipfile.ZipFile, source: Path | str, *, most: int, hint: str | None = None
) -> Mapping[str, zipfile.ZipInfo]:
    """The members of an archive by name.

    Raises:
        DataError: There are too many, two have one name, one lies outside of the archive, they
            declare more than `most` bytes, or there is something in front of them: the end of an
            archive behind another file is not what that file was.
    """
    entries = archive.infolist()
    if len(entries) > MAX_ARCHIVE_MEMBERS:
        raise failure(DataError, source, f"has more than {MAX_ARCHIVE_MEMBERS} members", hint=hint)
    members: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        name = entry.filename
        if name in members:
            raise failure(DataError, source, f'holds "{visible(name)}" twice', hint=hint)
        if name.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", name) or ":" in name[:2]:
            message = f'holds "{visible(name)}", which lies outside of it'
            raise failure(DataError, source, message, hint=hint)
        members[name] = entry
    if entries and min(entry.header_offset for entry in entries) > 0:
        raise failure(DataError, source, "holds something in front of its archive", hint=hint)
    declared = sum(entry.file_size for entry in entries)
    if declared > most:
        message = f"holds {declared} bytes unpacked; at most {most} are read"
        raise failure(DataError, source, message, hint=hint)
    return members


def read_member(
    archive: zipfile.ZipFile,
    entry: zipfile.ZipInfo,
    source: Path | str,
    *,
    most: int,
    hint: str | None = None,
) -> bytes:
    """The bytes of a member, whatever it declares.

    Raises:
        DataError: It is damaged, packed by a method of others, or has more than `most` bytes.
    """
    name = visible(entry.filename)
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise failure(DataError, source, f'packs "{name}" by an unknown method', hint=hint)
    with translated(source, "an archive", hint=hint), archive.open(entry) as member:
        content = member.read(most + 1)
    if len(content) > most:
        raise failure(DataError, source, f'"{name}" has more than {most} bytes', hint=hint)
    return content


def parse_array(
    data: bytes, source: Path | str, name: str = "array", *, hint: str | None = None
) -> NDArray[Any]:
    """The array in the bytes of an ``.npy`` file.

    Raises:
        DataError: The bytes are no array of numbers or text, or not as many as it declares.
    """
    stream = io.BytesIO(data)
    with translated(source, f'the array "{visible(name)}"', hint=hint), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about headers that Python 2 wrote
        version = np.lib.format.read_magic(stream)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if read is None:
            raise ValueError(f"version {version[0]}.{version[1]}")
        shape, fortran, dtype = read(stream, max_header_size=_MAX_HEADER_BYTES)
    count: int = prod(shape)
    if dtype.kind not in "biufU" or (dtype.itemsize == 0 and count):
        message = f'"{visible(name)}" must hold numbers or text, not {dtype}'
        raise failure(DataError, source, message, hint=hint)
    left = len(data) - stream.tell()
    if min(shape, default=0) < 0 or count * dtype.itemsize != left:
        message = (
            f'"{visible(name)}" declares the shape {_shown(shape)} of {dtype}, '
            f"and {left} bytes are there"
        )
        raise failure(DataError, source, message, hint=hint)
    with translated(source, f'the array "{visible(name)}"', hint=hint):
        if dtype.kind == "U":  # NumPy checks no code points, and Python breaks on others
            letters = np.frombuffer(data, f"{dtype.str[0]}u4", offset=stream.tell())
            if letters.max(initial=0) > MAX_LETTER:
                raise ValueError("it holds what is no letter")
        flat: NDArray[Any] = np.frombuffer(data, dtype, offset=stream.tell())
        return flat.reshape(shape, order="F" if fortran else "C").copy()


def _shown(shape: tuple[int, ...]) -> str:
    extents = [str(extent) if abs(extent) < 1 << 64 else "..." for extent in shape[:8]]
    return f"({', '.join(extents)}{', ...' if len(shape) > 8 else ''})"
