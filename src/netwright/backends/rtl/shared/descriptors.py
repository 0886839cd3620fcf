"""Descriptors of layers as words, and everything that is written into an accelerator once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from netwright.backends.rtl.shared.layers import Layer
from netwright.backends.rtl.shared.plan import Plan, Sizes
from netwright.errors import GraphError
from netwright.formats import Rounding

LAYERS_AT = 0x080000
WEIGHTS_AT = 0x100000
FEATURES_AT = 0x200000
TABLE_AT = 0x300000
"""Where the memories lie on the bus, in bytes."""

DESCRIPTOR_WORDS = 16

WORD = 32


@dataclass(frozen=True, slots=True)
class DescriptorField:
    """Some bits of a descriptor.

    Attributes:
        name: As messages and documents call it.
        place: Its lowest bit, counted from the beginning of the descriptor.
        bits: How many.
        meaning: One sentence.
        is_signed: Whether it is two's complement.
    """

    name: str
    place: int
    bits: int
    meaning: str
    is_signed: bool = False

    @property
    def interval(self) -> tuple[int, int]:
        """Its smallest and largest value."""
        if self.is_signed:
            return -(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1
        return 0, (1 << self.bits) - 1


def _at(word: int, low: int = 0) -> int:
    return WORD * word + low


FIELDS = (
    DescriptorField("positions", _at(0), 16, "Positions, less one."),
    DescriptorField("blocks", _at(0, 16), 16, "Blocks of units x elements channels, less one."),
    DescriptorField("steps", _at(1), 16, "Clocks for a window of one plane, less one."),
    DescriptorField("planes", _at(1, 16), 2, "Planes that are read, less one."),
    DescriptorField("digits", _at(1, 18), 3, "Bytes of a weight, less one."),
    DescriptorField("pieces", _at(1, 21), 2, "Words of a result, less one."),
    DescriptorField("signs", _at(1, 23), 4, "Which planes are two's complement."),
    DescriptorField("same_rows", _at(1, 27), 1, "All blocks use the same rows of weights."),
    DescriptorField("last", _at(1, 31), 1, "The run ends with this layer."),
    DescriptorField("source_0", _at(2), 16, "First word of plane 0."),
    DescriptorField("source_1", _at(2, 16), 16, "First word of plane 1."),
    DescriptorField("source_2", _at(3), 16, "First word of plane 2."),
    DescriptorField("source_3", _at(3, 16), 16, "First word of plane 3."),
    DescriptorField("first_index", _at(4), 18, "Where the first window begins, in words.", True),
    DescriptorField("source_stride", _at(5), 16, "Words from a position's window to the next."),
    DescriptorField("block_stride", _at(5, 16), 16, "Words from a block's window to the next."),
    DescriptorField("size", _at(6), 17, "Words of a plane; others count as 0."),
    DescriptorField("target", _at(7), 16, "Word where the first result goes."),
    DescriptorField("target_stride", _at(7, 16), 16, "Words between the results of positions."),
    DescriptorField("piece_stride", _at(8), 16, "Words from a result's lower word to the next."),
    DescriptorField("channels", _at(8, 16), 16, "Channels."),
    DescriptorField("first_row", _at(9), 16, "First row of weights."),
    DescriptorField("first_entry", _at(9, 16), 16, "First row of the table."),
    DescriptorField("shift", _at(10), 6, "Bits that are dropped."),
    DescriptorField("below", _at(10, 8), 2, "Added to negative values: 0, 1/2, 1/2 - 1, or ones."),
    DescriptorField("above", _at(10, 10), 2, "Added to other values, likewise."),
    DescriptorField("even", _at(10, 12), 1, "Ties go to even results."),
    DescriptorField("low", _at(11), 32, "Smallest result, lower bits."),
    DescriptorField("high", _at(12), 32, "Largest result, lower bits."),
    DescriptorField("low_upper", _at(13), 32, "Smallest result, upper bits.", True),
    DescriptorField("high_upper", _at(14), 32, "Largest result, upper bits.", True),
    DescriptorField("zero_point", _at(15), 18, "Subtracted at the end.", True),
)  # fmt: skip

_ADDENDS = {
    Rounding.FLOOR: (0, 0),
    Rounding.CEIL: (3, 3),
    Rounding.TOWARD_ZERO: (3, 0),
    Rounding.AWAY_FROM_ZERO: (0, 3),
    Rounding.HALF_EVEN: (1, 1),
    Rounding.HALF_UP: (1, 1),
    Rounding.HALF_DOWN: (2, 2),
    Rounding.HALF_AWAY: (2, 1),
    Rounding.HALF_TOWARD_ZERO: (1, 2),
}
"""What is added to negative and to other values before bits are dropped, as fields say it."""


def descriptor(plan: Plan, number: int) -> tuple[int, ...]:
    """The words of a layer's descriptor."""
    values = _values(plan, number)
    packed = 0
    for field in FIELDS:
        packed |= (values[field.name] & ((1 << field.bits) - 1)) << field.place
    return tuple(packed >> (WORD * i) & 0xFFFFFFFF for i in range(DESCRIPTOR_WORDS))


