"""Every path of the N:M product equals NumPy in every element."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from netwright.errors import DataError, NumericsError
from netwright.formats import NM, Format, Int, stored
from netwright.kernels import NMWeights, nm_product, pack_nm
from tests.kernels.paths import COMPILED

PATTERNS = ((2, 4), (2, 8), (1, 8), (1, 16), (4, 8), (3, 5), (1, 1), (1, 3), (16, 16), (7, 11))


NOWHERE = np.zeros((3, 8), np.uint8)


def weights_of(seed: int, rows: int, groups: int, kept: int, group: int) -> NDArray[np.int8]:
    random = np.random.default_rng(seed)
    dense = random.integers(-128, 128, (rows, groups, group), dtype=np.int8)
    order = random.random(dense.shape).argsort(axis=2)
    number = random.integers(0, kept + 1, (rows, groups, 1))
    return np.where(order < number, dense, 0).astype(np.int8).reshape(rows, -1)


@pytest.mark.parametrize("isa", COMPILED)
@settings(max_examples=50)
@given(
    pattern=st.sampled_from(PATTERNS),
    rows=st.integers(1, 70),
    groups=st.integers(1, 40),
    tokens=st.sampled_from((1, 2, 3, 5, 8, 9, 16, 17, 40, 70)),
    seed=st.integers(0, 999),
)
def test_path_equals_numpy(
    isa: str, pattern: tuple[int, int], rows: int, groups: int, tokens: int, seed: int
) -> None:
    kept, group = pattern
    dense = weights_of(seed, rows, groups, kept, group)
    packed = pack_nm(dense, kept=kept, group=group)
    np.testing.assert_array_equal(packed.unpack(), dense)
    random = np.random.default_rng(seed)
    activation = random.integers(0, 256, (groups * group, tokens), dtype=np.uint8)
    expected = dense.astype(np.int64) @ activation
    for path, num_threads in (("numpy", 1), (isa, 1), (isa, 2)):
        found = nm_product(packed, activation, isa=path, num_threads=num_threads)
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("isa", COMPILED)
def test_extreme_values_are_exact(isa: str) -> None:
    packed = pack_nm(np.tile(np.array([[-128, 127, 0, 0]]), (17, 64)), kept=2, group=4)
    activation = np.full((256, 9), 255, np.uint8)
    np.testing.assert_array_equal(nm_product(packed, activation, isa=isa), -64 * 255)


def test_stored_bytes_are_those_of_the_formats() -> None:
    for kept, group in ((2, 4), (2, 8), (1, 16)):
        packed = pack_nm(weights_of(1, 32, 8, kept, group), kept=kept, group=group)
        format = Format(Int(8), pattern=NM(kept, group, axis=1))
        assert packed.stored_bytes == stored(format, (32, 8 * group)).num_bytes


def arrays(**changed: Any) -> dict[str, Any]:
    packed = pack_nm(weights_of(2, 3, 4, 2, 4), kept=2, group=4)
    names = ("inputs", "kept", "group", "values", "places")
    return {name: getattr(packed, name) for name in names} | changed


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pack_nm(np.ones((2, 8)), kept=2, group=4), "weights: NM(2:4) allows 2 of 4"),
        (lambda: pack_nm(np.zeros((2, 6)), kept=2, group=4), "weights: NM(2:4) must divide axis 1"),
        (lambda: pack_nm(np.ones((2, 4)), kept=5, group=4), "not 5 of 4"),
        (lambda: pack_nm(np.ones((2, 34)), kept=1, group=17), "not 1 of 17"),
        (lambda: pack_nm(np.ones((0, 4)), kept=2, group=4), "lengths must be at least 1"),
        (lambda: pack_nm(np.full((1, 4), 0.5), kept=4, group=4), "weights must be integers"),
        (lambda: NMWeights(**arrays(inputs=18)), "inputs must be a multiple of the group 4"),
        (lambda: NMWeights(**arrays(inputs=20)), "values must be int8 of shape (rows, 10)"),
        (
            lambda: NMWeights(**arrays(places=np.full((3, 8), 4, np.uint8))),
            "places must be smaller than the group 4, not 4",
        ),
        (
            lambda: NMWeights(**arrays(values=np.ones((3, 8), np.int8), places=NOWHERE)),
            "places must ascend, which those of row 0, group 0 do not",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused(make: Any, message: str) -> None:
    with pytest.raises(DataError) as caught:
        make()
    assert message in str(caught.value)


def test_rows_that_could_overflow_are_refused() -> None:
    with pytest.raises(NumericsError, match="row 0 can reach"):
        pack_nm(np.full((1, 1 << 17), 127, np.int8), kept=1, group=1)


@pytest.mark.parametrize(
    ("activation", "options", "message"),
    [
        (np.zeros((15, 2), np.uint8), {}, "activation must be uint8 of shape (16, tokens)"),
        (np.zeros((16, 2), np.int8), {}, "activation must be uint8"),
        (np.zeros((16, 0), np.uint8), {}, "activation must be uint8"),
        (np.zeros((16, 2), np.uint8), {"out": np.zeros((3, 3), np.int32)}, "out must be int32"),
        (
            np.zeros((16, 2), np.uint8),
            {"out": np.zeros((2, 3), np.int32).T},
            "out must be writeable and in C order",
        ),
        (np.zeros((16, 2), np.uint8), {"num_threads": 257}, "num_threads must be from 1 to 256"),
    ],
)
def test_operands_that_do_not_fit_are_refused(
    activation: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        nm_product(NMWeights(**arrays()), activation, **options)


def test_shared_memory_is_refused() -> None:
    memory = np.zeros(64, np.uint8)
    with pytest.raises(DataError, match="out must not share memory with activation"):
        nm_product(
            NMWeights(**arrays()),
            memory[:32].reshape(16, 2),
            out=memory[8:32].view(np.int32).reshape(3, 2),
        )
