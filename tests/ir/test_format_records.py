"""Records of formats come from files of strangers."""

from __future__ import annotations

import re

import pytest

from netwright.errors import NumericsError
from netwright.formats import E4M3, NM, Blocks, Fixed, Int
from netwright.ir.format_records import Record, number_from, pattern_from, record_of


def test_what_is_written_is_read() -> None:
    assert record_of(Int(4, signed=False)) == {
        "kind": "int", "bits": 4, "signed": False, "narrow": False,
    }  # fmt: skip
    for number in (Int(4), E4M3, Fixed(8, 3)):
        assert number_from(record_of(number)) == number
    for pattern in (NM(2, 4, 1), Blocks(4, density=0.1)):
        assert pattern_from(record_of(pattern)) == pattern


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({}, "a record of formats must have a text as kind, not None"),
        ({"kind": "inf"}, '"inf" is not one of the formats; did you mean "int"?'),
        ({"kind": "int"}, 'the record of "int" is not whole'),
        ({"kind": "int", "bits": 65}, "bits must be an integer from 1 to 64, not 65"),
        ({"kind": "int", "bits": "8"}, "bits of \"int\" must be int, not '8'"),
        ({"kind": "int", "bits": 8.0}, 'bits of "int" must be int, not 8.0'),
        ({"kind": "int", "bits": 8, "sign": True}, '"int" has no sign'),
        ({"kind": "int", "bits": 8, "signed": 1}, 'signed of "int" must be bool, not 1'),
        ({"kind": "minifloat", "exponent_bits": 4, "mantissa_bits": 3, "special": "x"}, "special"),
        ({"kind": "fixed", "bits": 8, "integer_bits": 8, "rounding": "up"}, "rounding"),
    ],
)
def test_records_without_meaning_are_refused(record: Record, message: str) -> None:
    with pytest.raises(NumericsError, match=f"^{re.escape(message)}"):
        number_from(record)
