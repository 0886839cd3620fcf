"""How many bits a tensor takes: what every memory, transfer and figure of cost counts."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from netwright.errors import NumericsError
from netwright.formats.format import Format
from netwright.formats.number import NumberFormat


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored of a tensor.

    Attributes:
        payload_bits: Bits of the elements that are stored.
        metadata_bits: Bits that say where these lie, and the scales that groups of them share.
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
    Number formats whose neighbors share a scale store it for each group of stored elements, and for
    what is left of one (whether groups divide the extents, graphs check). Scales of a
    whole tensor or channel are not counted: they belong to the operator.

    Raises:
        NumericsError: The tensor cannot have the pattern.

    Example:
        >>> from netwright.formats import NM, NVFP4, Format, Int
        >>> sparse = stored(Format(Int(8), pattern=NM(2, 4, axis=1)), (64, 64))
        >>> sparse.payload_bits, sparse.metadata_bits, sparse.num_values, sparse.num_bytes
        (16384, 4096, 2048, 2560)
        >>> stored(Format(NVFP4), (64, 64)).metadata_bits  # a scale of 8 bits for 16 elements
        2048
    """
    count, number = prod(shape), format.number
    dense = _stored(number, count, count, 0)
    if format.pattern is None:
        return dense
    fault = format.pattern.shape_fault(shape)
    if fault:
        raise NumericsError(fault)
    kept = format.pattern.num_values(shape)
    sparse = _stored(number, kept, count, format.pattern.metadata_bits(shape))
    return sparse if sparse.num_bits < dense.num_bits else dense


def _stored(number: NumberFormat, kept: int, count: int, places: int) -> Stored:
    shared = -(-kept // number.group) * number.group_bits
    return Stored(kept * number.bits, places + shared, kept, count)
