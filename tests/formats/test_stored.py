"""Stored bits, against hand calculations and a packing that is really done."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import NumericsError
from netwright.formats import E2M1, NM, Bipolar, Blocks, Density, Float, Format, Int, stored


@pytest.mark.parametrize(
    ("format", "shape", "payload", "metadata", "values", "num_bytes"),
    [
        (Format(Int(8)), (3, 3), 72, 0, 9, 9),
        (Format(Int(3)), (3, 3), 27, 0, 9, 4),
        (Format(Float(32)), (), 32, 0, 1, 4),
        (Format(E2M1), (5,), 20, 0, 5, 3),
        (Format(Int(8)), (0, 4), 0, 0, 0, 0),
        # Two of four: half of the values, two bits for the place of each (or four for a group).
        (Format(Int(8), pattern=NM(2, 4)), (64, 64), 16384, 4096, 2048, 2560),
        # One of eight: three bits for a place.
        (Format(Int(4), pattern=NM(1, 8, axis=1)), (2, 16), 16, 12, 4, 4),
        # Four of eight: a bit for each place is less than four numbers of three bits.
        (Format(Int(8), pattern=NM(4, 8)), (8,), 32, 8, 4, 5),
        # 12 of 120 blocks: numbers of seven bits are less than 120 bits.
        (Format(Int(8), pattern=Blocks(4, density=0.1)), (80, 6), 384, 84, 48, 59),
        # Half of the blocks: a bit for each.
        (Format(Int(8), pattern=Blocks(4, density=0.5)), (80, 6), 1920, 120, 240, 255),
        (Format(Int(8), pattern=Density(0.25)), (10, 10), 200, 100, 25, 38),
        (Format(Int(8), pattern=Density(0.01)), (1000,), 80, 100, 10, 23),
    ],
)
def test_by_hand(
    format: Format, shape: tuple[int, ...], payload: int, metadata: int, values: int, num_bytes: int
) -> None:
    found = stored(format, shape)
    assert (found.payload_bits, found.metadata_bits, found.num_values) == (
        payload, metadata, values,
    )  # fmt: skip
    assert found.num_bytes == num_bytes


@pytest.mark.parametrize(
    ("number", "pattern"),
    [(Bipolar(), NM(2, 4)), (Int(1), NM(2, 4)), (Int(8), Density(0.95)), (Int(8), NM(4, 4))],
)
def test_all_elements_are_stored_where_that_takes_no_more(number: Int, pattern: NM) -> None:
    assert stored(Format(number, pattern=pattern), (8, 8)) == stored(Format(number), (8, 8))


def test_a_pattern_that_the_shape_cannot_have_is_refused() -> None:
    with pytest.raises(NumericsError, match=r"^NM\(2:4\) must divide axis 0, which has extent 6$"):
        stored(Format(Int(8), pattern=NM(2, 4)), (6, 4))


def test_bits_are_those_of_a_packing_that_gives_the_values_back() -> None:
    random = np.random.default_rng(5)
    values = random.integers(1, 8, (16, 4))
    keep = random.permuted(np.tile([1, 1, 0, 0], (16, 1)), axis=1).astype(bool)
    values[~keep] = 0
    format = Format(Int(4), pattern=NM(2, 4, axis=1))
    assert format.pattern is not None
    assert format.pattern.fault(values) == ""
    packed = "".join(
        f"{int(place):02b}{int(value):04b}"
        for row in values
        for place, value in zip(np.flatnonzero(row), row[row != 0], strict=True)
    )
    assert len(packed) == stored(format, values.shape).num_bits
    parts = [packed[i : i + 6] for i in range(0, len(packed), 6)]
    read = np.zeros_like(values)
    for number, part in enumerate(parts):
        read[number // 2, int(part[:2], 2)] = int(part[2:], 2)
    assert np.array_equal(read, values)
