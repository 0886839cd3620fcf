from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.rationals import halves, lane_sum, plus, times

from netwright.formats import BFLOAT16
from netwright.formats.bfloat import (
    add,
    bfloat16_values,
    bfloat16_words,
    lane_product,
    multiply,
    order_faults,
    rounded_to_bfloat16,
)

CORNERS = np.array(
    [0x0000, 0x8000, 0x0001, 0x807F, 0x0080, 0x8080, 0x3F80, 0xBF80, 0x7F7F, 0xFF7F, 0x7F80,
     0xFF80, 0x7FC0, 0x0100, 0x1FFF, 0x6000],
    np.uint16,
)  # fmt: skip
"""Zeros, subnormal numbers, the smallest normal ones, ones, the largest, infinities, NaN."""


def bits(values: object) -> list[int]:
    return np.asarray(values, np.float32).view(np.uint32).ravel().tolist()


def test_words_of_finite_values_are_those_of_the_format_but_for_subnormal_ones() -> None:
    random = np.random.default_rng(0)
    values = (random.normal(size=4000) * 10.0 ** random.integers(-37, 38, 4000)).astype(np.float32)
    values = values[(np.abs(values) < BFLOAT16.max) & (np.abs(values) > 2.0**-126)]
    assert np.array_equal(bfloat16_words(values), BFLOAT16.encode(values))
    every = np.arange(1 << 16, dtype=np.uint16)
    known = bfloat16_values(every)
    normal = (every >> 7 & 0xFF != 0) & ~np.isnan(known)
    assert np.array_equal(bfloat16_words(known)[normal], every[normal])
    assert set(bfloat16_words(known)[~normal].tolist()) == {0x0000, 0x8000, 0x7FC0}


@pytest.mark.parametrize("values", [[3.4e38], [-np.inf], [np.nan], [-1e-39], [1.00390625]])
def test_the_nearest_bfloat16_is_that_of_exact_numbers(values: list[float]) -> None:
    assert bits(rounded_to_bfloat16(values)) == bits(
        [halves(v) for v in np.float32(values).tolist()]
    )


def test_every_pair_of_corners_multiplies_and_adds_as_exact_numbers_do() -> None:
    corners = bfloat16_values(CORNERS)
    left, right = (axis.ravel() for axis in np.meshgrid(corners, corners))
    pairs = list(zip(left.tolist(), right.tolist(), strict=True))
    assert bits(multiply(left, right)) == bits([times(a, b) for a, b in pairs])
    assert bits(add(left, right)) == bits([plus(a, b) for a, b in pairs])


@settings(max_examples=20, deadline=None)
@given(
    st.integers(1, 40), st.sampled_from([1, 2, 16]), st.sampled_from([5, 16, 48]),
    st.sampled_from([16, 32]), st.integers(0, 99), st.booleans(),
)  # fmt: skip
def test_a_product_is_that_of_exact_numbers_rounded_one_by_one(
    terms: int, lanes: int, piece: int, sum_bits: int, seed: int, corners: bool
) -> None:
    random = np.random.default_rng(seed)
    wide = 10.0 ** random.integers(-30, 18, (2, terms))
    x, w = (random.normal(size=(2, terms)) * wide).astype(np.float32)
    if corners:
        x[::3] = random.choice(bfloat16_values(CORNERS), x[::3].shape)
    made = lane_product(x[None], w[:, None], lanes=lanes, piece=piece, sum_bits=sum_bits)
    assert bits(made) == bits(lane_sum(x.tolist(), w.tolist(), lanes, piece, sum_bits))


def test_the_tree_is_one_of_neighbors() -> None:
    random = np.random.default_rng(3)
    x, w = random.normal(size=(2, 40, 64)).astype(np.float32)
    made = lane_product(x[:, None], w[:, :, None])[:, 0, 0]
    exact = [lane_sum(a.tolist(), b.tolist(), 16, 1024, 32) for a, b in zip(x, w, strict=True)]
    assert bits(made) == bits(exact)
    halves_apart = np.arange(16).reshape(2, 8).T.ravel()  # 0 8 1 9: pairs as another tree has them
    order = (np.arange(64).reshape(4, 16)[:, halves_apart]).ravel()
    other = lane_product(x[:, None, order], w[:, order, None])[:, 0, 0]
    assert bits(made) != bits(other)


def test_matrices_of_a_batch_are_multiplied_each() -> None:
    random = np.random.default_rng(1)
    x, w = random.normal(size=(2, 3, 20)), random.normal(size=(2, 20, 4))
    made = lane_product(x.astype(np.float32), w.astype(np.float32))
    assert made.shape == (2, 3, 4)
    one = lane_product(x[1, 2:].astype(np.float32), w[1].astype(np.float32))
    assert bits(made[1, 2]) == bits(one)
    np.testing.assert_allclose(made, x @ w, atol=0.1)


def test_a_single_number_stays_one() -> None:
    assert bfloat16_words(1.0).shape == rounded_to_bfloat16(2.5).shape == ()
    assert rounded_to_bfloat16(1.00390625) == 1


@pytest.mark.parametrize(
    ("order", "fault"),
    [
        ((1 << 40, 1, 32), "lanes must be a power of two up to 1024, not 1099511627776"),
        ((True, 1, 32), "lanes must be a power of two up to 1024, not True"),
        ((16, 1.5, 32), "piece must be from 1 to 16777216, not 1.5"),
        ((16, 1, "32"), "sum_bits must be 16 or 32, not '32'"),
    ],
)
def test_orders_that_no_unit_has_are_named(order: tuple[object, ...], fault: str) -> None:
    assert order_faults(*order) == [fault]
    assert not order_faults(16, 1024, 32)
