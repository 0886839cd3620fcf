"""Every path equals NumPy on what the formats decode to."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from netwright.errors import DataError, NumericsError
from netwright.formats import (
    MXFP4,
    MXFP6,
    MXINT8,
    NVFP4,
    Format,
    Int,
    NumberFormat,
    OutlierPairs,
    stored,
)
from netwright.kernels import (
    CodedInputs,
    CodedWeights,
    coded_product,
    encode_inputs,
    encode_weights,
)
from netwright.kernels.coding import coding_of
from netwright.kernels.isa import native
from tests.kernels.paths import COMPILED

PAIRS = OutlierPairs()
FLINTS = OutlierPairs("flint4")
INTEGERS: tuple[NumberFormat, ...] = (PAIRS, FLINTS, OutlierPairs(rule="left"), Int(4), Int(8))
INPUTS = (*INTEGERS, Int(8, signed=False), Int(6))
TOKENS = (1, 2, 3, 4, 5, 8, 9, 16, 17, 40)


def values_of(seed: int, shape: tuple[int, int], spread: float) -> NDArray[np.float64]:
    """Normal values with some far ones."""
    random = np.random.default_rng(seed)
    return random.normal(0, 3, shape) * np.where(random.random(shape) < 0.1, spread, 1)


@pytest.mark.parametrize("isa", COMPILED)
@settings(max_examples=40)
@given(
    weights=st.sampled_from(INTEGERS),
    inputs=st.sampled_from(INPUTS),
    rows=st.integers(1, 70),
    pairs=st.integers(1, 40),
    tokens=st.sampled_from(TOKENS),
    seed=st.integers(0, 999),
)
def test_integers_are_summed_exactly(
    isa: str,
    weights: NumberFormat,
    inputs: NumberFormat,
    rows: int,
    pairs: int,
    tokens: int,
    seed: int,
) -> None:
    coded = encode_weights(values_of(seed, (rows, 2 * pairs), 12), weights)
    given_inputs = values_of(seed + 1, (2 * pairs, tokens), 20)
    other = encode_inputs(given_inputs, inputs)
    decoded = Format(inputs, group_axis=0)
    expected = coded.integers() @ decoded.nearest(given_inputs).astype(np.int64)
    for path, num_threads in (("numpy", 1), (isa, 1), (isa, 2)):
        found = coded_product(coded, other, isa=path, num_threads=num_threads)
        assert found.dtype == np.int32
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("isa", COMPILED)
@pytest.mark.parametrize("number", [PAIRS, FLINTS], ids=str)
def test_every_pair_of_bytes(isa: str, number: OutlierPairs) -> None:
    """65 536 pairs, those that cannot occur too: a row has one byte, a token has one."""
    assert native is not None
    table = number.table.astype(np.int64)
    every = np.arange(256, dtype=np.uint8)
    tables = coding_of(number).tables
    weights = native.CodedWeights(256, 2, every[:, None], tables, 0, "", None)
    for step in (256, 8, 1):  # few tokens are looked up elsewhere
        found = np.zeros((256, 256), np.int32)
        for token in range(0, 256, step):
            part = np.zeros((256, step), np.int32)
            codes = every[None, token : token + step].copy()
            weights.run(codes, tables, None, "", 1.0, part, 1, isa)
            found[:, token : token + step] = part
        np.testing.assert_array_equal(found, table @ table.T)


@pytest.mark.parametrize("isa", COMPILED)
@settings(max_examples=40)
@given(
    formats=st.sampled_from(
        ((MXFP4, MXFP4), (NVFP4, NVFP4), (MXFP4, MXINT8), (MXFP4, Int(8)), (MXFP6, MXFP4),
         (MXINT8, MXINT8), (NVFP4, Int(4)), (MXFP4, PAIRS))
    ),
    rows=st.integers(1, 70),
    groups=st.integers(1, 5),
    tokens=st.sampled_from(TOKENS),
    seed=st.integers(0, 999),
)  # fmt: skip
def test_groups_with_scales_equal_the_reference_bit_by_bit(
    isa: str,
    formats: tuple[NumberFormat, NumberFormat],
    rows: int,
    groups: int,
    tokens: int,
    seed: int,
) -> None:
    extent = groups * formats[0].group
    weights = encode_weights(values_of(seed, (rows, extent), 30), formats[0])
    given_inputs = values_of(seed + 1, (extent, tokens), 300)
    inputs = encode_inputs(given_inputs, formats[1])
    expected = coded_product(weights, inputs, isa="numpy")
    real = Format(formats[0]).nearest(values_of(seed, (rows, extent), 30)) @ Format(
        formats[1], group_axis=0
    ).nearest(given_inputs)
    np.testing.assert_allclose(expected, real, rtol=1e-4, atol=1e-4 * np.abs(real).max())
    for num_threads in (1, 2):
        found = coded_product(weights, inputs, isa=isa, num_threads=num_threads)
        np.testing.assert_array_equal(found.view(np.int32), expected.view(np.int32))


@pytest.mark.parametrize("isa", COMPILED)
def test_extreme_scales_are_those_of_the_reference(isa: str) -> None:
    """Subnormal products, and those that reach the ends of float32."""
    random = np.random.default_rng(0)
    codes = random.integers(0, 256, (20, 32), dtype=np.uint8)
    scales = np.array([[0, 254]] * 10 + [[1, 127]] * 10, np.uint8)
    weights = CodedWeights(MXFP4, codes, scales)
    inputs = CodedInputs(
        MXFP4,
        random.integers(0, 256, (32, 12), dtype=np.uint8),
        np.array([[0, 100, 127, 20] * 3, [0, 100, 1, 120] * 3], np.uint8),
    )
    expected = coded_product(weights, inputs, isa="numpy")
    np.testing.assert_array_equal(coded_product(weights, inputs, isa=isa), expected)


def test_pairs_of_two_bytes_take_numpy() -> None:
    number = OutlierPairs("int8", outlier="e2m5")
    weights = encode_weights(values_of(1, (5, 12), 300), number)
    inputs = encode_inputs(values_of(2, (12, 3), 200), number)
    expected = weights.integers() @ inputs.integers()
    assert np.abs(weights.integers()).max() > 127
    np.testing.assert_array_equal(coded_product(weights, inputs), expected)


def test_stored_bytes_are_those_of_the_formats() -> None:
    for number in (PAIRS, MXFP4, NVFP4, Int(4), Int(8)):
        weights = encode_weights(values_of(3, (24, 64), 5), number)
        assert weights.stored_bytes == stored(Format(number), (24, 64)).num_bytes


def weights_of(number: NumberFormat = PAIRS, inputs: int = 64) -> CodedWeights:
    return encode_weights(values_of(4, (16, inputs), 5), number)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: encode_weights(np.zeros((2, 3)), Int(4)), "must be even, not 3"),
        (lambda: encode_weights(np.zeros(4), PAIRS), "weights must be a matrix of numbers"),
        (lambda: encode_inputs(np.zeros((0, 4)), PAIRS), "inputs must be a matrix of numbers"),
        (lambda: encode_weights(np.ones((2, 4)), Int(8, signed=False)), "weights must be signed"),
        (lambda: CodedWeights(PAIRS, np.zeros((2, 2), np.int8)), "codes must be uint8"),
        (lambda: CodedWeights(MXFP4, np.zeros((2, 16), np.uint8)), "scales must be an array"),
        (lambda: CodedWeights(MXFP4, np.zeros((2, 8), np.uint8)), "which do not divide 16"),
        (
            lambda: CodedWeights(PAIRS, np.zeros((2, 8), np.uint8), np.zeros((2, 1), np.uint8)),
            "has no scales of groups",
        ),
        (
            lambda: CodedWeights(
                MXFP4, np.zeros((2, 16), np.uint8), np.full((2, 1), 255, np.uint8)
            ),
            "the scale at (0, 0) is negative or no number, word 255",
        ),
    ],
)
def test_what_does_not_fit_a_format_is_refused(make: Any, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        make()


def test_bytes_that_cannot_occur_are_refused() -> None:
    for axis in (0, 1):
        codes = np.zeros((3, 4), np.uint8)
        codes[1, 2] = 0x88
        with pytest.raises(NumericsError, match="has no pair 1000 1000"):
            (CodedWeights if axis else CodedInputs)(PAIRS, codes)
    with pytest.raises(NumericsError, match="NaN"):
        encode_weights([[1.0, np.nan]], PAIRS)


@pytest.mark.parametrize(
    ("inputs", "options", "message"),
    [
        (lambda: encode_inputs(np.ones((62, 3)), PAIRS), {}, "inputs must have 64 rows, not 62"),
        (lambda: encode_inputs(np.ones((64, 3)), MXFP4), {}, "must share scales on both sides"),
        (
            lambda: encode_inputs(np.ones((64, 3)), PAIRS),
            {"out": np.zeros((16, 3), np.float32)},
            "out must be int32 of shape (16, 3)",
        ),
        (
            lambda: encode_inputs(np.ones((64, 3)), PAIRS),
            {"out": np.zeros((3, 16), np.int32).T},
            "out must be writeable and in C order",
        ),
        (lambda: encode_inputs(np.ones((64, 3)), PAIRS), {"num_threads": 0}, "num_threads must be"),
    ],
)
def test_what_does_not_fit_the_weights_is_refused(
    inputs: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        coded_product(weights_of(), inputs(), **options)


def test_shared_memory_is_refused() -> None:
    memory = np.zeros(16 * 3 * 4, np.uint8)
    inputs = CodedInputs(PAIRS, memory[: 32 * 3].reshape(32, 3))
    with pytest.raises(DataError, match="out must not share memory with inputs"):
        coded_product(weights_of(), inputs, out=memory.view(np.int32).reshape(16, 3))


def test_sums_that_int32_cannot_hold_are_refused() -> None:
    weights = encode_weights(np.full((1, 1 << 19), 96.0) * ([1, 0] * (1 << 18)), PAIRS)
    inputs = encode_inputs(np.ones((1 << 19, 1)), Int(8, signed=False))
    with pytest.raises(NumericsError, match="row 0 can reach"):
        coded_product(weights, inputs)


def test_groups_need_signed_inputs() -> None:
    weights = weights_of(MXFP4)
    with pytest.raises(DataError, match="need signed inputs of at most 8 bits"):
        coded_product(weights, encode_inputs(np.ones((64, 2)), Int(8, signed=False)))
