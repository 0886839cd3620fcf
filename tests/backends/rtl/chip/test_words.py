import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.backends.rtl.chip.check import random_charges
from netwright.backends.rtl.chip.words import (
    WordFormat,
    charge_codes,
    check_charges,
)
from netwright.errors import DataError
from netwright.formats import shared_exponent

PUBLISHED = WordFormat(16, 9, (3, 5, 7, 9))


@settings(max_examples=50)
@given(st.lists(st.integers(0, (1 << 22) - 1), min_size=1, max_size=48), st.integers(2, 10))
def test_normalization_is_a_division_by_a_power_of_two(row: list[int], bits: int) -> None:
    codes, exponents = shared_exponent(np.array([row]), bits)
    total, exponent = sum(row), int(exponents[0])
    if total == 0:
        assert exponent == 0
        assert not codes.any()
        return
    assert 2**exponent <= total < 2 ** (exponent + 1)
    for charge, code in zip(row, codes[0].tolist(), strict=True):
        exact = charge * 2 ** (bits - 1) / 2**exponent
        assert code == min(int(np.floor(exact + 0.5)), 2**bits - 1)


def test_a_charge_that_rounds_up_to_two_is_limited() -> None:
    codes, exponents = shared_exponent(np.array([[511, 0]]), 8)
    assert (codes.tolist(), exponents.tolist()) == ([[255, 0]], [8])


@pytest.mark.parametrize("mode", range(4))
def test_header_and_outputs_fill_the_links_exactly(mode: int) -> None:
    bits = PUBLISHED.latent_bits[mode]
    assert 16 * bits + 16 == 32 * PUBLISHED.links(mode)


@settings(max_examples=30)
@given(st.integers(0, 3), st.integers(0, 2**32 - 1))
def test_a_receiver_reads_what_was_packed(mode: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    codes = random.integers(0, 512, (5, 16))
    header = [random.integers(0, top, 5) for top in (32, 16, 16, 2)]
    words = PUBLISHED.pack(
        codes, header[0], mode=mode, generation=header[1], crossing=header[2], fault=header[3]
    )
    assert words.shape == (5, 5)
    assert not words[:, PUBLISHED.links(mode) :].any()
    got = PUBLISHED.unpack(words)
    assert (got.mode, got.bits) == (mode, PUBLISHED.latent_bits[mode])
    found = (got.exponents, got.generation, got.crossing, got.fault)
    for one, other in zip(found, header, strict=True):
        assert one.tolist() == other.tolist()
    assert np.array_equal(got.latents, codes >> (9 - got.bits))


def test_bits_of_a_word_by_hand() -> None:
    words = WordFormat(2, 4, (2, 4)).pack(
        np.array([[0b1001, 0b0110]]), np.array([5]), mode=0, generation=3, crossing=9, fault=1
    )
    assert int(words[0, 0]) == 0b01_10_00101_1_1001_0011_00


def test_negative_codes_keep_their_highest_bits() -> None:
    words = WordFormat(1, 4, (2, 4)).pack(
        np.array([[-3]]), np.array([0]), mode=0, generation=0, crossing=0, fault=0
    )
    assert int(words[0, 0]) >> 16 == 0b11


def test_words_of_several_modes_are_refused() -> None:
    codes, exponents = np.zeros((1, 16), dtype=np.int64), np.zeros(1, dtype=np.int64)
    words = [PUBLISHED.pack(codes, exponents, mode=mode) for mode in (0, 1)]
    with pytest.raises(DataError, match=r"words must be of one mode, not of \[0, 1\]"):
        PUBLISHED.unpack(np.concatenate(words))
    with pytest.raises(DataError, match=r"shape \(wafers, 5\)"):
        PUBLISHED.unpack(words[0][:, :3])


def test_charges_become_integers() -> None:
    codes = charge_codes(np.array([[0.0, 0.24, 0.25, 99.0]]), step=0.5, bits=4)
    assert codes.tolist() == [[0, 0, 1, 15]]


@pytest.mark.parametrize(
    ("charge", "message"),
    [
        (np.nan, r"the charge at \[0, 1\] is nan"),
        (-0.5, r"the charge at \[0, 1\] is -0.5"),
        (np.inf, r"the charge at \[0, 1\] is inf"),
    ],
)
def test_charges_that_no_wafer_has_are_refused(charge: float, message: str) -> None:
    with pytest.raises(DataError, match=message):
        charge_codes(np.array([[1.0, charge]]), step=0.5, bits=4)


def test_a_step_must_be_positive() -> None:
    with pytest.raises(DataError, match="step must be a positive charge, not 0"):
        charge_codes(np.ones((1, 1)), step=0, bits=4)


@pytest.mark.parametrize(
    ("charges", "message"),
    [
        (np.ones((2, 3)), "charges must be integers, not float64"),
        (np.ones((2, 4), dtype=int), r"the shape \(wafers, 3\), not \(2, 4\)"),
        (np.array([[0, 16, 0]]), "the charge of cell 1 in wafer 0 is 16; it must be from 0 to 15"),
        (np.array([[0, 0, -1]]), "the charge of cell 2 in wafer 0 is -1"),
    ],
)
def test_charges_that_cannot_enter_are_refused(charges: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_charges(charges, 3, 4)


def test_the_calorimeter_task_normalizes_as_the_chip_does() -> None:
    from netwright.tasks import calorimeter_charges

    charges = random_charges(300, 48, 22, seed=5)[1:]  # the task refuses wafers without charge
    found = calorimeter_charges.normalize(charges[charges.any(axis=1)])
    codes, exponents = shared_exponent(charges[charges.any(axis=1)], calorimeter_charges.INPUT_BITS)
    assert np.array_equal(found.codes, codes)
    assert np.array_equal(found.exponent, exponents)
    links = {PUBLISHED.links(mode): bits for mode, bits in enumerate(PUBLISHED.latent_bits)}
    assert dict(calorimeter_charges.LATENT_BITS) == links