def _values(plan: Plan, number: int) -> dict[str, int]:
    layer, rescale = plan.layers[number], plan.layers[number].rescale
    below, above = _ADDENDS[rescale.rounding]
    return {
        "positions": layer.positions - 1,
        "blocks": layer.blocks(plan.options) - 1,
        "steps": layer.steps(plan.options) - 1,
        "planes": len(layer.planes) - 1,
        "digits": layer.digits - 1,
        "pieces": layer.pieces - 1,
        "signs": sum(plane.is_signed << i for i, plane in enumerate(layer.planes)),
        "same_rows": int(layer.same_rows),
        "last": int(number == len(plan.layers) - 1),
        **{f"source_{i}": place for i, place in enumerate(_sources(plan, layer))},
        "first_index": layer.first_index,
        "source_stride": layer.source_stride,
        "block_stride": layer.block_stride,
        "size": layer.size,
        "target": plan.places[layer.target] + layer.target_first,
        "target_stride": layer.target_stride,
        "piece_stride": plan.plane_words(layer.target),
        "channels": layer.channels,
        "first_row": plan.first_rows[number],
        "first_entry": plan.first_entries[number],
        "shift": rescale.shift,
        "below": below,
        "above": above,
        "even": int(rescale.rounding is Rounding.HALF_EVEN),
        "low": rescale.low & 0xFFFFFFFF,
        "high": rescale.high & 0xFFFFFFFF,
        "low_upper": rescale.low >> WORD,
        "high_upper": rescale.high >> WORD,
        "zero_point": rescale.zero_point,
    }


def _sources(plan: Plan, layer: Layer) -> tuple[int, int, int, int]:
    found = [
        plan.places[plane.tensor] + plane.piece * plan.plane_words(plane.tensor)
        for plane in layer.planes
    ]
    first, second, third, fourth = (found + [0] * 4)[:4]
    return first, second, third, fourth


def words_for(bits: int) -> int:
    """32-bit words that hold so many bits."""
    return -(-bits // WORD)


def lane_bits(words: int) -> int:
    """Bits of the address that say which word of a row is meant."""
    return max((words - 1).bit_length(), 1)


Image = tuple[tuple[int, int], ...]
"""Addresses in bytes, and the words that are written there."""


def image(plan: Plan) -> Image:
    """Everything that is written before the first run, in order.

    Raises:
        GraphError: A value is outside of its field of a descriptor; the message lists every fault.
    """
    faults = [
        f'layer "{plan.layers[number].name}": {fault}'
        for number in range(len(plan.layers))
        for fault in _faults(plan, number)
    ]
    if faults:
        raise GraphError("; ".join(dict.fromkeys(faults)))
    return tuple(_image(plan))


def _faults(plan: Plan, number: int) -> Iterator[str]:
    values = _values(plan, number)
    for field in FIELDS:
        low, high = field.interval
        if not low <= values[field.name] <= high:
            yield f"{field.name} must be from {low:,} to {high:,}, not {values[field.name]:,}"


def _image(plan: Plan) -> Iterator[tuple[int, int]]:
    sizes = plan.sizes
    for number in range(len(plan.layers)):
        for place, word in enumerate(descriptor(plan, number)):
            yield LAYERS_AT + 4 * (DESCRIPTOR_WORDS * number + place), word
    for row, weights in enumerate(plan.weights):
        octets = [int(value) & 0xFF for value in weights.reshape(-1)]
        value = int.from_bytes(bytes(octets), "little")
        yield from _row(WEIGHTS_AT, row, value, 8 * len(octets))
    entry_bits = sizes.multiplier_bits + sizes.offset_bits
    for row, entries in enumerate(plan.table):
        value = 0
        for element, (factor, offset) in enumerate(entries):
            value |= _entry(factor, offset, sizes) << (element * entry_bits)
        yield from _row(TABLE_AT, row, value, entry_bits * len(entries))


def _entry(factor: int, offset: int, sizes: Sizes) -> int:
    low = factor & ((1 << sizes.multiplier_bits) - 1)
    return low | (offset & ((1 << sizes.offset_bits) - 1)) << sizes.multiplier_bits


def _row(base: int, row: int, value: int, bits: int) -> Iterator[tuple[int, int]]:
    words = words_for(bits)
    for place in range(words):
        address = base + 4 * ((row << lane_bits(words)) + place)
        yield address, value >> (WORD * place) & 0xFFFFFFFF
