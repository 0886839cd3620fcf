"""The chip's normalization and what its links carry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.errors import ConfigError, DataError
from netwright.tasks import calorimeter_charges as charges


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, charges.MAX_CHARGE), min_size=48, max_size=48).filter(any))
def test_normalization_is_a_shift_rounded_half_up(wafer: list[int]) -> None:
    found = charges.normalize(np.array([wafer]))
    exponent = sum(wafer).bit_length() - 1
    assert found.exponent.tolist() == [exponent]
    wanted = [min((q * 2**8 + 2**exponent) // 2 ** (exponent + 1), 255) for q in wafer]
    assert found.codes[0].tolist() == wanted
    real = charges.real_charges(np.array([wafer]))[0]
    assert real.astype(np.float64).sum() == sum(wafer) / 2**exponent
    assert 1 <= real.sum(dtype=np.float64) < 2


@pytest.mark.parametrize("sum_", [1, 2, 3, 4, 127, 128, 255, 256, 2**22 - 1])
def test_exponent_is_the_leading_one(sum_: int) -> None:
    wafer = np.zeros((1, 48), dtype=np.int64)
    wafer[0, 5] = sum_
    found = charges.normalize(wafer)
    assert found.exponent.tolist() == [sum_.bit_length() - 1]
    assert found.codes[0, 5] == min(255, int(sum_ * 128 / 2 ** (sum_.bit_length() - 1) + 0.5))


def test_payload_and_header_fill_the_links() -> None:
    for links in charges.LATENT_BITS:
        assert charges.payload_bits(links) + 16 == charges.LINK_BITS * links
    assert [charges.latent_bits(links) for links in (2, 3, 4, 5)] == [3, 5, 7, 9]
    with pytest.raises(ConfigError, match="links must be 2, 3, 4, 5, not 6"):
        charges.latent_bits(6)


@pytest.mark.parametrize(
    ("wafers", "expected"),
    [
        (np.ones((2, 47), dtype=np.int64), "wafers must have shape (rows, 48), not (2, 47)"),
        (np.full((2, 48), 1.5), "charges must be whole counts, not float64"),
        (np.eye(3, 48, dtype=np.int64) - 2, "charge at row 0, cell 0 must be 0 to 4194303, not -1"),
        (
            np.eye(4, 48, dtype=np.int64)[[0, 1]] * np.array([[1], [0]]),
            "row 1 holds no charge, 1 such rows in all\n"
            "hint: drop wafers without any charge: their normalization is not defined",
        ),
        (
            np.full((1, 48), 1 << 22),
            "charge at row 0, cell 0 must be 0 to 4194303, not 4194304",
        ),
    ],
)
def test_wafers_that_cannot_be_normalized_are_refused(wafers: np.ndarray, expected: str) -> None:
    with pytest.raises(DataError) as caught:
        charges.normalize(wafers)
    assert str(caught.value) == expected


def test_occupancy_counts_cells_above_one_mip() -> None:
    wafer = np.zeros((1, 48), dtype=np.int64)
    wafer[0, :3] = 35, 36, 900
    assert charges.occupancy(wafer).tolist() == [2]
