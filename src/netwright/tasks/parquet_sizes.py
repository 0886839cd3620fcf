"""How much a Parquet file holds unpacked, by its footer and the headers of its pages.

pyarrow reads sizes, too, but a footer that contradicts itself ends the process there, and what a
page declares is only found when it is unpacked. Both are records of Thrift's compact protocol
(https://github.com/apache/parquet-format); none is trusted, and reading them takes no longer than
their bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

MAGIC = b"PAR1"
VALUE_BYTES = 8
"""Memory that a value may take beside the bytes of its page."""

_MAX_DEPTH = 32
_STOP, _TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = (
    0, 1, 2, 3, 7, 8, 9, 10, 11, 12,
)  # fmt: skip
_INTEGERS = (4, 5, 6)
_ROW_GROUPS, _COLUMNS, _CHUNK = 4, 1, 3
_NUM_VALUES, _COMPRESSED, _DATA_OFFSET, _DICTIONARY_OFFSET = 5, 7, 9, 11
_UNPACKED_SIZE, _PACKED_SIZE, _DATA_HEADER, _DICTIONARY_HEADER, _DATA_HEADER_2 = 2, 3, 5, 7, 8

Record = dict[int, Any]
"""Fields by number: whole numbers, bytes, lists and records; other values are left out."""


def unpacked_bytes(data: bytes) -> int:
    """Memory that all columns of a file may take: its pages, and 8 bytes for each value.

    Args:
        data: The file.

    Raises:
        ValueError: It is no Parquet file, or its footer or a page is damaged.
    """
    if len(data) < 12 or data[-4:] != MAGIC:
        raise ValueError("it does not end as a Parquet file")
    size = int.from_bytes(data[-8:-4], "little")
    if size > len(data) - 12:
        raise ValueError("its footer is longer than the file")
    footer = _Reader(data, len(data) - 8 - size, len(data) - 8).record()
    total = 0
    for group in _records(footer.get(_ROW_GROUPS)):
        for column in _records(group.get(_COLUMNS)):
            chunk = column.get(_CHUNK)
            if not isinstance(chunk, dict):
                raise ValueError("a column has no description")
            total += _chunk_bytes(data, chunk)
    return total


def _chunk_bytes(data: bytes, chunk: Record) -> int:
    """Memory of the pages of a column in a group of rows."""
    declared, start = _number(chunk, _NUM_VALUES), _number(chunk, _DATA_OFFSET)
    dictionary = _number(chunk, _DICTIONARY_OFFSET)
    if 0 < dictionary < start:
        start = dictionary
    end = min(start + _number(chunk, _COMPRESSED), len(data))
    total = seen = 0
    while start < end and seen < declared:
        reader = _Reader(data, start, end)
        page = reader.record()
        for name in (_DATA_HEADER, _DATA_HEADER_2, _DICTIONARY_HEADER):
            header = page.get(name)
            values = _number(header, 1) if isinstance(header, dict) else 0
            if name == _DICTIONARY_HEADER:
                total += VALUE_BYTES * values
            else:
                seen += values
        total += _number(page, _UNPACKED_SIZE)
        start = reader.at + _number(page, _PACKED_SIZE)
    return total + VALUE_BYTES * max(seen, declared)


def _records(found: object) -> list[Record]:
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _number(record: Record, name: int) -> int:
    found = record.get(name, 0)
    if not isinstance(found, int) or found < 0:
        raise ValueError("a size is no number")
    return found


@dataclass
class _Reader:
    """Reads records from `at` to `end`."""

    data: bytes
    at: int
    end: int
    depth: int = field(default=0)

    def record(self) -> Record:
        """The fields of the record that begins here."""
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise ValueError("it is nested too deeply")
        found: Record = {}
        name = 0
        while (head := self._byte()) != _STOP:
            name = name + (head >> 4) if head >> 4 else self._signed()
            found[name] = self._value(head & 15, in_list=False)
        self.depth -= 1
        return found

    def _value(self, kind: int, *, in_list: bool) -> Any:
        if kind in _INTEGERS:
            return self._signed()
        if kind == _BINARY:
            return self._bytes(self._unsigned())
        if kind == _STRUCT:
            return self.record()
        if kind in (_LIST, _SET):
            return self._list()
        if kind in (_TRUE, _FALSE):
            return self._byte() == _TRUE if in_list else kind == _TRUE
        if kind in (_BYTE, _DOUBLE):
            return self._bytes(1 if kind == _BYTE else 8)
        if kind == _MAP:
            return self._map()
        raise ValueError("it has a value of an unknown type")

    def _list(self) -> list[Any]:
        head = self._byte()
        size = head >> 4 if head >> 4 != 15 else self._unsigned()
        return [self._value(head & 15, in_list=True) for _ in range(self._checked(size))]

    def _map(self) -> None:
        size = self._checked(self._unsigned())
        kinds = self._byte() if size else 0
        for _ in range(size):
            self._value(kinds >> 4, in_list=True)
            self._value(kinds & 15, in_list=True)

    def _checked(self, size: int) -> int:
        if size > self.end - self.at:  # an element takes a byte or more
            raise ValueError("it is shorter than it says")
        return size

    def _bytes(self, size: int) -> bytes:
        self.at += self._checked(size)
        return self.data[self.at - size : self.at]

    def _byte(self) -> int:
        return self._bytes(1)[0]

    def _unsigned(self) -> int:
        value = 0
        for place in range(10):
            byte = self._byte()
            value |= (byte & 127) << 7 * place
            if byte < 128:
                return value
        raise ValueError("a number is too long")

    def _signed(self) -> int:
        value = self._unsigned()
        return value >> 1 ^ -(value & 1)
