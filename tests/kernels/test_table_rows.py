"""Weights in few bits and N:M weights through the table of products."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from netwright.errors import DataError
from netwright.formats import MXFP4, NM, NVFP4, Format, Int, NumberFormat, OutlierPairs
from netwright.kernels import available_isas
from netwright.kernels.products import product_for

PAIRS = OutlierPairs()
FLINTS = OutlierPairs("flint4")


def values_of(format: Format, shape: tuple[int, int], seed: int) -> NDArray[Any]:
    """Values before the scale, some of them far."""
    random = np.random.default_rng(seed)
    drawn = random.normal(0, 3, shape) * np.where(random.random(shape) < 0.1, 15, 1)
    return format.nearest(drawn)


def product(
    weights: Format, inputs: Format, values: NDArray[Any], given: NDArray[Any], isa: str
) -> tuple[str, NDArray[Any]]:
    kernel = product_for(weights, inputs, shape=values.shape)
    assert kernel.pack is not None
    multiply = kernel.prepare(kernel.pack(values, weights), weights, inputs, isa)
    return kernel.name, multiply(given, num_threads=2)


@pytest.mark.parametrize("isa", available_isas())
@pytest.mark.parametrize("inputs", [PAIRS, FLINTS, Int(8), Int(8, signed=False), Int(3)], ids=str)
@pytest.mark.parametrize("weights", [PAIRS, FLINTS, Int(4), Int(3)], ids=str)
def test_integers_in_four_bits_are_exact(
    isa: str, weights: NumberFormat, inputs: NumberFormat
) -> None:
    kinds = Format(weights, group_axis=0), Format(inputs, group_axis=0)
    values, given = values_of(kinds[0], (14, 9), 1), values_of(kinds[1], (14, 5), 2)
    table = (kinds[0], Format(inputs))
    name, made = product(*table, values.astype(np.int64), given.astype(np.int64), isa)
    assert name == "four-bit words"
    np.testing.assert_array_equal(made, values.T @ given)


@pytest.mark.parametrize("number", [MXFP4, NVFP4], ids=str)
def test_scaled_groups_are_multiplied(number: NumberFormat) -> None:
    along = Format(number, group_axis=0)
    values, given = values_of(along, (64, 9), 3), values_of(along, (64, 5), 4)
    found = [product(along, Format(number), values, given, isa) for isa in available_isas()]
    for name, made in found:
        assert name == "scaled groups"
        np.testing.assert_array_equal(made, found[0][1])
    np.testing.assert_allclose(found[0][1], values.T @ given, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("isa", available_isas())
@pytest.mark.parametrize("inputs", [Int(8), Int(8, signed=False)], ids=str)
def test_n_of_m_weights_are_exact(isa: str, inputs: Int) -> None:
    random = np.random.default_rng(5)
    values = random.integers(-128, 128, (24, 7))
    values.reshape(3, 8, 7)[:, 2:] = 0
    given = random.integers(inputs.min, inputs.max + 1, (24, 6))
    weights = Format(Int(8), pattern=NM(2, 8, axis=0))
    name, made = product(weights, Format(inputs), values, given, isa)
    assert name == "N:M int8"
    np.testing.assert_array_equal(made, values.T @ given)


@pytest.mark.parametrize(
    ("weights", "inputs", "extent"),
    [
        (Format(PAIRS), Format(Int(8)), 4),  # pairs lie along the outputs
        (Format(Int(4)), Format(Int(8)), 5),  # an odd number of inputs
        (Format(Int(8), pattern=NM(2, 8, axis=1)), Format(Int(8)), 8),
        (Format(Int(8), pattern=NM(2, 32, axis=0)), Format(Int(8)), 32),
    ],
)
def test_what_these_rows_do_not_take_is_taken_by_others(
    weights: Format, inputs: Format, extent: int
) -> None:
    assert product_for(weights, inputs, shape=(extent, 32)).name == "int8"


def test_damaged_arrays_are_refused() -> None:
    kinds = Format(PAIRS, group_axis=0), Format(Int(8))
    kernel = product_for(*kinds, shape=(4, 4))
    with pytest.raises(DataError, match='they have no "codes"'):
        kernel.prepare({}, *kinds, None)
    with pytest.raises(DataError, match=r"packed weights are damaged: .* has no pair 1000 1000"):
        kernel.prepare({"codes": np.full((4, 2), 0x88, np.uint8)}, *kinds, None)
    kinds = Format(Int(8), pattern=NM(1, 4, axis=0)), Format(Int(8))
    kernel = product_for(*kinds, shape=(4, 4))
    bad = {"inputs": np.array([4]), "values": np.ones((4, 1), np.int8)}
    with pytest.raises(DataError, match='they have no "places"'):
        kernel.prepare(bad, *kinds, None)
    with pytest.raises(DataError, match="places must be smaller than the group 4, not 9"):
        kernel.prepare(bad | {"places": np.full((4, 1), 9, np.uint8)}, *kinds, None)
