"""Whether a GGUF file is what its header says, before any library reads it.

The header (GGUF 3, little endian) names values and tensors; every count, length, type, offset and
size is compared with the file before something is made of it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from pathlib import Path

from netwright.errors import DataError
from netwright.escape import visible

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MAX_FIELDS = 10_000
MAX_TENSORS = 100_000
MAX_AXES = 4
MAX_ELEMENTS = 1 << 40
MAX_NAME = 1 << 10
MAX_TEXT = 1 << 20
MAX_ENTRIES = 1 << 22
MAX_DEPTH = 2
MAX_ALIGNMENT = 1 << 16

_STRING, _ARRAY = 8, 9
_WIDTHS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of a value, by GGUF's number of its type."""

_UINT32, _ALIGNMENT = 4, "general.alignment"

BLOCKS = {0: ("F32", 1, 4), 1: ("F16", 1, 2), 3: ("Q4_1", 32, 20), 8: ("Q8_0", 32, 34)}
"""Tensor types that are read: name, elements of a block and its bytes."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A tensor of a file.

    Attributes:
        name: Its name.
        shape: Extents, the innermost last.
        kind: How elements are stored: a name in :data:`BLOCKS`.
        start: First byte in the file.
        num_bytes: Its size.
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    start: int
    num_bytes: int


class _Bytes:
    """A file read from the start, never beyond its end."""

    def __init__(self, path: Path, data: memoryview) -> None:
        self.path, self.data, self.place = path, data, 0

    def fault(self, text: str) -> DataError:
        return DataError(f"no GGUF file that is read: {text}", source=str(self.path))

    def take(self, count: int, what: str) -> memoryview:
        if count > len(self.data) - self.place:
            raise self.fault(f"it ends in {what}, at byte {len(self.data)}")
        found = self.data[self.place : self.place + count]
        self.place += count
        return found

    def number(self, code: str, what: str) -> int:
        found: int = struct.unpack("<" + code, self.take(struct.calcsize("<" + code), what))[0]
        return found

    def bounded(self, code: str, what: str, most: int) -> int:
        found = self.number(code, what)
        if found > most:
            raise self.fault(f"{what} is {found}; at most {most} is read")
        return found

    def text(self, what: str, most: int) -> str:
        length = self.bounded("Q", f"the length of {what}", most)
        try:
            return bytes(self.take(length, what)).decode()
        except UnicodeDecodeError:
            raise self.fault(f"{what} is no text") from None


def checked_layout(path: Path, data: memoryview) -> tuple[Entry, ...]:
    """The tensors of a file whose header was checked.

    Args:
        path: For messages.
        data: The whole file.

    Raises:
        DataError: It is truncated, damaged, or has something that is not read; the message says
            which.
    """
    file = _Bytes(path, data)
    if bytes(file.take(4, "its first word")) != MAGIC:
        raise file.fault("it does not begin with GGUF")
    version = file.number("I", "its version")
    if version not in VERSIONS:
        raise file.fault(f"its version must be one of {VERSIONS}, not {version}")
    num_tensors = file.bounded("Q", "the number of tensors", MAX_TENSORS)
    num_fields = file.bounded("Q", "the number of values", MAX_FIELDS)
    alignment, names = 32, set()
    for _ in range(num_fields):
        name = file.text("the name of a value", MAX_NAME)
        if name in names:
            raise file.fault(f'it has two values "{visible(name)}"')
        names.add(name)
        kind = file.number("I", f'the type of "{visible(name)}"')
        if name == _ALIGNMENT:
            if kind != _UINT32:
                raise file.fault("the alignment must be a 32-bit number")
            alignment = file.bounded("I", "the alignment", MAX_ALIGNMENT)
            if alignment < 8 or alignment & (alignment - 1):
                raise file.fault(f"the alignment must be a power of two from 8, not {alignment}")
        else:
            _skip(file, kind, visible(name), 0)
    heads = [_head(file) for _ in range(num_tensors)]
    start = -(-file.place // alignment) * alignment
    return tuple(_entries(file, heads, start, alignment))


def _skip(file: _Bytes, kind: int, name: str, depth: int) -> None:
    if kind in _WIDTHS:
        file.take(_WIDTHS[kind], f'"{name}"')
    elif kind == _STRING:
        file.text(f'"{name}"', MAX_TEXT)
    elif kind == _ARRAY and depth < MAX_DEPTH:
        inner = file.number("I", f'the type of "{name}"')
        count = file.bounded("Q", f'the number of entries of "{name}"', MAX_ENTRIES)
        if inner in _WIDTHS:
            file.take(count * _WIDTHS[inner], f'"{name}"')
            return
        for _ in range(count):
            _skip(file, inner, name, depth + 1)
    else:
        raise file.fault(f'"{name}" has the unknown type {kind}')


def _head(file: _Bytes) -> tuple[str, tuple[int, ...], int, int]:
    name = file.text("the name of a tensor", 64)
    shown = visible(name)
    rank = file.bounded("I", f'the number of axes of "{shown}"', MAX_AXES)
    extents = [file.bounded("Q", f'an extent of "{shown}"', MAX_ELEMENTS) for _ in range(rank)]
    kind = file.number("I", f'the type of "{shown}"')
    offset = file.number("Q", f'the offset of "{shown}"')
    if kind not in BLOCKS:
        known = ", ".join(f"{number} ({found[0]})" for number, found in BLOCKS.items())
        raise file.fault(f'tensor "{shown}" has the unknown type {kind}; types: {known}')
    if prod(extents) > MAX_ELEMENTS:
        raise file.fault(f'tensor "{shown}" has {prod(extents)} elements; that is too many')
    return name, tuple(reversed(extents)), kind, offset


def _entries(
    file: _Bytes, heads: list[tuple[str, tuple[int, ...], int, int]], start: int, alignment: int
) -> Iterator[Entry]:
    used: list[tuple[int, int, str]] = []
    names: set[str] = set()
    for name, shape, kind, offset in heads:
        shown = visible(name)
        if name in names:
            raise file.fault(f'it has two tensors "{shown}"')
        names.add(name)
        text, elements, size = BLOCKS[kind]
        if 0 in shape:
            raise file.fault(f'tensor "{shown}" of shape {shape} holds nothing')
        if not shape or shape[-1] % elements:
            raise file.fault(
                f'tensor "{shown}" of shape {shape} does not consist of blocks of {elements} '
                f"elements, as {text} has"
            )
        num_bytes = prod(shape) // elements * size
        if offset % alignment:
            raise file.fault(
                f'the offset {offset} of tensor "{shown}" must be a multiple of {alignment}'
            )
        if offset + num_bytes > len(file.data) - start:
            raise file.fault(
                f'tensor "{shown}" takes {num_bytes} bytes from byte {start + offset}, and the '
                f"file ends at byte {len(file.data)}"
            )
        used.append((offset, offset + num_bytes, shown))
        yield Entry(name, shape, text, start + offset, num_bytes)
    used.sort()
    for (_, end, first), (begin, _, second) in pairwise(used):
        if begin < end:
            raise file.fault(f'the tensors "{first}" and "{second}" overlap')
