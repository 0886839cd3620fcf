"""How many bits a tensor takes: what every memory, transfer and figure of cost counts."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from netwright.errors import NumericsError
from netwright.formats.format import Format


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored of a tensor.

    Attributes:
        payload_bits: Bits of the elements that are stored.
        metadata_bits: Bits that say where these lie.
        num_values: Number of elements that are stored; a product that skips the others does this
            share of its multiplications.
        num_elements: Number of elements of the tensor.
    """

    payload_bits: int
    metadata_bits: int
    num_values: int
    num_elements: int

    @property
    def num_bits(self) -> int:
        """Payload and metadata."""
        return self.payload_bits + self.metadata_bits

    @property
    def num_bytes(self) -> int:
        """Payload and metadata, packed, in whole bytes."""
        return -(-self.num_bits // 8)


def stored(format: Format, shape: tuple[int, ...]) -> Stored:
    """What is stored of a tensor of `shape`.

    Elements are packed bit by bit. Those that the pattern keeps are stored, and bits that say where
    they lie: for :class:`~netwright.formats.NM` the place in its group of each (or a bit for every
    place), for :class:`~netwright.formats.Blocks` and :class:`~netwright.formats.Density` the
    number of each kept block or element, or a bit for each, whichever is less. Where all elements
    take no more bits than that, all are stored: one-bit weights of 2:4 are smaller without places.
    Scales are not counted: they belong to the operator.

    Raises:
        NumericsError: The tensor cannot have the pattern.

    Example:
        >>> from netwright.formats import NM, Format, Int
        >>> sparse = stored(Format(Int(8), pattern=NM(2, 4, axis=1)), (64, 64))
        >>> sparse.payload_bits, sparse.metadata_bits, sparse.num_values, sparse.num_bytes
        (16384, 4096, 2048, 2560)
    """
    count, bits = prod(shape), format.bits
    dense = Stored(count * bits, 0, count, count)
    if format.pattern is None:
        return dense
    fault = format.pattern.shape_fault(shape)
    if fault:
        raise NumericsError(fault)
    kept = format.pattern.num_values(shape)
    sparse = Stored(kept * bits, format.pattern.metadata_bits(shape), kept, count)
    return sparse if sparse.num_bits < dense.num_bits else dense
