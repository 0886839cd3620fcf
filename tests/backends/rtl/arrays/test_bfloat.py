"""The order and the rounding of floating-point sums: the model, by hand, and the array."""

from pathlib import Path

import numpy as np
import pytest

from netwright.backends.rtl.arrays import NMArray, bfloat
from netwright.backends.rtl.arrays.layers import MODES
from netwright.errors import NumericsError
from netwright.formats import BFLOAT16
from tests.backends.rtl.arrays.test_nm import sparse
from tests.backends.rtl.graphs import needs_verilator


def float32(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_sums_round_to_even_in_their_order() -> None:
    terms = float32(2.0**24, 1.0, 1.0, -(2.0**24))
    assert bfloat.output_stationary(lambda step: terms[step : step + 1], 4).tolist() == [0.0]
    # Two rows of elements with a weight each: (2**24 + 1) + (1 - 2**24), both halves rounded.
    found = bfloat.weight_stationary(lambda step: terms[step : step + 1], 4, 2, 1)
    assert found.tolist() == [1.0]


@pytest.mark.tool("g++")
@needs_verilator
def test_the_array_equals_the_model_in_every_bit(tmp_path: Path) -> None:
    array = NMArray(2, 2, kept=2, group=4, number="bfloat16")
    design, random = array.generate(tmp_path / "array"), np.random.default_rng(8)
    for rows, depth, features, spread in (
        (1, 4, 1, 1),
        (3, 40, 3, 2),
        (4, 37, 5, 20),
        (2, 24, 6, 90),
    ):
        x = random.standard_normal((rows, depth)) * 2.0 ** random.integers(
            -spread, spread, (rows, depth)
        )
        w = random.standard_normal((depth, features)) * 2.0 ** random.integers(
            -spread, spread, (depth, features)
        )
        x, w = (BFLOAT16.decode(BFLOAT16.encode(side)) for side in (x, w))
        masked = np.where(sparse(random, depth, features, array) != 0, w, 0.0)
        for stationary, dense in MODES:
            weights = w if dense else masked
            found = design.simulate(x, weights, stationary=stationary, dense=dense)
            expected = array.reference(x, weights, stationary=stationary, dense=dense)
            assert np.array_equal(found.values.view(np.uint32), expected.view(np.uint32))
            assert found.cycles == array.cycles(
                rows, depth, features, stationary=stationary, dense=dense
            )


def test_values_that_are_no_bfloat16_are_refused(tmp_path: Path) -> None:
    design = NMArray(2, 2, number="bfloat16").generate(tmp_path / "array")
    for value, text in ((1.001, "1.001"), (np.inf, "inf"), (np.nan, "nan")):
        with pytest.raises(NumericsError) as caught:
            design.simulate([[1.0, value]], [[1.0], [0.0]])
        assert str(caught.value) == f"x holds {text} at (0, 1), which is no finite value of e8m7"
