import numpy as np
import pytest

from netwright.errors import NumericsError
from netwright.formats import Flint, OutlierPairs
from netwright.testing import NumberFormatSuite


class TestFlint(NumberFormatSuite):
    numbers = (Flint(),)


def test_flints_are_the_normal_values_of_pairs() -> None:
    pairs = OutlierPairs("flint4")
    values = [value for value in range(-16, 17) if abs(value) in pairs.normals]
    assert Flint().allowed(range(-16, 17)).sum() == len(values) == 15
    alone = Flint().encode(values)
    paired = pairs.encode(np.stack([values, np.zeros(15)], axis=1))[:, 0]
    assert np.array_equal(alone, paired)


def test_minus_zero_is_zero_and_wide_words_are_refused() -> None:
    assert Flint().decode(np.array([8], np.uint64)).tolist() == [0]
    assert Flint().encode([-0.0, -0.4]).tolist() == [0, 0]
    with pytest.raises(NumericsError, match=r"flint4 has no word 16, the one at \(1,\)"):
        Flint().decode(np.array([0, 16], np.uint64))
