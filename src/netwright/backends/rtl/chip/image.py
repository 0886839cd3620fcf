"""The weights of a chip as bytes and as a file, with everything that tells a wrong one apart."""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, TypeAdapter

from netwright.backends.rtl.chip.bank import (
    CRC_BYTES,
    MAX_BANK_BYTES,
    MODE_PLACE,
    VERSION,
    Bank,
)
from netwright.backends.rtl.loading import widened
from netwright.errors import ConfigError, DataError
from netwright.files import write_atomic, write_text
from netwright.ir import Graph
from netwright.reading import read_bytes, read_typed

FORMAT: Literal["netwright weights"] = "netwright weights"
"""What a weight file says it is."""

CRC_START = 0xFFFF


def checksum(octets: bytes) -> int:
    """CRC-16 with the polynomial 0x1021 and the start 0xffff (known as CCITT-FALSE).

    >>> hex(checksum(b"123456789"))
    '0x29b1'
    """
    return crc_hqx(octets, CRC_START)


@dataclass(frozen=True, slots=True)
class WeightImage:
    """What a bank is loaded with: its bytes, header and CRC included.

    Attributes:
        data: The bytes.
    """

    data: bytes

    @classmethod
    def of(cls, bank: Bank, graph: Graph, *, mode: int) -> WeightImage:
        """The weights and biases of a graph.

        Args:
            bank: The bank of the chip.
            graph: What the chip was made for, or a graph that may be loaded.
            mode: Which number of output bits it selects.

        Raises:
            DataError: The mode or a value does not fit.
        """
        values = {field.tensor: graph.constants[field.tensor] for field in bank.fields}
        return cls.from_values(bank, values, mode=mode)

    @classmethod
    def from_values(
        cls, bank: Bank, values: Mapping[str, NDArray[np.int64]], *, mode: int
    ) -> WeightImage:
        """The image of values by tensor.

        Raises:
            DataError: The mode does not exist, or values are missing, too many or do not fit.
        """
        _check_mode(bank, mode)
        missing = [field.tensor for field in bank.fields if field.tensor not in values]
        unknown = sorted(set(values) - {field.tensor for field in bank.fields})
        if missing or unknown:
            raise DataError(
                f"weights are missing for {', '.join(missing) or 'nothing'}; unknown: "
                f"{', '.join(unknown) or 'none'}"
            )
        header = bytes([VERSION]) + _word(bank.layout) + _word(bank.size) + bytes([mode])
        body = header + b"".join(field.encode(values[field.tensor]) for field in bank.fields)
        return cls(body + _word(checksum(body)))

    @classmethod
    def checked(cls, bank: Bank, data: bytes) -> WeightImage:
        """Bytes from elsewhere, refused for the same reasons for which the chip refuses them.

        Raises:
            DataError: Size, version, layout, mode or CRC are wrong; the message says all of it.
        """
        faults = list(_faults(bank, data))
        if faults:
            raise DataError(
                f"these weights cannot be loaded: {'; '.join(faults)}",
                hint=_hint(bank),
            )
        return cls(data)

    @property
    def mode(self) -> int:
        """Which number of output bits it selects."""
        return self.data[MODE_PLACE]

    @property
    def crc(self) -> int:
        """The CRC in its last bytes."""
        return int.from_bytes(self.data[-CRC_BYTES:], "little")

    def with_mode(self, bank: Bank, mode: int) -> WeightImage:
        """The same weights in another mode.

        Raises:
            DataError: There is no such mode.
        """
        return self.from_values(bank, self.values(bank), mode=mode)

    def values(self, bank: Bank) -> dict[str, NDArray[np.int64]]:
        """The weights and biases by tensor, one after another."""
        return {
            field.tensor: field.decode(self.data[field.place : field.place + field.size])
            for field in bank.fields
        }

    def graph(self, bank: Bank, graph: Graph) -> Graph:
        """The graph with these weights and biases, and formats that hold its sums."""
        made = graph
        for name, values in self.values(bank).items():
            made = made.with_constant(name, values.reshape(graph.constants[name].shape))
        return widened(made, graph)


