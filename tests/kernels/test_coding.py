"""Number formats as integers times a step."""

from __future__ import annotations

import re

import numpy as np
import pytest

from netwright.errors import DataError
from netwright.formats import (
    E2M1,
    E4M3,
    E5M2,
    MXFP4,
    MXFP6,
    MXFP8,
    MXINT8,
    NVFP4,
    BlockScaled,
    Float,
    Int,
    OutlierPairs,
)
from netwright.kernels.coding import coding_of


def test_four_bit_words_mean_integers() -> None:
    e2m1 = [0, 1, 2, 3, 4, 6, 8, 12]
    coding = coding_of(MXFP4)
    assert coding.tables is not None
    assert coding.tables[0].tolist() == coding.tables[1].tolist() == e2m1 + [-v for v in e2m1]
    assert (coding.step, coding.group, coding.scale, coding.largest) == (0.5, 32, "e8m0", 12)
    assert coding_of(NVFP4).scale == "e4m3"
    pairs = coding_of(OutlierPairs("flint4"))
    assert pairs.tables is not None
    assert pairs.tables[0].tolist() == [0, 1, 2, 3, 16, 8, 4, 6, 0, -1, -2, -3, -16, -8, -4, -6]
    assert pairs.tables[1, :8].tolist() == [0, 24, 32, 48, 64, 96, 128, 192]


def test_wider_elements_are_bytes() -> None:
    for number, step, largest in ((MXFP6, 0.125, 60), (MXINT8, 2.0**-6, 128), (Int(8), 1.0, 128)):
        coding = coding_of(number)
        assert (coding.bits, coding.step) == (8, step)
        assert coding.largest in (largest - 1, largest, largest + 1)
    assert coding_of(Int(8, signed=False)).offset == 128
    assert coding_of(OutlierPairs("int8")).bits == 16


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (MXFP8, "there is no product for e4m3fn"),
        (Float(), "there is no product for"),
        (Int(9), "there is no product for"),
        (BlockScaled(E2M1, 4), "must have a multiple of 8 elements to be multiplied, not 4"),
        (BlockScaled(E2M1, 16, E5M2), "there is no product for scales in e5m2"),
    ],
)
def test_formats_without_a_product_are_refused(number: object, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        coding_of(number)  # type: ignore[arg-type]


def test_scales_are_what_their_format_says() -> None:
    words = np.arange(255, dtype=np.uint8)
    assert (coding_of(MXFP4).scale_values(words) == np.ldexp(1.0, words.astype(int) - 127)).all()
    words = words[:127]
    assert (coding_of(NVFP4).scale_values(words) == E4M3.decode(words.astype(np.uint64))).all()
    for number, bad in ((MXFP4, 255), (NVFP4, 127), (NVFP4, 200)):
        assert str(bad) in coding_of(number).scale_fault(np.array([[3, bad]], np.uint8))
