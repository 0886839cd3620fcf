from __future__ import annotations

import numpy as np
import pytest

from netwright.errors import DataError
from netwright.formats.bfloat import bfloat16_values, bfloat16_words, lane_product
from netwright.kernels import available_isas, bank_product
from tests.formats.test_bfloat import CORNERS, bits

RANDOM = np.random.default_rng(0)
COMPILED = [isa for isa in available_isas() if isa != "numpy"]


def operands(rows: int, outputs: int, terms: int, spread: float) -> tuple[np.ndarray, np.ndarray]:
    shapes = (rows, terms), (outputs, terms)
    x, w = (RANDOM.normal(size=s) * 10.0 ** RANDOM.uniform(-spread, spread, s) for s in shapes)
    return x.astype(np.float32), bfloat16_words(w)


@pytest.mark.parametrize("isa", COMPILED)
def test_every_path_gives_every_bit_of_the_reference(isa: str) -> None:
    for shape, lanes, piece, sum_bits, spread in (
        ((1, 1, 1), 16, 1024, 32, 1), ((9, 33, 256), 16, 1024, 32, 0),
        ((5, 37, 70), 16, 32, 16, 1), ((9, 19, 33), 4, 7, 32, 20),
        ((4, 16, 64), 1, 64, 16, 25), ((7, 8, 40), 8, 40, 32, 30), ((3, 5, 100), 2, 24, 32, 2),
    ):  # fmt: skip
        x, w = operands(*shape, spread)
        order = {"lanes": lanes, "piece": piece, "sum_bits": sum_bits}
        made = bank_product(x, w, isa=isa, num_threads=2, **order)
        assert bits(made) == bits(lane_product(x, bfloat16_values(w).T, **order))


@pytest.mark.parametrize("isa", COMPILED)
def test_corner_values_are_those_of_the_reference(isa: str) -> None:
    for sum_bits in (16, 32):
        w = RANDOM.choice(CORNERS, (40, 24))
        x = bfloat16_values(RANDOM.choice(CORNERS, (11, 24)))
        finite = RANDOM.random((11, 24)) < 0.8
        x = np.where(finite, RANDOM.normal(size=x.shape) * 1e-38, x).astype(np.float32)
        made = bank_product(x, w, sum_bits=sum_bits, isa=isa)
        wanted = lane_product(x, bfloat16_values(w).T, sum_bits=sum_bits)
        assert bits(made) == bits(wanted)


def test_what_does_not_fit_is_refused() -> None:
    x, w = operands(2, 3, 4, 1)
    with pytest.raises(DataError, match=r"vectors must be uint16 of shape \(outputs, 4\)"):
        bank_product(x, w[:, :3])
    with pytest.raises(DataError, match="lanes must be a power of two"):
        bank_product(x, w, lanes=3)


def test_orders_beyond_all_units_take_no_memory() -> None:
    x, w = operands(1, 1, 4, 0)
    with pytest.raises(DataError, match="lanes must be a power of two up to 1024, not 1099511627"):
        bank_product(x, w, lanes=1 << 40)
    with pytest.raises(DataError, match="piece must be from 1 to 16777216, not"):
        bank_product(x, w, piece=1.5)  # type: ignore[arg-type]