class _File(BaseModel):
    """A weight file that a person can read."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    format: Literal["netwright weights"]
    version: int
    layout: int
    size: int
    mode: int
    crc: int
    values: dict[str, list[int]]


_ADAPTER = TypeAdapter(_File)


def write_weights(path: str | Path, image: WeightImage, bank: Bank) -> None:
    """Write weights to a file: bytes (``.bin``), or text that a person can read (``.json``).

    Raises:
        ConfigError: The name of the file ends with neither.
    """
    path = Path(path)
    if _is_binary(path):
        write_atomic(path, lambda stream: stream.write(image.data))
        return
    record = _File(
        format=FORMAT,
        version=VERSION,
        layout=bank.layout,
        size=bank.size,
        mode=image.mode,
        crc=image.crc,
        values={name: values.tolist() for name, values in image.values(bank).items()},
    )
    write_text(path, record.model_dump_json() + "\n")


def read_weights(path: str | Path, bank: Bank) -> WeightImage:
    """Read a weight file for a chip.

    Args:
        path: A file that :func:`write_weights` made.
        bank: The bank of the chip.

    Raises:
        ConfigError: The name of the file ends with neither ``.bin`` nor ``.json``.
        DataError: The file cannot be read, or its size, version, layout, mode, CRC or a value is
            wrong; the message says all of it.
    """
    path = Path(path)
    if _is_binary(path):
        data = read_bytes(path, most=MAX_BANK_BYTES)
    else:
        record = read_typed(path, _ADAPTER, what="is not a weight file")
        data = None
    try:
        return WeightImage.checked(bank, data) if data is not None else _of_record(bank, record)
    except DataError as error:
        raise DataError(error.message, source=str(path), hint=error.hint) from None


def _of_record(bank: Bank, record: _File) -> WeightImage:
    """The image that a readable file describes; its CRC is that of the bytes it stands for."""
    said = {"version": record.version, "layout": record.layout, "size": record.size}
    wanted = {"version": VERSION, "layout": bank.layout, "size": bank.size}
    faults = [
        f"its {name} is {said[name]}, not {wanted[name]}"
        for name in wanted
        if said[name] != wanted[name]
    ]
    if faults:
        raise DataError(f"these weights cannot be loaded: {'; '.join(faults)}", hint=_hint(bank))
    values = {
        name: np.array([min(max(v, -_FAR), _FAR) for v in numbers], dtype=np.int64)
        for name, numbers in record.values.items()
    }
    image = WeightImage.from_values(bank, values, mode=record.mode)
    if image.crc != record.crc:
        raise DataError(
            f"its CRC is {record.crc}, but that of its values is {image.crc}",
            hint="the file was changed or damaged; write it again",
        )
    return image


_FAR = 1 << 62
"""No register holds as much; numbers beyond it are refused like it."""


def _is_binary(path: Path) -> bool:
    if path.suffix not in (".bin", ".json"):
        raise ConfigError(f'a weight file must end with .bin or .json, not "{path.suffix}"')
    return path.suffix == ".bin"


def _check_mode(bank: Bank, mode: int) -> None:
    whole = isinstance(mode, int | np.integer) and not isinstance(mode, bool)
    if not whole or not 0 <= mode < bank.num_modes:
        raise DataError(f"the mode must be from 0 to {bank.num_modes - 1}, not {mode}")


def _faults(bank: Bank, data: bytes) -> Iterator[str]:
    if len(data) != bank.size:
        yield f"they have {len(data)} bytes, not {bank.size}"
        return
    if data[0] != VERSION:
        yield f"their version is {data[0]}, not {VERSION}"
    layout, size = (int.from_bytes(data[i : i + 2], "little") for i in (1, 3))
    if layout != bank.layout:
        yield f"their layout is 0x{layout:04x}, not 0x{bank.layout:04x} (it is another network's)"
    if size != bank.size:
        yield f"they say that they have {size} bytes, not {bank.size}"
    if data[MODE_PLACE] >= bank.num_modes:
        yield f"their mode is {data[MODE_PLACE]}, not from 0 to {bank.num_modes - 1}"
    for field in bank.fields:
        part = data[field.place : field.place + field.size]
        if field.encode(field.decode(part)) != part:
            yield f'bits of "{field.tensor}" are set that no register holds'
    body = data[:-CRC_BYTES]
    said = int.from_bytes(data[-CRC_BYTES:], "little")
    if checksum(body) != said:
        yield f"their CRC is 0x{said:04x}, not 0x{checksum(body):04x}"


def _hint(bank: Bank) -> str:
    return f"the chip takes {bank.size} bytes of version {VERSION} and layout 0x{bank.layout:04x}"


def _word(value: int) -> bytes:
    return value.to_bytes(2, "little")
