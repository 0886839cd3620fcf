"""The bank of a chip: where every weight, every bias and the mode lie in it, byte by byte."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from netwright.backends.rtl.adders.adder_graph import width
from netwright.backends.rtl.loading import loaded_constants, meaning, register_interval
from netwright.errors import ConfigError, DataError
from netwright.ir import Graph

VERSION = 1
"""Version of the bank's format: what its header and its end are."""

HEADER_BYTES = 6
"""Version, layout (2 bytes), size (2 bytes) and mode."""

MODE_PLACE = 5
"""Byte of the mode."""

CRC_BYTES = 2
MAX_BANK_BYTES = 0x7000
"""Bytes that the window of a bank has."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One byte of every value of a field, value after value.

    Attributes:
        name: Identifier of the registers: that of the field, with the number of the byte if a
            value has several.
        field: The field.
        part: Number of the byte in a value, the lowest first.
        place: Byte in the bank at which it begins.
        count: Values.
        bits: Bits of the byte that the hardware keeps; the others are zero.
    """

    name: str
    field: str
    part: int
    place: int
    count: int
    bits: int


@dataclass(frozen=True, slots=True)
class Field:
    """The weights or the biases of one product.

    Attributes:
        tensor: Constant of the graph.
        count: Values, in row-major order.
        bits: Bits of a value.
        signed: Whether it is two's complement.
        place: Byte in the bank at which it begins.
    """

    tensor: str
    count: int
    bits: int
    signed: bool
    place: int

    @property
    def value_bytes(self) -> int:
        """Bytes of a value."""
        return -(-self.bits // 8)

    @property
    def size(self) -> int:
        """Bytes of all values."""
        return self.count * self.value_bytes

    def lanes(self, name: str) -> tuple[Lane, ...]:
        """The bytes of its values: the lowest byte of every one first."""
        number = self.value_bytes
        return tuple(
            Lane(
                name=name if number == 1 else f"{name}_{part}",
                field=self.tensor,
                part=part,
                place=self.place + part * self.count,
                count=self.count,
                bits=min(8, self.bits - 8 * part),
            )
            for part in range(number)
        )

    def encode(self, values: NDArray[np.int64]) -> bytes:
        """Values of the field as its bytes.

        Raises:
            DataError: There are too many or too few, or one does not fit.
        """
        codes = values.reshape(-1).astype(np.int64)
        if len(codes) != self.count:
            raise DataError(f'"{self.tensor}" must have {self.count} values, not {len(codes)}')
        low = -(1 << (self.bits - 1)) if self.signed else 0
        high = low + (1 << self.bits) - 1
        wrong = np.flatnonzero((codes < low) | (codes > high))
        if len(wrong):
            raise DataError(
                f'"{self.tensor}" holds {int(codes[wrong[0]])} at place {int(wrong[0])}; its '
                f"registers hold {low} to {high}"
            )
        codes = codes & ((1 << self.bits) - 1)
        planes = [(codes >> (8 * part)) & 0xFF for part in range(self.value_bytes)]
        return np.concatenate(planes).astype(np.uint8).tobytes()

    def decode(self, octets: bytes) -> NDArray[np.int64]:
        """The values in the bytes of the field; bits that no register holds are left out."""
        planes = np.frombuffer(octets, dtype=np.uint8).reshape(self.value_bytes, self.count)
        codes = np.zeros(self.count, dtype=np.int64)
        for part, plane in enumerate(planes):
            codes |= plane.astype(np.int64) << (8 * part)
        codes &= (1 << self.bits) - 1
        if self.signed:
            codes -= (codes >> (self.bits - 1)) << self.bits
        return codes


@dataclass(frozen=True)
class Bank:
    """All bytes of a bank: header, weights and biases, CRC.

    Attributes:
        fields: Weights and biases, in the order of the graph's products.
        layout: 16 bits that tell networks with other structures, formats or modes apart.
        num_modes: Modes that the chip has.
    """

    fields: tuple[Field, ...]
    layout: int
    num_modes: int

    @classmethod
    def of(cls, graph: Graph, latent_bits: tuple[int, ...]) -> Bank:
        """The bank of a network.

        Args:
            graph: The network, in integer form.
            latent_bits: Bits of an output in every mode.

        Raises:
            ConfigError: There is nothing to load, or more than the chip can address.
        """
        fields, place = [], HEADER_BYTES
        for tensor in loaded_constants(graph):
            low, high = register_interval(graph, tensor)
            count = int(graph.constants[tensor].size)
            field = Field(tensor, count, width((low, high)), low < 0, place)
            fields.append(field)
            place += field.size
        if not fields:
            raise ConfigError(f'"{graph.name}" has no weights that could be loaded')
        if place + CRC_BYTES > MAX_BANK_BYTES:
            raise ConfigError(
                f'the weights of "{graph.name}" take {place + CRC_BYTES} bytes; a chip addresses '
                f"up to {MAX_BANK_BYTES}"
            )
        digest = hashlib.sha256(repr((*_structure(graph), latent_bits)).encode()).digest()
        return cls(tuple(fields), int.from_bytes(digest[:2], "little"), len(latent_bits))

    @cached_property
    def size(self) -> int:
        """Bytes of the bank."""
        return HEADER_BYTES + sum(field.size for field in self.fields) + CRC_BYTES

    @property
    def bits(self) -> int:
        """Bits of all weights and biases."""
        return sum(field.count * field.bits for field in self.fields)


def _structure(graph: Graph) -> Iterator[object]:
    """Everything of a network but its weights and scales, in a form that never changes."""
    loaded = set(loaded_constants(graph))
    yield graph.inputs, graph.outputs
    for node in graph.nodes:
        yield meaning(node)
    for name, value in graph.constants.items():
        if name in loaded:
            yield name, value.shape, register_interval(graph, name)
        else:
            yield name, value.shape, value.reshape(-1).tolist()
